"""A full disk: the machine is blamed, readers see what they saw, and the room comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def run_out_of(kind: str, folder: Path, prefix: tuple[str, ...] = ()) -> dict[str, Any]:
    """Let runs go on a disk on which there is less and less room."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "tests.crash.full_disk", kind, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def failures(told: dict[str, Any], says: str) -> set[str]:
    """How runs failed, which must have changed nothing; the space that they took is found again."""
    failed = [run["failed"] for run in told["runs"] if run["failed"]]
    assert len(failed) >= 5
    assert all(says in message or "Failed to commit" in message for message in failed), failed
    for run in told["runs"]:
        assert run["shown"] == [1]
        assert run["failed"] is None or run["head"] == told["head"]
    assert told["before"], "no run failed after it had written a file"
    assert told["after"] == []
    assert told["published"]
    assert (told["kept"], told["problems"]) == (False, [])
    return {message.split(":")[0] for message in failed}


def test_files_that_cannot_grow(tmp_path: Path) -> None:
    """At a limit of their size, which any process may give itself, every kind of file fails."""
    ways = failures(run_out_of("limit", tmp_path), "File too large")
    assert len(ways) >= 3, ways


def test_disk_that_is_full(tmp_path: Path) -> None:
    """A real one, of eight megabytes."""
    mounting = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "-rm")
    probe = [*mounting, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    try:
        possible = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        pytest.skip("this user may not mount a file system; files were limited instead")
    told = run_out_of("tmpfs", tmp_path, mounting)
    ways = failures(told, "No space left on device")
    assert len(ways) >= 3, ways
    # The disk was full when the collector began, each time.
    assert told["freed"] > 0
    assert told["freed again"] > 0
