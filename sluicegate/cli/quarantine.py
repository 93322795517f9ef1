"""The commands of quarantine: what was rejected is listed, shown, and judged again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sluicegate.cli import render_quarantine, render_run
from sluicegate.cli.lake import Env as LakesEnv
from sluicegate.cli.lake import settings_for
from sluicegate.cli.options import Env, Json
from sluicegate.settings import load_settings

if TYPE_CHECKING:
    from sluicegate.ingestion import Selection

quarantine_app = typer.Typer(
    help="Rejected records: why, and what becomes of them.", no_args_is_help=True
)

Rules = Annotated[
    list[str] | None,
    typer.Option("--rule", help="Only records that break this rule; may be repeated."),
]
Files = Annotated[
    list[str] | None, typer.Option("--file", help="Only records of this batch; may be repeated.")
]
Sources = Annotated[
    list[str] | None, typer.Option("--source", help="Only records of this source; may be repeated.")
]
Ref = Annotated[
    str | None,
    typer.Option("--ref", help="Look at another ref, a generation, or refused/RUN instead."),
]


@quarantine_app.command("list")
def list_(
    env: LakesEnv = None,
    ref: Ref = None,
    sources: Sources = None,
    rules: Rules = None,
    files: Files = None,
    json: Json = False,
) -> None:
    """Count what is in quarantine, by source and rule."""
    from sluicegate.pipeline.quarantine import take_stock

    settings = settings_for("dev" if ref is None else ref, env)
    found = take_stock(
        settings, settings.ref if ref is None else ref, _selection(sources, rules, files)
    )
    render_quarantine.stock(found, json=json)


@quarantine_app.command()
def show(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    env: LakesEnv = None,
    ref: Ref = None,
    rules: Rules = None,
    files: Files = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Records to show.")] = 20,
    json: Json = False,
) -> None:
    """Show rejected records of a source, and what replays made of others; personal data masked."""
    from sluicegate.pipeline.quarantine import show as look

    settings = settings_for("dev" if ref is None else ref, env)
    found = look(
        settings, settings.ref if ref is None else ref, _selection([source], rules, files), most
    )
    render_quarantine.records(found, narrowed=bool(rules or files), json=json)


@quarantine_app.command()
def replay(
    env: Env = "dev",
    sources: Sources = None,
    rules: Rules = None,
    files: Files = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would pass; publish nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Judge what is in quarantine by today's contract, and publish what passes."""
    settings = load_settings(env)
    selection = _selection(sources, rules, files)
    if dry_run:
        from sluicegate.pipeline.replaying import rehearse

        report = rehearse(settings, selection)
    else:
        from sluicegate.cli.running import run_replay

        report = run_replay(settings, selection, quiet=json)
    render_run.report(report, json=json)


def _selection(
    sources: list[str] | None, rules: list[str] | None, files: list[str] | None
) -> Selection:
    from sluicegate.ingestion import Selection

    return Selection(tuple(sources or ()), tuple(rules or ()), tuple(files or ()))
