"""The whole pipeline, from landed files to published marts, beside a script without validation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.case import Case, Side
from benchmarks.measure import Spent
from benchmarks.site import ROOT, Site, data

SMALL = 2_000
"""Payments of the run that comes before the first one: it fills dbt's parse cache."""

ABOUT = (
    "`sluicegate run` on an empty lake with the services up, beside `benchmarks/by_hand.py`: plain"
    " DuckDB in one process, which yields the same tables from the same files and APIs and checks"
    " nothing. {rows:,} payments, clean. The generated data, the start of the services and the"
    " provider's own CPU are in neither; dbt's parse cache is warm, and the files are in the"
    " system's cache."
)


@contextmanager
def prepared(rows: int) -> Iterator[Case]:
    """Make the case ready."""
    small, full = data(SMALL), data(rows)
    site = Site.make("pipeline", full)
    by_hand = site.folder / "by_hand"
    with site.services():
        _run(site.reading(small))
        yield Case(
            name="pipeline",
            about=ABOUT.format(rows=rows),
            subject=Side("sluicegate run", lambda: _run(site)),
            baselines=[Side("by hand", lambda: script(site, by_hand))],
            check=lambda: compared(site, by_hand),
        )


def script(site: Site, lake: Path) -> Spent:
    """Measure the script that was written by hand."""
    return site.measured(
        sys.executable,
        str(ROOT / "benchmarks" / "by_hand.py"),
        f"--landing={site.landing}",
        f"--reference={site.project / 'data' / 'reference'}",
        f"--ecb={site.provider}/service/data",
        f"--processor={site.provider}/processor",
        f"--lake={lake}",
    )


def compared(site: Site, by_hand: Path) -> str:
    """Compare all tables of both; says how many there are."""
    command = (sys.executable, "-m", "benchmarks.compare", str(site.lake), str(by_hand))
    return site.measured(*command).out.strip()


def _run(site: Site) -> Spent:
    site.empty_lake()
    return site.sluicegate("run")
