"""Runs that end in the middle: what readers see is whole, and the next run completes."""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.integration.conftest import Run, drop_day
from tests.support import Site, assert_same

KILLS = 4
"""Moments, one in each part of a run's length."""
SITES = 2
"""Lakes on which runs are killed, one after the other, until one is let through."""


def _whole(site: Site, first: Run, second: Run) -> bool:
    """Readers see all of the former generation, or all of the new one; returns which."""
    head = site.head()
    assert head is not None
    new = head.generation != first.report["generation"]
    assert_same(site.published(), (second if new else first).published)
    return new


def test_a_killed_run_harms_nobody(
    first: Run, second: Run, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed at any moment, a run leaves one whole generation, and the next one completes it."""
    dice = random.Random(seed)
    # Several at once are slower than one alone: the last moment must not lie behind its end.
    length = second.seconds * 1.5
    moments = [length * (part + dice.random()) / KILLS for part in range(KILLS)]
    told = ", ".join(f"{moment:.2f}" for moment in moments)
    with capsys.disabled():
        sys.stdout.write(f"\nkilling runs of {length:.1f} s after {told} s (TEST_SEED={seed})\n")
    dice.shuffle(moments)
    sites = [first.site.copy(tmp_path / f"{number}") for number in range(SITES)]
    for site in sites:
        drop_day(site, seed)
    killed = 0
    while moments:
        now, moments = sorted(moments[:SITES]), moments[SITES:]
        runs = [(site, moment, site.start("run")) for site, moment in zip(sites, now, strict=True)]
        for site, moment, run in runs:
            time.sleep(max(0.0, run.began + moment - time.monotonic()))
            killed += run.send(signal.SIGKILL).code == -signal.SIGKILL
            _whole(site, first, second)
    assert killed >= KILLS // 2
    for site, run in [(site, site.start("run")) for site in sites]:
        run.wait().ends(0)
        assert _whole(site, first, second)
        assert list((site.root / "branches").iterdir()) == []
        assert len(site.moves()) == 2


@pytest.mark.parametrize("stage", ["payments_2026-10-21.csv", "dbt: building payments_eur"])
def test_ctrl_c_ends_a_run_in_good_order(
    first: Run, second: Run, seed: int, tmp_path: Path, stage: str
) -> None:
    """Ctrl-C ends with 130 and a sentence, readers see what they saw, and the run is on record."""
    site = first.site.copy(tmp_path / "site")
    drop_day(site, seed)
    run = site.start("run")
    run.says(stage)
    told = run.send(signal.SIGINT).ends(130)
    assert "interrupted" in told.err
    assert not _whole(site, first, second)
    assert list((site.root / "branches").iterdir()) == []
    last = site.sluicegate("status", "--json").ends(0).json["last_run"]
    assert last["status"] in ("failed", "interrupted, or still at work")
