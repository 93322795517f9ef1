"""What every suite shares: one seed for all processes, and who may run beside whom.

``make test`` gives its suites to two processes. Tests that share something that was long in the
making (a Prefect server, object storage, a clone that a person walks through) are one group, and a
group stays in one process. The long groups begin first, so that nobody waits for a last one.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).parent

os.environ.setdefault("TEST_SEED", str(secrets.randbelow(1_000_000)))

LONGEST_FIRST = (
    "integration",
    "integration/data",
    "store",
    "e2e/readme",
    "e2e/alerts",
    "e2e/deploy",
)
"""Groups by what they take; the others follow as they come."""

TOGETHER = {
    # The browser looks at the clone that was walked through.
    "test_ui": "e2e/readme",
    # What arrives, and what comes of it, has a server and a first run of its own.
    "test_sources": "integration/data",
    "test_provide": "integration/data",
    "test_rerun": "integration/data",
    "test_correct": "integration/data",
}
"""Groups that are neither a file nor a suite."""


def pytest_report_header() -> str:
    return f"seed {os.environ['TEST_SEED']} (TEST_SEED={os.environ['TEST_SEED']} repeats it)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {group: place for place, group in enumerate(LONGEST_FIRST)}
    groups = {item: _group(item.path.relative_to(HERE)) for item in items}
    for item, group in groups.items():
        suite = group.partition("/")[0]
        # A module that lies beside the suites, of somebody's own, is of none of them.
        if suite != "unit" and not suite.endswith(".py"):
            item.add_marker(suite)
    items.sort(key=lambda item: order.get(groups[item], len(order)))


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a group of tests to one process, whole.

    Marks that name a group (``--dist loadgroup``) come to nothing with this version of pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(str(self.config.rootpath)) / nodeid.partition("::")[0]
        return _group(file.relative_to(HERE))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


def _group(file: Path) -> str:
    suite = file.parts[0]
    alone = f"{suite}/{file.stem.removeprefix('test_')}"
    return TOGETHER.get(file.stem, suite if suite in ("integration", "store") else alone)
