"""The commands of the lake: git for data. Where a command names a ref, a generation will do too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluicegate.cli import render_keep
from sluicegate.cli import render_lake as render
from sluicegate.cli.options import Json
from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.settings import Settings, environments, load_settings, project_root

if TYPE_CHECKING:
    from sluicegate.lake import Lake

Ref = Annotated[str, typer.Argument(metavar="REF", help="An environment or another ref.")]
Name = Annotated[str, typer.Argument(metavar="REF", help="A ref, a generation, or refused/<run>.")]
Env = Annotated[
    str | None,
    typer.Option("--env", help="Whose settings say where the lake is; by default REF's, or dev's."),
]

lake_app = typer.Typer(help="Git for data: look at the lake, branch it, move it back.")


@lake_app.command("refs")
def refs(
    env: Annotated[str, typer.Option("--env", help="Environment whose lake it is.")] = "dev",
    json: Json = False,
) -> None:
    """List every ref: environments that were published to, and branches."""
    from sluicegate.lake import Lake

    settings = load_settings(env)
    found = Lake.of(settings).refs
    known = environments(settings.project)
    render.refs([found.require(name) for name in found.names()], known, json=json)


@lake_app.command("log")
def log(ref: Ref = "dev", env: Env = None, json: Json = False) -> None:
    """Show every move of a ref, newest first."""
    lake, name = _opened(ref, env)
    moves = list(lake.refs.log(name))
    if not moves:
        lake.refs.require(name)
    render.moves(moves, json=json)


@lake_app.command("show")
def show(name: Name = "dev", env: Env = None, json: Json = False) -> None:
    """Show what a ref or generation holds: its tables, their rows and files."""
    from sluicegate.lake.show import show as look

    lake, name = _opened(name, env)
    render.shown(look(lake, name), json=json)


@lake_app.command("branch")
def branch(
    name: Annotated[str, typer.Argument(help="Name of the new ref, such as feature/fees.")],
    source: Annotated[str, typer.Option("--from", help="A ref or generation.")] = "dev",
    masked: Annotated[
        bool, typer.Option("--masked", help="Copy the data with personal values replaced.")
    ] = False,
    env: Env = None,
    json: Json = False,
) -> None:
    """Make a ref of your own that shows what another one shows; no data are copied.

    With --masked they are: personal values are replaced by pseudonyms, and joins still hold.
    """
    lake, start = _opened(source, env)
    _require_own(name)
    if masked:
        from sluicegate.pipeline.masking import masked_branch

        with render.watched(quiet=json) as progress:
            masking = masked_branch(settings_for(source, env), name, start, progress)
        render.masked(masking, json=json)
    else:
        render.branched(lake.start(name, start), start, json=json)


@lake_app.command("delete")
def delete(name: Ref, env: Env = None, json: Json = False) -> None:
    """Delete a ref of your own; what it showed is kept for lake.keep_days after that."""
    lake, name = _opened(name, env)
    _require_own(name)
    render.deleted(lake.delete(name), json=json)


@lake_app.command("rollback")
def rollback(
    ref: Ref,
    to: Annotated[
        str | None, typer.Option("--to", help="Generation; by default the one before.")
    ] = None,
    env: Env = None,
    json: Json = False,
) -> None:
    """Let readers see an earlier generation again, at once and without loss."""
    lake, name = _opened(ref, env)
    render.rolled_back(lake.rollback(name, to), json=json)


@lake_app.command("sql")
def sql(
    name: Name,
    query: Annotated[
        str | None, typer.Argument(help="One statement that reads; by default from stdin.")
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="Write the answer as CSV; - is stdout."),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="With --csv: no apostrophe before what looks like a formula."),
    ] = False,
    env: Env = None,
    json: Json = False,
) -> None:
    """Answer a query on what readers of a ref see; nothing can be changed."""
    from sluicegate.cli import csv_answer
    from sluicegate.lake import query as ask

    csv_answer.require_sense(csv, exact=exact, json=json)
    lake, name = _opened(name, env)
    if query is None and sys.stdin.isatty():
        raise ConfigurationError(
            "There is no query.", hint=f'sluicegate lake sql {name} "SHOW ALL TABLES"'
        )
    text = query if query is not None else sys.stdin.read()
    if csv is None:
        render.answer(ask(lake, name, text), json=json)
    else:
        csv_answer.write(lake, name, text, csv, exact=exact, json=json)


@lake_app.command("attach")
def attach(name: Name = "dev", env: Env = None) -> None:
    """Print the SQL with which DuckDB's own CLI or UI attaches what a ref shows, read-only."""
    from sluicegate.lake.attach import statements

    lake, name = _opened(name, env)
    render.statements(statements(lake, name))


@lake_app.command("diff")
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="Before: a ref, a generation, …")],
    after: Annotated[str, typer.Argument(metavar="B", help="After: … or refused/<run>.")],
    table: Annotated[
        list[str] | None, typer.Option("--table", help="schema.table; again for more than one.")
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", min=0, max=1000, help="Rows to show of every kind.")
    ] = 5,
    env: Env = None,
    json: Json = False,
) -> None:
    """Show what is different in B: tables, columns, rows by key, values; personal ones masked."""
    from sluicegate.cli import render_diff
    from sluicegate.pipeline.diffing import diff_by_contract

    lake, (old, new) = _opened_both(before, after, env)
    found = diff_by_contract(
        lake, old, new, project=project_root(), tables=table or (), sample=sample
    )
    render_diff.diffed(found, json=json)


