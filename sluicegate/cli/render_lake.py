"""What the commands of the lake print."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from sluicegate.cli.plain import blob, distinct, plain
from sluicegate.cli.render import err, out, print_json, table_of
from sluicegate.progress import Progress, Sight, Watch, untold

if TYPE_CHECKING:
    from sluicegate.lake import Answer, Export, Move
    from sluicegate.lake.backup_lists import Backup
    from sluicegate.lake.show import Shown
    from sluicegate.pipeline.masking import Masking


class _Lines:
    """Shows progress as lines beside what is printed."""

    def show(self, sight: Sight) -> None:
        """Print one."""
        err.print(f"[dim]{sight.percent:5.1f} %  {escape(sight.what)}[/dim]")


@contextmanager
def watched(*, quiet: bool) -> Iterator[Progress]:
    """Show how far work is, if it takes a while and somebody looks on."""
    if quiet or not err.is_terminal:
        yield untold
        return
    watch = Watch(_Lines())
    last = watch.progress.last
    try:
        yield watch.progress
        last = Sight(100.0, "done")
    finally:
        watch.end(last)


def refs(heads: Iterable[Move], environments: Collection[str], *, json: bool) -> None:
    """Every ref, and what it shows."""
    if json:
        print_json([{**_move(head), "environment": head.ref in environments} for head in heads])
        return
    table = table_of("ref", "is", "shows generation", "since (UTC)", "by")
    for head in heads:
        kind = "an environment" if head.ref in environments else "a branch"
        table.add_row(head.ref, kind, head.generation, f"{head.at:%Y-%m-%d %H:%M:%S}", head.action)
    out.print(table)


def moves(moves: Iterable[Move], *, json: bool) -> None:
    """The log of a ref."""
    if json:
        print_json([_move(move) for move in moves])
        return
    moves = list(moves)
    out.print(f"[bold]{moves[0].ref}[/bold], newest move first")
    table = table_of("#", "when (UTC)", "action", "generation", "before", "run")
    for move in moves:
        table.add_row(
            str(move.number),
            f"{move.at:%Y-%m-%d %H:%M:%S}",
            move.action,
            move.generation,
            move.previous or "",
            move.run or "",
        )
    out.print(table)


def rolled_back(move: Move, *, json: bool) -> None:
    """One move of a ref."""
    if json:
        print_json(_move(move))
        return
    if move.action != "rollback" or move.generation == move.previous:
        out.print(f"[bold]{move.ref} shows generation {move.generation} already[/bold].")
        return
    out.print(
        f"[bold]{move.ref} shows generation {move.generation} again[/bold] "
        f"(before: {move.previous})."
    )
    out.print("The next run loads what this generation does not have, from the same sources.")
    out.print(
        f"Forward again: .venv/bin/sluicegate lake rollback {move.ref} --to {move.previous}",
        soft_wrap=True,
    )


def exported(export: Export, *, json: bool) -> None:
    """A file of marts, or of other tables."""
    if json:
        tables = {"file": str(export.file), "generation": export.generation}
        print_json({**tables, "tables": export.tables, "views": sorted(export.views)})
        return
    out.print(f"[bold]{len(export.tables)} tables of generation {export.generation}[/bold]")
    table = table_of("table", "is a", "rows", numbers=1)
    for name, rows in export.tables.items():
        table.add_row(name, "view" if name in export.views else "table", f"{rows:,}")
    out.print(table)
    out.print(f"written to {escape(str(export.file))}", soft_wrap=True)


def answer(answer: Answer, *, json: bool) -> None:
    """Rows of a query."""
    if json:
        columns = distinct(answer.columns)
        print_json([dict(zip(columns, map(plain, row), strict=True)) for row in answer.rows])
        return
    table = table_of(*(escape(column) for column in answer.columns))
    for row in answer.rows:
        table.add_row(*map(_cell, row))
    out.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return escape(blob(value) if isinstance(value, bytes) else str(value))


def _move(move: Move) -> dict[str, Any]:
    return {
        "number": move.number,
        "ref": move.ref,
        "generation": move.generation,
        "previous": move.previous,
        "action": move.action,
        "run": move.run,
        "at": move.at.isoformat(),
    }


def branched(move: Move, source: str, *, json: bool) -> None:
    """A ref that was made."""
    if json:
        print_json(_move(move))
        return
    out.print(
        f"[bold]{move.ref} shows generation {move.generation}[/bold], as {escape(source)} does."
    )
    out.print(
        f"Publish to it: SLUICEGATE_LAKE__REF={move.ref} .venv/bin/sluicegate run", soft_wrap=True
    )


def masked(masking: Masking, *, json: bool) -> None:
    """A masked branch, and what became of each table."""
    move = masking.move
    if json:
        tables = [each.to_dict() for each in masking.tables]
        print_json({**_move(move), "source": masking.source, "tables": tables})
        return
    out.print(
        f"[bold]{move.ref} shows generation {move.generation}[/bold]: "
        f"{escape(masking.source)} with personal values replaced."
    )
    table = table_of("table", "is", "columns replaced, or why it was left out", "rows", numbers=1)
    for each in masking.tables:
        columns = ", ".join(f"{name} ({mask})" for name, mask in each.masked.items())
        gone = f"without {', '.join(each.dropped)}" if each.dropped and not each.reason else ""
        told = each.reason or "; ".join(filter(None, (columns, gone)))
        rows = "" if each.reason else f"{each.rows:,}"
        table.add_row(escape(each.name), each.fate.value, escape(told), rows)
    out.print(table)
    out.print(
        "What was left out and a model builds, the next run builds from the pseudonyms; it takes in"
        f" nothing new: SLUICEGATE_LAKE__REF={move.ref} .venv/bin/sluicegate run",
        soft_wrap=True,
    )


def deleted(move: Move, *, json: bool) -> None:
    """A ref that was deleted."""
    if json:
        print_json(_move(move))
        return
    out.print(f"[bold]{move.ref} is deleted[/bold]; it showed generation {move.generation}.")


def shown(shown: Shown, *, json: bool) -> None:
    """What a ref or generation holds."""
    if json:
        print_json(shown.to_dict())
        return
    out.print(f"[bold]{escape(shown.name)}[/bold] is generation {shown.generation}")
    if shown.refs:
        out.print(f"shown by {', '.join(shown.refs)}")
    if shown.published is not None:
        run = f" by run {shown.published.run}" if shown.published.run else ""
        moment = f"{shown.published.at:%Y-%m-%d %H:%M:%S} UTC"
        out.print(f"{shown.published.action} to {shown.published.ref} at {moment}{run}")
    table = table_of("table", "kind", "rows", "files", "bytes", numbers=3)
    for each in shown.tables:
        numbers = (each.rows, each.files, each.size) if each.kind == "table" else ("", "", "")
        told = (f"{number:,}" if isinstance(number, int) else number for number in numbers)
        table.add_row(escape(each.name), each.kind, *told)
    out.print(table)


def backed_up(backup: Backup, *, json: bool) -> None:
    """A backup that was made."""
    if json:
        print_json(backup.to_dict())
        return
    out.print(
        f"[bold]Backup {backup.name}[/bold]: {len(backup.objects):,} objects,"
        f" {backup.size:,} bytes; {backup.copied:,} of them are new in the folder."
    )
    _heads(backup)
    for name in backup.left_out:
        out.print(f"Left out: {escape(name)}, of which the lake has lost a data file.")
    for name in backup.damaged:
        out.print(f"The list of the backup {escape(name)} is damaged: it cannot be restored.")
    # Not into the lake that it is a backup of: that one has it all.
    command = f".venv/bin/sluicegate lake restore {shlex.quote(str(backup.folder))}"
    told = f"Restore it: SLUICEGATE_LAKE__ROOT=<an empty folder> {command}"
    out.print(escape(told), soft_wrap=True)


def restored(backup: Backup, *, json: bool) -> None:
    """A backup that was restored, or that the lake was already."""
    nothing_to_do = not backup.copied
    if json:
        print_json({**backup.to_dict(), "nothing_to_do": nothing_to_do})
        return
    objects = f"{len(backup.objects):,} objects"
    if nothing_to_do:
        out.print(f"[bold]Nothing to do[/bold]: the lake is this backup already, {objects}.")
    else:
        out.print(f"[bold]Backup {backup.name} is restored[/bold]: {objects}.")
    _heads(backup)


def _heads(backup: Backup) -> None:
    table = table_of("ref", "generation")
    for ref, generation in sorted(backup.heads.items()):
        table.add_row(ref, generation)
    out.print(table)


def statements(sql: str) -> None:
    """SQL, as it is."""
    sys.stdout.write(sql + "\n")
