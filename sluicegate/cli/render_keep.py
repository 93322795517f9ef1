"""What the commands print that keep the lake in order: gc, verify, and verify of backups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.markup import escape

from sluicegate.cli.render import out, print_json, table_of

if TYPE_CHECKING:
    from rich.table import Table

    from sluicegate.lake.collect import Collected
    from sluicegate.lake.problem import Problem
    from sluicegate.lake.verify import Verified
    from sluicegate.lake.verify_backup import VerifiedBackups
    from sluicegate.pipeline.retention import Expired

MOST = 3
"""Catalogs that are named of those that share a problem."""

REASONS = {
    "shown by ": "shown by a ref",
    "was shown by ": "shown by a ref within the last lake.keep_days",
    "pinned by ": "pinned",
    "base of ": "base of a branch at work",
}
"""How the reason for which a catalog is kept begins → what such reasons have in common."""


def collected(collected: Collected, expired: Expired | None, *, json: bool) -> None:
    """What a collector did, or would do, and what became of raw files that are old enough."""
    if json:
        print_json({**collected.to_dict(), "raw": expired.to_dict() if expired else None})
        return
    would = "would be " if collected.dry_run else ""
    out.print(
        f"[bold]{_count(len(collected.removed), 'catalog')} and"
        f" {_count(collected.files, 'data file')} {would}removed[/bold]: {collected.size:,} bytes;"
        f" {_count(len(collected.kept), 'catalog')} kept"
    )
    if expired is not None:
        _expired(expired, would)
    if collected.leftovers:
        out.print(f"{_count(collected.leftovers, 'leftover')} of dead processes {would}removed")
    if not (collected.dry_run or collected.removed) and collected.kept:
        out.print(f"kept: {_reasons(collected.kept.values())}")
    table = _fates(collected, would)
    if table.row_count:
        out.print(table)
    if collected.condemned:
        out.print("What is condemned is removed by a gc that comes lake.grace_hours after that.")


def _expired(expired: Expired, would: str) -> None:
    if expired.busy:
        out.print("[yellow]raw files are left alone:[/yellow] a run is at work")
        return
    needed = f"; {expired.needed:,} as old are needed by quarantine" if expired.needed else ""
    files = _count(expired.files, "raw file")
    out.print(f"[bold]{files} {would}removed[/bold]: {expired.size:,} bytes{needed}")


def _fates(collected: Collected, would: str) -> Table:
    """What becomes of each catalog; of those that are simply kept if that was the question."""
    table = table_of("catalog", "fate", "why")
    for name in collected.removed:
        table.add_row(escape(name), f"{would}removed", "nothing reaches it")
    for name, at in collected.condemned.items():
        table.add_row(
            escape(name), "condemned", f"nothing reaches it, seen {at:%Y-%m-%d %H:%M} UTC"
        )
    for name in collected.pardoned:
        why = collected.kept.get(name, "it is gone already")
        table.add_row(escape(name), f"{would}pardoned", escape(why))
    if collected.dry_run:
        for name in sorted(collected.kept.keys() - set(collected.pardoned)):
            table.add_row(escape(name), "kept", escape(collected.kept[name]))
    return table


def _reasons(kept: Iterable[str]) -> str:
    """How many are kept for which kind of reason, in one line."""
    counts = Counter(
        next((told for begin, told in REASONS.items() if why.startswith(begin)), why)
        for why in kept
    )
    return ", ".join(f"{count:,} {escape(why)}" for why, count in counts.most_common())


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def verified(verified: Verified, *, json: bool) -> None:
    """What was looked at, and what is wrong with it.

    Programs are told of problems by the error that follows: stdout holds one document.
    """
    if json:
        if not verified.problems:
            print_json(verified.to_dict())
        return
    how = "to the last byte" if verified.deep else "by size and footer"
    out.print(
        f"looked at {_count(len(verified.catalogs), 'catalog')},"
        f" {_count(verified.files, 'data file')} ({verified.size:,} bytes, {how})"
        f" and {verified.entries:,} entries of logs"
    )
    if not verified.problems:
        out.print("[bold]everything is whole[/bold]")
        return
    table = table_of("problem", "table", "shown by", "where")
    for problem in verified.problems:
        shown = _shown(problem)
        table.add_row(*map(escape, (problem.what, problem.table or "", shown, problem.place or "")))
    out.print(table)


def verified_backups(verified: VerifiedBackups, *, json: bool) -> None:
    """What was looked at in a folder of backups, and which of them cannot be restored."""
    if json:
        if not verified.problems:
            print_json(verified.to_dict())
        return
    out.print(
        f"read {_count(verified.objects, 'object')} ({verified.size:,} bytes) of"
        f" {_count(len(verified.backups), 'backup')}"
    )
    if not verified.problems:
        out.print("[bold]every backup can be restored[/bold]")
        return
    table = table_of("problem", "backups", "where")
    for problem in verified.problems:
        table.add_row(*map(escape, (problem.what, _shown(problem), problem.place or "")))
    out.print(table)


def _shown(problem: Problem) -> str:
    more = len(problem.catalogs) - MOST
    return ", ".join(problem.catalogs[:MOST]) + (f" and {more} more" if more > 0 else "")
