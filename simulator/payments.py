"""Daily payment files, as a card processor drops them: seeded, synthetic, with known dirt.

    python -m simulator.payments --rows 200000 --days 30 --start 2026-10-01 --seed 2026

Everything in them is invented: no person, merchant, account or payment is real. Same arguments,
same bytes. One file a day, ``payments_2026-10-01.csv``; Sundays come compressed, the file of the
7th starts with a byte order mark, that of the 12th ends its lines with CRLF, some descriptions
span lines, and from 2026-10-16 there is a column more. None of this is dirt. The dirt and its
rates are in ``simulator.dirt``; where each dirty record stands is written to the truth folder.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

import polars as pl

from simulator.body import clean_day
from simulator.dirt import DIRT
from simulator.drops import Form, drop_name, line_numbers, write_drop
from simulator.spoil import Spoiler, Stain, spread
from simulator.truth import Drop, Summary, Truth, outcomes, withdraw_overlapping, write_truth
from simulator.world import Population

MIN_ROWS = 200
MIN_ROWS_A_DAY = 20
"""Below these there is no room for one record of every kind of dirt."""

MAX_DAYS = 3_660
Watch = Callable[[date, pl.DataFrame, Sequence[Stain]], None]
"""Is shown each day as it is made: the clean records, and which of them were soiled."""

_WEEKDAYS = (1.0, 0.97, 1.0, 1.04, 1.2, 1.05, 0.74)
"""How busy Monday to Sunday are, relative to each other."""


def generate(
    out: Path,
    truth: Path,
    *,
    rows: int = 200_000,
    days: int = 30,
    start: date = date(2026, 10, 1),
    seed: int = 2026,
    clean: bool = False,
    watch: Watch | None = None,
) -> Summary:
    """Write the drops of some days, and the truth about them.

    Files of other days are left alone, here and in the truth folder, so a later call can add a
    day. A call for a day that exists replaces its file.

    Args:
        out: folder for the drops; made if missing.
        truth: folder for the truth; made if missing.
        rows: records in all files together, without headers.
        days: how many days, one file each.
        start: first day.
        seed: same seed, same files.
        clean: leave all dirt out; the clean records are the same.
        watch: is shown each day.

    Raises:
        ValueError: the arguments cannot be met; nothing was written.
    """
    check(rows, days, seed)
    rng = Random(f"{seed}/{start.isoformat()}/{days}/{rows}")
    dates = [start + timedelta(days=offset) for offset in range(days)]
    counts = _share_out(rows, dates, rng)
    out.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    # First of all: whoever stops us half way must not find an old truth about new files.
    orphans = withdraw_overlapping(truth, {drop_name(day) for day in dates})
    kinds_by_day = [[] for _ in dates] if clean else spread(dates, counts, rng)
    plan = list(zip(dates, counts, kinds_by_day, strict=True))
    made = list(_write_days(out, plan, seed, Spoiler(rng), watch))
    truths = [each for _, of_day in made for each in of_day]
    kinds = Counter(each.kind for each in truths)
    summary = Summary(
        seed,
        start,
        days,
        rows,
        drops=tuple(drop for drop, _ in made),
        kinds={kind: kinds[kind] for kind in DIRT},
        outcomes=outcomes(rows, truths, "unconverted"),
        orphans=tuple(name for name in orphans if (out / name).exists()),
    )
    write_truth(truth, truths, summary)
    return summary


def check(rows: int, days: int, seed: int) -> None:
    """Refuse arguments that cannot be met.

    Raises:
        ValueError: says which, and what can be met.
    """
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"--days must be 1 to {MAX_DAYS}, not {days}")
    least = max(MIN_ROWS, MIN_ROWS_A_DAY * days)
    if rows < least:
        raise ValueError(
            f"--rows {rows} is too little for {days} days: every kind of dirt must find room, "
            f"so it takes at least {least} ({MIN_ROWS_A_DAY} a day, {MIN_ROWS} in all)"
        )
    if seed < 0:
        raise ValueError(f"--seed must not be negative, not {seed}")


def _share_out(rows: int, dates: Sequence[date], rng: Random) -> list[int]:
    weights = [_WEEKDAYS[day.weekday()] * rng.uniform(0.94, 1.06) for day in dates]
    total = sum(weights)
    counts = [int(rows * weight / total) for weight in weights]
    for place in range(rows - sum(counts)):  # what rounding down has left over: less than a day
        counts[place] += 1
    return counts


def _write_days(
    out: Path,
    plan: Sequence[tuple[date, int, list[str]]],
    seed: int,
    spoiler: Spoiler,
    watch: Watch | None,
) -> Iterator[tuple[Drop, list[Truth]]]:
    population = Population.of(seed)
    for day, rows, kinds in plan:
        # In the cp1252 file every accent is dirt, and is put in as such.
        records = clean_day(day, rows, seed, population, ascii_lines=Form.of(day).cp1252)
        lines, stains = spoiler.spoil(records, kinds)
        if watch:
            watch(day, records, stains)
        name = drop_name(day)
        starts = line_numbers(lines).gather([stain.place for stain in stains])
        truths = [
            Truth(name, start, stain.kind, DIRT[stain.kind].outcome, DIRT[stain.kind].rules)
            for start, stain in zip(starts, stains, strict=True)
        ]
        # A file that is cut off has its last record among the kinds; without dirt it is whole.
        yield Drop(name, rows, write_drop(out, day, lines, clean=not kinds)), truths


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("write a day as 2026-10-01") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator.payments",
        description="Write synthetic payment drops, and the truth about the dirt in them.",
    )
    parser.add_argument("--rows", type=int, default=200_000, help="records in all files together")
    parser.add_argument("--days", type=int, default=30, help="how many days, one file each")
    parser.add_argument(
        "--start", type=_day, default=date(2026, 10, 1), help="first day, YYYY-MM-DD"
    )
    parser.add_argument("--seed", type=int, default=2026, help="same seed, same files")
    parser.add_argument("--out", type=Path, default=Path("data/landing/payments"))
    parser.add_argument("--truth", type=Path, default=Path("data/truth"))
    return parser


def _told(summary: Summary, out: Path, truth: Path) -> str:
    size = f"{summary.bytes / 1e6:,.1f} MB"
    lines = [
        f"{_files(len(summary.drops))} with {summary.rows:,} payments ({size}) written to {out}.",
        f"{sum(summary.kinds.values()):,} of them are dirty: see {truth / summary.stem}.ndjson.",
    ]
    if summary.orphans:
        left, first = _files(len(summary.orphans)), summary.orphans[0]
        lines.append(f"{left} of an older call now without truth, from {first} on: delete them.")
    return "".join(f"{line}\n" for line in lines)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code; wrong arguments exit with 2."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        summary = generate(
            chosen.out,
            chosen.truth,
            rows=chosen.rows,
            days=chosen.days,
            start=chosen.start,
            seed=chosen.seed,
        )
    except (ValueError, OverflowError, OSError) as error:
        parser.error(str(error))
    sys.stdout.write(_told(summary, chosen.out, chosen.truth))
    return 0


if __name__ == "__main__":
    sys.exit(main())
