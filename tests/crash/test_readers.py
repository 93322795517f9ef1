"""Readers beside publishing, rolling back and collecting: what they see is always one release.

``KILLS=500`` asks for the figure of the documentation: eight readers, 200 releases of 50 tables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

KILLS = int(os.environ.get("KILLS", "0"))


def test_readers_never_see_two_releases(tmp_path: Path) -> None:
    """No read is mixed, none fails, and something was collected under their feet."""
    readers, publishes, tables = (8, 200, 50) if KILLS >= 500 else (3, 30, 6)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.crash.readers",
            tmp_path,
            *map(str, (readers, publishes, tables)),
        ],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
    )
    told = json.loads(done.stdout)
    print(told)  # noqa: T201
    assert told["mixed"] == []
    assert told["failed"] == []
    assert told["reads"] >= readers
    assert told["releases"] > readers
