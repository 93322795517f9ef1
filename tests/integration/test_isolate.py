"""Runs side by side, environments, development: nobody's work shows up in another's data."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluicegate.lake import Lake, Table
from tests.integration.conftest import Run, drop_day
from tests.support import Outcome, Site, account_for, assert_same


@dataclass(frozen=True)
class Race:
    """Three runs on one lake, started at the same moment: two of dev, one of staging."""

    site: Site
    dev: tuple[Outcome, Outcome]
    staging: Outcome


@pytest.fixture(scope="module")
def race(first: Run, seed: int, tmp_path_factory: pytest.TempPathFactory) -> Race:
    """Readers of dev see a first run, staging is new, and one more day has been dropped."""
    site = first.site.copy(tmp_path_factory.mktemp("race"))
    drop_day(site, seed)
    runs = [site.start("run", "--json", "--env", env) for env in ("dev", "dev", "staging")]
    one, other, staging = (run.wait() for run in runs)
    return Race(site, (one, other), staging)


def test_two_runs_at_once_publish_once(race: Race, second: Run) -> None:
    """Both end well; one publishes, the other waits and finds nothing new; no row is twice."""
    reports = [outcome.ends(0).json for outcome in race.dev]
    assert {report["status"] for report in reports} == {"published", "nothing new"}
    assert len(race.site.moves("dev")) == 2
    account_for(race.site)
    assert_same(race.site.published(), second.published)


def test_an_environment_has_a_ref_of_its_own(race: Race, first: Run) -> None:
    """Publishing to staging moves staging alone; both show what they were asked to publish."""
    report = race.staging.ends(0).json
    assert report["env"] == "staging"
    assert report["previous"] is None
    assert race.site.generation("staging") == report["generation"]
    assert len(race.site.moves("staging")) == 1
    assert race.site.generation("dev") != report["generation"]
    account_for(race.site, "staging")
    assert race.site.generation("prod") is None
    told = race.site.sluicegate("lake", "log", "prod").ends(2)
    assert "prod" in told.err


def test_a_ref_that_moves_meanwhile_costs_no_second_reading(
    published: Site, second: Run, seed: int
) -> None:
    """The run begins again on what is there by now, and carries over what it has ingested."""
    drop_day(published, seed)
    run = published.start("run")
    run.says("dbt: building")
    with published.lake.branch("dev", "somebody-else") as branch:
        with branch.session() as session:
            session.create(Table("elsewhere", "notes"), {"n": "BIGINT"})
        published.lake.publish(branch, run="somebody-else")
    outcome = run.wait()
    assert "dev: published." in outcome.ends(0).out
    assert "payments: carried over" in outcome.err
    mine, theirs, before = (move.generation for move in published.lake.refs.log("dev"))
    assert [move.previous for move in published.lake.refs.log("dev")] == [theirs, before, None]
    assert mine == published.generation()
    account_for(published)
    assert_same(published.published(), second.published)
    assert list(published.lake.branches.iterdir()) == []


MAKES_BRANCHES = """
import sys
from pathlib import Path
from sluicegate.lake import Lake, Table
lake = Lake(Path(sys.argv[1]))
for number in range(150):
    with lake.branch(sys.argv[2], f"{sys.argv[2]}-{number}") as branch:
        assert (branch.catalog.parent / "lock").exists()
"""


def test_branches_made_at_the_same_moment_do_not_meet(tmp_path: Path) -> None:
    """A run that sweeps up after dead ones never takes a branch that another is just making."""
    Lake(tmp_path).prepare()
    makers = [
        subprocess.Popen([sys.executable, "-c", MAKES_BRANCHES, str(tmp_path), env])
        for env in ("dev", "staging", "prod")
    ]
    assert [maker.wait(60) for maker in makers] == [0, 0, 0]
