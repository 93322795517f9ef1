"""What the commands of quarantine print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from sluicegate.cli.render import out, print_json, table_of
from sluicegate.sources.members import place_of

if TYPE_CHECKING:
    from sluicegate.pipeline.quarantine import Rejected, Shown, Stocktaking


def stock(found: Stocktaking, *, json: bool) -> None:
    """What is in quarantine, counted."""
    if json:
        print_json(found.to_dict())
        return
    if not found.totals:
        out.print(f"[bold]{escape(found.ref)}[/bold]: nothing of that is in quarantine.")
        return
    rows = sum(found.totals.values())
    told = ", ".join(f"{source} {count:,}" for source, count in found.totals.items())
    records = "record" if rows == 1 else "records"
    out.print(f"[bold]{escape(found.ref)}[/bold]: {rows:,} {records} in quarantine ({told})")
    table = table_of("rule", "source", "since", "records", "batches", numbers=2)
    for heap in found.heaps:
        since = f"{heap.oldest:%Y-%m-%d %H:%M} UTC"
        table.add_row(escape(heap.rule), heap.source, since, f"{heap.rows:,}", f"{heap.batches:,}")
    out.print(table)


def records(found: Shown, *, narrowed: bool, json: bool) -> None:
    """Rejected records, and what became of others.

    Args:
        narrowed: whether only those of some rule or batch were asked for.
    """
    if json:
        print_json(found.to_dict())
        return
    shown = len(found.records)
    which = "" if shown == found.total else f", the first {shown:,} of them"
    of = " of that" if narrowed else ""
    out.print(
        f"[bold]{escape(found.ref)}[/bold]: {found.source} has {found.total:,}{of} in quarantine"
        f"{which}"
    )
    for record in found.records:
        out.print(
            f"[bold]{escape(record.file)}, {escape(record.place)}[/bold]"
            f" [dim]rejected by {record.run}[/dim]: {escape(', '.join(record.rules))}"
        )
        out.print(f"  {escape(_told(record))}", soft_wrap=True)
    if any(record.masked for record in found.records):
        out.print(
            "[dim]*** is a personal value; of a value that breaks a rule, and of a record that "
            "cannot be read, x is a letter and 9 a digit. As they were written:[/dim]"
        )
        query = f"FROM accounts.quarantine WHERE source = '{found.source}'"
        out.print(f'  .venv/bin/sluicegate lake sql {escape(found.ref)} "{query}"', soft_wrap=True)
    if found.history:
        table = table_of("replayed", "line", "outcome", "broke", "breaks", "by run")
        for tried in found.history:
            table.add_row(
                escape(tried.file),
                place_of(tried.line).removeprefix("line "),
                tried.outcome,
                escape(", ".join(tried.before)),
                escape(", ".join(tried.after or [])),
                tried.run,
            )
        out.print(table)


def _told(record: Rejected) -> str:
    if record.values is None:
        return record.text or ""
    return ", ".join(
        f"{name}={value}" for name, value in record.values.items() if value is not None
    )
