"""The command that makes a source out of a file nobody has described."""

from __future__ import annotations

from typing import Annotated

import typer

from sluicegate.cli.options import Env, Json
from sluicegate.settings import load_settings


def source(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the source, and of its table.")],
    origin: Annotated[
        str, typer.Option("--from", metavar="FILE|URL", help="A file as the provider sends it.")
    ],
    owner: Annotated[str | None, typer.Option("--owner", help="The team to ask.")] = None,
    land: Annotated[
        bool, typer.Option("--land", help="Put the file into the landing folder, too.")
    ] = False,
    env: Env = "dev",
    json: Json = False,
) -> None:
    """Propose a new source from a sample: contract, staging model and test, to be corrected.

    Nothing is overwritten: all files are written, or none.
    """
    from sluicegate.cli import render_scaffold as render
    from sluicegate.pipeline.scaffolding import scaffold

    render.scaffolded(scaffold(load_settings(env), name, origin, owner=owner, land=land), json=json)
