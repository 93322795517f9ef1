"""The command line of the benchmarks; see ``make bench``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.case import SkippedError, compare
from benchmarks.cases import CASES
from benchmarks.measure import CommandFailedError
from benchmarks.results import FILE, Conditions, section, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen cases and write down what they cost. Returns the exit code."""
    chosen = _parser().parse_args(arguments)
    for name in [chosen.case] if chosen.case else CASES:
        conditions = Conditions.now(f"make bench CASE={name} RUNS={chosen.runs} ROWS={chosen.rows}")
        _tell(f"{name}: getting ready ({chosen.rows:,} payments)")
        try:
            with CASES[name](chosen.rows) as case:
                beside = ", ".join(side.name for side in case.baselines)
                _tell(f"{name}: {case.subject.name}, beside {beside}")
                made = section(compare(case, chosen.runs, _tell), chosen.rows, conditions)
        except SkippedError as why:
            _tell(f"{name}: left out, {why}")
            continue
        except CommandFailedError as error:
            sys.stderr.write(f"{name}: {error}\n")
            return 1
        write(made, chosen.results)
        _tell(f"\n{made}\n\nWritten to {chosen.results}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure cases beside their baselines."
    )
    parser.add_argument(
        "--case",
        type=lambda text: text or None,  # make hands on an empty CASE
        choices=[*CASES, None],
        help=f"one of {', '.join(CASES)}; by default all of them",
    )
    parser.add_argument("--runs", type=_count, default=3, help="pairs of runs")
    parser.add_argument("--rows", type=_count, default=200_000, help="payments in the input")
    parser.add_argument("--results", type=Path, default=FILE, help="file to write to")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
