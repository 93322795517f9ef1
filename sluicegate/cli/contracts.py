"""The commands of contracts: their rules written down, and compared with those of a revision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluicegate.cli import render_contracts as render
from sluicegate.cli.options import Json
from sluicegate.errors import DataRefused
from sluicegate.settings import project_root

contracts_app = typer.Typer(
    help="Contracts: whom a change of them breaks, and what a file breaks of them.",
    no_args_is_help=True,
)


@contracts_app.command("diff")
def diff(
    revision: Annotated[
        str, typer.Argument(metavar="REV", help="A branch, tag or commit of git, such as main.")
    ],
    json: Json = False,
) -> None:
    """Show what the contracts promise that they did not at REV, and whom that breaks.

    Exit code 5 if a change breaks readers or writers, or if that cannot be decided.
    """
    from sluicegate.pipeline.versions import diff_contracts

    with render.watched(quiet=json):
        found = diff_contracts(project_root(), revision)
    render.diffed(found, json=json)
    # Not an error of ours: what there is to say has been said, once.
    raise typer.Exit(found.exit_code)


@contracts_app.command("snapshot")
def snapshot(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 5 if it is not up to date.")
    ] = False,
    json: Json = False,
) -> None:
    """Write down the rules of all contracts beside them, to be committed with them."""
    from sluicegate.pipeline.versions import require_snapshot, snapshot_contracts

    if check:
        render.up_to_date(require_snapshot(project_root()), json=json)
    else:
        render.written(snapshot_contracts(project_root()), json=json)


@contracts_app.command("export")
def export(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 5 if one is not up to date.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="FORMAT", help="dbt, odcs, schema or docs; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Write what others need of the contracts: dbt YAML, ODCS, JSON Schema, pages."""
    from sluicegate.pipeline.exports import export_contracts, require_exports

    done = (require_exports if check else export_contracts)(project_root(), only or [])
    render.exported(done, json=json)


@contracts_app.command("try")
def try_(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    most: Annotated[int, typer.Option("--most", min=0, help="Broken records to show.")] = 10,
    json: Json = False,
) -> None:
    """Hold a file to the contract of a source, without any lake; personal data masked.

    Exit code 3 if a record breaks it, or the file would be held as a whole.
    """
    from sluicegate.pipeline.trying import attempt

    found = attempt(project_root(), source, file, most)
    render.attempted(found, json=json)
    if found.quarantined:
        raise typer.Exit(DataRefused.exit_code)
