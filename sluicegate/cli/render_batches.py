"""What the commands of batches print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from sluicegate.cli.render import out, print_json, table_of

if TYPE_CHECKING:
    from sluicegate.pipeline.condemning import Entry, Ruled


_COUNTS = ("rows", "published", "quarantined")
_SHORT = 8
"""Digits of an id that tell batches of one source apart; commands take them for it."""


def listed(source: str, entries: list[Entry], *, json: bool) -> None:
    """All batches of a source."""
    if json:
        print_json({"source": source, "batches": [each.to_dict() for each in entries]})
        return
    if not entries:
        out.print(f"[bold]{source}[/bold]: no batch is in the lake, and none is waiting.")
        return
    table = table_of("batch", "file", "state", "why", *_COUNTS, numbers=len(_COUNTS))
    for each in entries:
        why = str(each.ruling) if each.ruling else each.why
        corrects = f"corrects {each.corrects[:_SHORT]}" if each.corrects else None
        counts = (each.rows, each.published, each.quarantined)
        table.add_row(
            each.batch,
            escape(each.name),
            each.state.value,
            escape("; ".join(filter(None, (corrects, why)))),
            *("" if count is None else f"{count:,}" for count in counts),
        )
    out.print(table)


def condemned(ruled: Ruled, env: str, *, json: bool) -> None:
    """What was condemned, and what readers still see of it."""
    if json:
        print_json(ruled.to_dict())
        return
    ruling = ruled.ruling
    # Of what cannot be read, such as a zip of which nobody said what is meant, nothing is counted.
    rows = f"{ruling.rows:,} rows" if ruling.rows else "no rows could be counted"
    out.print(
        f"[bold]{env}:[/bold] {ruling.source}, {escape(ruling.name)} ({ruling.batch},"
        f" {rows}) is condemned: it stays out of runs until it is released."
    )
    if ruled.shown:
        out.print(
            f"[yellow]It is in the lake: readers still see {ruled.shown:,} of its rows.[/yellow]"
        )
        if ruled.before:
            command = f".venv/bin/sluicegate lake rollback {ruled.ref} --to {ruled.before}"
            out.print(f"To take them out: {command}", soft_wrap=True)
            out.print("The next run takes in again what came since, but for this batch.")
        else:
            out.print("There is no generation before it to roll back to.")
    command = f".venv/bin/sluicegate batches release {ruling.source} {ruling.batch} --env {env}"
    out.print(f"To let it in again: {command}", soft_wrap=True)


def released(ruled: Ruled, env: str, *, json: bool) -> None:
    """What was released, and what comes of it."""
    if json:
        print_json(ruled.to_dict())
        return
    ruling = ruled.ruling
    out.print(
        f"[bold]{env}:[/bold] {ruling.source}, {escape(ruling.name)} ({ruling.batch}) is released:"
        " the next run takes it in, if the lake does not have it and its source does."
    )
    if ruled.last:
        out.print("It comes last: where later batches say otherwise, its rows replace theirs.")
