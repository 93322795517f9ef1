"""A run that finds nothing new, beside the imports that it cannot do without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.case import Case, Side
from benchmarks.measure import CommandFailedError, Spent
from benchmarks.site import Site, data

ABOUT = (
    "`sluicegate run` with nothing new, after {rows:,} payments were published, beside"
    ' `python -c "import duckdb, polars"`: a lake cannot be looked at without the one, nor a'
    " contract be loaded without the other, and nothing of either is done there."
)


@contextmanager
def prepared(rows: int) -> Iterator[Case]:
    """Make the case ready."""
    site = Site.make("noop", data(rows))
    with site.services():
        site.sluicegate("run")
        yield Case(
            name="noop",
            about=ABOUT.format(rows=rows),
            subject=Side("sluicegate run", lambda: _nothing_new(site)),
            baselines=[
                Side(
                    "imports", lambda: site.measured(sys.executable, "-c", "import duckdb, polars")
                )
            ],
            check=lambda: "Every run said that there was nothing new.",
        )


def _nothing_new(site: Site) -> Spent:
    spent = site.sluicegate("run")
    if "nothing new" not in spent.out.lower():
        raise CommandFailedError(f"the run was to find nothing new:\n{spent.out}")
    return spent
