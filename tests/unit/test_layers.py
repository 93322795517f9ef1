"""The library stands by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARY = (
    *("catalogue", "contracts", "errors", "exports", "ingestion", "lake", "local"),
    *("pipeline.status", "pipeline.versions", "versions"),
    *("quality.conservation", "quality.contracts", "release", "settings", "sources"),
)
"""What people import without an orchestrator."""


@pytest.mark.parametrize("foreign", ["prefect", "dbt"])
def test_library_needs_no_orchestrator(foreign: str) -> None:
    """Importing all of it imports neither Prefect nor dbt, directly or by a detour."""
    code = (
        f"import sys, {', '.join(f'sluicegate.{name}' for name in LIBRARY)}\n"
        f"print(*(name for name in sys.modules if name.partition('.')[0] == {foreign!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")
