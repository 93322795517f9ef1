"""``results.md``: one section a case and size. A case that runs again replaces its own section."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.case import Outcome, Row
from benchmarks.site import ROOT

FILE = Path(__file__).with_name("results.md")
PACKAGES = ("duckdb", "polars", "pandera", "dbt-core", "dbt-duckdb", "prefect")

HEAD = """\
# Results

Written by `make bench`; how to read this, and how to add a case: [README](README.md). Every cell is
the median of the runs, with the least and the most in parentheses; every ratio is the median of the
ratios of the pairs, not the ratio of the medians. Absolute times are those of the machine that is
named; ratios travel better.
"""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what the section was measured."""

    command: str
    load: float

    @classmethod
    def now(cls, command: str) -> Conditions:
        """As things are at the moment."""
        return cls(command, os.getloadavg()[0])

    def told(self) -> str:
        """For people."""
        versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
        return (
            f"`{self.command}`, {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}.\n"
            f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GB,"
            f" {platform.system()}, Python {platform.python_version()}; {versions}."
            f" Load average before it began: {self.load:.1f}."
        )


def section(outcome: Outcome, rows: int, conditions: Conditions) -> str:
    """One case as Markdown."""
    case, runs = outcome.case, len(outcome.subject)
    counted = f"{runs} runs" if runs > 1 else "1 run"
    lines = [
        f"## {heading(case.name, case.size or f'{rows:,} payments')}",
        "",
        case.about,
        "",
        f"| {counted} | {case.subject.name} |"
        + "".join(f" {side.name} | ratio |" for side in case.baselines),
        "|---|--:|" + "--:|--:|" * len(case.baselines),
        *map(_line, outcome.rows()),
        "",
        outcome.found,
        "",
        conditions.told(),
    ]
    return "\n".join(lines)


def heading(case: str, size: str) -> str:
    """What a section is found again by."""
    return f"{case}, {size}"


def write(made: str, file: Path = FILE) -> None:
    """Put a section into the file, in place of the one with its heading."""
    sections = _sections(file.read_text()) if file.is_file() else {}
    sections[_name(made)] = made
    file.write_text("\n\n".join([HEAD.rstrip(), *sections.values()]) + "\n")


def _sections(text: str) -> dict[str, str]:
    _, *parts = text.split("\n## ")
    return {_name(part): f"## {part.strip()}" for part in parts}


def _name(text: str) -> str:
    return text.removeprefix("## ").partition("\n")[0].strip()


def _line(row: Row) -> str:
    line = f"| {row.measure} | {_cell(row.subject)} |"
    for baseline in row.baselines:
        ratio = row.ratio(baseline)
        line += f" {_cell(baseline)} | {'' if ratio is None else f'**{_number(ratio)}**'} |"
    return line


def _cell(values: Sequence[float]) -> str:
    middle = median(values)
    if not any(values):
        return "-"
    if len(values) == 1:
        return _number(middle)
    return f"{_number(middle)} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _commit() -> str:
    """The commit that was measured; what earlier cases wrote here does not make it another."""
    commit = _git("describe", "--always", "--exclude=*") or "unknown"
    changed = _git("status", "--porcelain", "--", ".", ":(exclude)benchmarks/results.md")
    return f"{commit}-dirty" if changed else commit


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip()