@lake_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="File to write, such as marts.duckdb.")],
    views: Annotated[
        bool, typer.Option("--views", help="Views on the lake's data files, instead of copies.")
    ] = False,
    contracts: Annotated[
        bool, typer.Option("--contracts", help="What has a contract, instead of the marts.")
    ] = False,
    env: Annotated[str, typer.Option("--env", help="Environment.")] = "dev",
    json: Json = False,
) -> None:
    """Write the marts that readers see into one DuckDB file, for BI tools.

    With --contracts, every table that has a contract, in its schema: for tools that read ODCS.
    """
    from sluicegate.lake import export_marts

    settings, tables = load_settings(env), None
    if contracts:
        from sluicegate.catalogue import load_catalogue

        tables = load_catalogue(settings.project).tables
    render.exported(export_marts(settings, file, views=views, tables=tables), json=json)


@lake_app.command("backup")
def backup(
    folder: Annotated[Path, typer.Argument(help="Folder for backups; a later one adds to it.")],
    env: Annotated[str, typer.Option("--env", help="Environment whose lake it is.")] = "dev",
    json: Json = False,
) -> None:
    """Copy lake and ledger into a folder, as one consistent set, beside whatever runs."""
    from sluicegate.lake import Lake
    from sluicegate.lake.backup import back_up

    render.backed_up(back_up(Lake.of(load_settings(env)), folder.absolute()), json=json)


@lake_app.command("restore")
def restore(
    folder: Annotated[Path, typer.Argument(help="Folder with backups.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Which backup; by default the newest.")
    ] = None,
    env: Annotated[str, typer.Option("--env", help="Environment whose lake it becomes.")] = "dev",
    json: Json = False,
) -> None:
    """Copy a backup into the lake that the settings name: an empty one, or that backup already.

    Another place is named by SLUICEGATE_LAKE__ROOT=<folder>.
    """
    from sluicegate.lake import Lake
    from sluicegate.lake.restore import restore as copy_back

    render.restored(copy_back(folder.absolute(), Lake.of(load_settings(env)), name), json=json)


@lake_app.command("gc")
def gc(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be removed.")
    ] = False,
    env: Annotated[
        str, typer.Option("--env", help="Environment whose lake it is, and whose keep_days count.")
    ] = "dev",
    json: Json = False,
) -> None:
    """Remove what nothing reaches any more, and raw files that are kept no longer."""
    from sluicegate.lake import Lake
    from sluicegate.lake.collect import collect
    from sluicegate.pipeline.retention import expire

    settings = load_settings(env)
    keep, grace = settings.lake.keep, settings.lake.grace
    lake = Lake.of(settings)
    collected = collect(lake, keep=keep, grace=grace, dry_run=dry_run)
    expired = expire(settings, lake, collected.kept, dry_run=dry_run)
    render_keep.collected(collected, expired, json=json)


@lake_app.command("verify")
def verify(
    name: Annotated[
        str | None,
        typer.Argument(metavar="REF", help="A ref, a generation, or refused/<run>; else all."),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read data files to the last byte too.")
    ] = False,
    backup: Annotated[
        Path | None,
        typer.Option("--backup", help="Read every backup in this folder instead of the lake."),
    ] = None,
    env: Env = None,
    json: Json = False,
) -> None:
    """Look whether everything that the lake keeps is there, and is what it was."""
    from sluicegate.pipeline.verifying import verify_with_ledger

    if backup is not None:
        _verify_backups(backup.absolute(), env if name is None else name, json=json)
        return
    settings = settings_for("dev" if name is None else name, env)
    verified = verify_with_ledger(settings, name, deep=deep)
    render_keep.verified(verified, json=json)
    verified.require_whole()


def _verify_backups(folder: Path, asked: str | None, *, json: bool) -> None:
    from sluicegate.lake.verify_backup import verify_backups

    if asked is not None:
        raise ConfigurationError(
            "--backup looks at all that is in a folder, and at no ref or environment.",
            hint=f"sluicegate lake verify --backup {folder}",
        )
    found = verify_backups(folder)
    render_keep.verified_backups(found, json=json)
    found.require_whole()


def _opened(name: str, env: str | None) -> tuple[Lake, str]:
    """The lake that a name is in, and the name: whatever runs publish to, it means itself."""
    from sluicegate.lake import Lake

    lake = Lake.of(settings_for(name, env))
    _require_begun(lake, name)
    return lake, name


def _require_begun(lake: Lake, name: str) -> None:
    if name in environments(project_root()) and lake.refs.head(name) is None:
        raise UnknownName(
            f"Nothing was published to {name!r} yet.",
            where=lake.store.where("refs"),
            hint=f"run it first: make run ENV={name}",
        )


def _opened_both(before: str, after: str, env: str | None) -> tuple[Lake, list[str]]:
    """The lake that two names are in, and what they are called there."""
    from sluicegate.lake import Lake

    known = environments(project_root())
    named = {name: load_settings(name) for name in (before, after) if name in known}
    chosen = load_settings(next(iter(named), "dev") if env is None else env)
    for name, settings in named.items():
        if settings.lake.root != chosen.lake.root:
            raise ConfigurationError(
                f"{name!r} is in another lake than the one to look in.",
                where=f"{settings.lake.root}, not {chosen.lake.root}",
                hint="a diff compares what is in one lake; --env says in which",
            )
    lake = Lake.of(chosen)
    for name in (before, after):
        _require_begun(lake, name)
    return lake, [before, after]


def settings_for(name: str, env: str | None) -> Settings:
    """Settings of an environment, if one is named, by its option or as the ref; else dev's."""
    known = environments(project_root())
    if env is not None:
        return load_settings(env)
    return load_settings(name if name in known else "dev")


def _require_own(name: str) -> None:
    if name in environments(project_root()):
        raise ConfigurationError(
            f"{name!r} is an environment: runs make it, and readers rely on it.",
            hint="take another name, such as feature/fees",
        )
