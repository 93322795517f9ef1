"""Everything that third parties send us about some days: all sources at once, of one world.

    python -m simulator.data --rows 200000 --days 30 --start 2026-10-01 --seed 2026

    data/landing/payments     a drop a day
    data/landing/customers    the full export of the last day
    data/landing/merchants    the list of the last day
    data/processor            refunds and chargebacks of the payments, for the processor's API
    data/truth                what is dirty in them

A call for more days adds to what is there; ``--clean`` leaves all dirt out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from simulator import customers, merchants, payments
from simulator.changes import check_known
from simulator.reversals import Reversals
from simulator.truth import Summary
from simulator.world import CUSTOMERS


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things go; folders are made if missing."""

    landing: Path
    truth: Path
    processor: Path


def generate(
    folders: Folders,
    *,
    rows: int = 200_000,
    days: int = 30,
    start: date = date(2026, 10, 1),
    seed: int = 2026,
    first: int = CUSTOMERS,
    clean: bool = False,
) -> list[Summary]:
    """Write all sources of some days, and the truth about them.

    Args:
        folders: where to.
        rows: payments in all files together.
        days: how many days.
        start: first day.
        seed: same seed, same world.
        first: only the customers up to this number are exported.
        clean: leave all dirt out; the clean records are the same.

    Returns:
        A summary for each source.

    Raises:
        ValueError: the arguments cannot be met; nothing was written.
    """
    payments.check(rows, days, seed)
    customers.check(first)
    last = start + timedelta(days=days - 1)
    check_known(last)
    reversals = Reversals(folders.processor, seed, start, days, rows, clean)
    paid = payments.generate(
        folders.landing / "payments",
        folders.truth,
        rows=rows,
        days=days,
        start=start,
        seed=seed,
        clean=clean,
        watch=reversals.watch,
    )
    known = customers.generate(
        folders.landing / "customers",
        folders.truth,
        day=last,
        days=days,
        seed=seed,
        first=first,
        clean=clean,
    )
    listed = merchants.generate(
        folders.landing / "merchants", folders.truth, day=last, days=days, seed=seed, clean=clean
    )
    given_back = reversals.write(folders.truth)
    return [paid, known, listed, *given_back.values()]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("write a day as 2026-10-01") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator.data",
        description="Write all synthetic sources, and the truth about the dirt in them.",
    )
    parser.add_argument("--rows", type=int, default=200_000, help="payments in all files together")
    parser.add_argument("--days", type=int, default=30, help="how many days")
    parser.add_argument(
        "--start", type=_day, default=date(2026, 10, 1), help="first day, YYYY-MM-DD"
    )
    parser.add_argument("--seed", type=int, default=2026, help="same seed, same files")
    parser.add_argument(
        "--customers", type=int, default=CUSTOMERS, help="export only those up to this number"
    )
    parser.add_argument("--clean", action="store_true", help="no dirt of any kind")
    parser.add_argument("--landing", type=Path, default=Path("data/landing"))
    parser.add_argument("--truth", type=Path, default=Path("data/truth"))
    parser.add_argument("--processor", type=Path, default=Path("data/processor"))
    return parser


def _told(summaries: Sequence[Summary], folders: Folders) -> str:
    lines = [_line(summary) for summary in summaries]
    orphans = [orphan for summary in summaries for orphan in summary.orphans]
    left = f"; an older call's {orphans[0]} and what else it made have none now" if orphans else ""
    return "".join(f"{line}\n" for line in [*lines, f"The truth is in {folders.truth}{left}."])


def _line(summary: Summary) -> str:
    files = "1 file" if len(summary.drops) == 1 else f"{len(summary.drops)} files"
    size, dirty = f"{summary.bytes / 1e6:,.1f} MB", sum(summary.kinds.values())
    return f"{summary.rows:>11,} {summary.source} in {files} ({size}), {dirty:,} of them dirty"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code; wrong arguments exit with 2."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    folders = Folders(chosen.landing, chosen.truth, chosen.processor)
    try:
        summaries = generate(
            folders,
            rows=chosen.rows,
            days=chosen.days,
            start=chosen.start,
            seed=chosen.seed,
            first=chosen.customers,
            clean=chosen.clean,
        )
    except (ValueError, OverflowError, OSError) as error:
        parser.error(str(error))
    sys.stdout.write(_told(summaries, folders))
    return 0


if __name__ == "__main__":
    sys.exit(main())
