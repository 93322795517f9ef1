"""One dbt build on a branch, with our reporting or bare; tells its CPU seconds without imports."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from sluicegate.lake import DataFiles, Lake

CHECKS = ("test", "unit_test")


def main() -> None:
    """Build, and print what it took."""
    parser = argparse.ArgumentParser(description="One dbt build on a branch.")
    parser.add_argument("side", choices=("reported", "bare"))
    for place in ("catalog", "lake", "project", "target"):
        parser.add_argument(f"--{place}", type=Path, required=True)
    chosen = parser.parse_args()
    build = reported if chosen.side == "reported" else bare
    told = build(chosen.catalog, Lake(chosen.lake).files, chosen.project, chosen.target)
    sys.stdout.write(json.dumps(told))


def reported(catalog: Path, files: DataFiles, project: Path, target: Path) -> dict[str, float]:
    """As a run builds: every step told, every result read, every table counted."""
    import dbt.adapters.duckdb
    import dbt.cli.main  # noqa: F401 - imported here, so that it does not count below

    from sluicegate import warehouse

    steps: list[warehouse.Step] = []
    began = time.process_time()
    build = warehouse.build(
        catalog, files, project=project, target=target, on_event=steps.append, unit_tests=True
    )
    spent = time.process_time() - began
    if build.failed or not build.complete or not steps:
        raise ValueError(f"the build failed: {[check.name for check in build.failed]}")
    return {"cpu": spent, "models": len(build.models), "checks": len(build.checks)}


def bare(catalog: Path, files: DataFiles, project: Path, target: Path) -> dict[str, float]:
    """Dbt as it comes, on the same branch and with the same flags."""
    import dbt.adapters.duckdb  # noqa: F401 - as above
    from dbt.cli.main import dbtRunner

    from sluicegate.warehouse.build import _QUIET
    from sluicegate.warehouse.handover import handed

    began = time.process_time()
    # Which branch the project's profile means is handed over inside the process.
    with handed(catalog.resolve(), files):
        outcome = dbtRunner().invoke(
            [
                "build",
                f"--project-dir={project}",
                f"--profiles-dir={project}",
                f"--target-path={target}",
                f"--log-path={target}",
                *_QUIET,
            ]
        )
    spent = time.process_time() - began
    if not outcome.success:
        raise ValueError(f"the build failed: {outcome.exception}")
    results: list[Any] = getattr(outcome.result, "results", [])
    kinds = [str(result.node.resource_type) for result in results]
    checks = sum(kind in CHECKS for kind in kinds)
    return {"cpu": spent, "models": len(kinds) - checks, "checks": checks}


if __name__ == "__main__":
    main()
