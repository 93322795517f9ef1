"""dbt with our reporting, beside dbt."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.case import Case, Side
from benchmarks.measure import Spent
from benchmarks.site import Site, data

ABOUT = (
    "`warehouse.build` (the events listened to, the results read, the rows counted), beside a bare"
    ' `dbtRunner().invoke(["build", …])` with the same flags, each on its own copy of a branch that'
    " holds {rows:,} payments. The process counts with its imports; the line about the build is"
    " without them."
)


@contextmanager
def prepared(rows: int) -> Iterator[Case]:
    """Make the case ready."""
    site = Site.make("dbt", data(rows))
    with site.services():
        site.sluicegate("run")
    (origin,) = (site.lake / "catalogs").glob("g*.db")
    for side in ("reported", "bare"):
        _build(site, side, origin)  # fills its parse cache
    yield Case(
        name="dbt",
        about=ABOUT.format(rows=rows),
        subject=Side("warehouse.build", lambda: _build(site, "reported", origin)),
        baselines=[Side("bare dbtRunner", lambda: _build(site, "bare", origin))],
        check=lambda: _both_built(site),
        core="the build",
    )


def _build(site: Site, side: str, origin: Path) -> Spent:
    catalog = site.folder / side / "catalog.db"
    catalog.parent.mkdir(exist_ok=True)
    shutil.copyfile(origin, catalog)
    spent = site.measured(
        sys.executable,
        "-m",
        "benchmarks.build",
        side,
        f"--catalog={catalog}",
        f"--lake={site.lake}",
        f"--project={site.project / 'dbt_project'}",
        f"--target={site.folder / side / 'target'}",
    )
    (site.folder / f"{side}.json").write_text(spent.out)
    return replace(spent, core=float(json.loads(spent.out)["cpu"]))


def _both_built(site: Site) -> str:
    told = [json.loads((site.folder / f"{side}.json").read_text()) for side in ("reported", "bare")]
    models, checks = ({each[count] for each in told} for count in ("models", "checks"))
    if len(models) != 1 or len(checks) != 1 or 0 in models | checks:
        raise ValueError(f"the two did not build the same: {told}")
    return f"Both built {models.pop()} models and ran {checks.pop()} checks."
