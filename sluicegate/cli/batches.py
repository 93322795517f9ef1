"""The commands of batches: an operator lists them, keeps one out, and lets it in again."""

from __future__ import annotations

from typing import Annotated

import typer

from sluicegate.cli import render_batches
from sluicegate.cli.options import Env, Json
from sluicegate.settings import load_settings

batches_app = typer.Typer(
    help="Batches of a source: keep one out of the lake, let it in again.", no_args_is_help=True
)

Source = Annotated[str, typer.Argument(metavar="SOURCE")]
Batch = Annotated[
    str, typer.Argument(metavar="BATCH", help="Its id or how that begins, or its file.")
]


@batches_app.command("list")
def list_(source: Source, env: Env = "dev", json: Json = False) -> None:
    """List what the lake has of a source, what waits at it, and what is condemned."""
    from sluicegate.pipeline.condemning import list_batches

    render_batches.listed(source, list_batches(load_settings(env), source), json=json)


@batches_app.command()
def condemn(
    source: Source,
    batch: Batch,
    because: Annotated[str, typer.Option("--because", help="Why; every report tells it.")],
    env: Env = "dev",
    json: Json = False,
) -> None:
    """Keep a batch out of an environment, also after a rollback, until it is released."""
    from sluicegate.pipeline.condemning import condemn as rule

    render_batches.condemned(rule(load_settings(env), source, batch, because), env, json=json)


@batches_app.command()
def release(source: Source, batch: Batch, env: Env = "dev", json: Json = False) -> None:
    """Let a condemned batch come in again, with the next run."""
    from sluicegate.pipeline.condemning import release as rule

    render_batches.released(rule(load_settings(env), source, batch), env, json=json)
