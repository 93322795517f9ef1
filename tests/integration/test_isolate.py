"""Runs side by side, environments, development: nobody's work shows up in another's data."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sluicegate.lake import Lake, Table
from sluicegate.release.ledger import FINISHED, Ledger
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
    """The run begins again on what is there by now, and carries over what it ingested and built."""
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
    built, tested = told(second.report)
    assert f"{len(built)} models: carried over" in outcome.err
    assert outcome.err.count("dbt: building") == len(built)
    assert told(on_record(published)) == (built, tested)
    mine, theirs, before = (move.generation for move in published.lake.refs.log("dev"))
    assert [move.previous for move in published.lake.refs.log("dev")] == [theirs, before, None]
    assert mine == published.generation()
    account_for(published)
    assert_same(published.published(), second.published)
    assert list(published.lake.branches.iterdir()) == []


def test_only_what_reads_what_somebody_changed_is_built_again(
    published: Site, seed: int, tmp_path: Path
) -> None:
    """The marts are what a run on that head would have made of them, had nobody come between."""
    drop_day(published, seed)
    other = published.copy(tmp_path / "other")
    run = published.start("run")
    run.says("dbt: building")
    for site in (published, other):
        with site.lake.branch("dev", "somebody-else") as branch:
            with branch.session() as session:
                session.execute("UPDATE lake.raw.mcc_codes SET description = 'told anew'")
            site.lake.publish(branch, run="somebody-else")
    outcome = run.wait()
    assert "dev: published." in outcome.ends(0).out
    undisturbed = other.run()
    times = Counter(BUILT.findall(outcome.err))
    assert {name for name in times if times[name] == 2} == {"stg_mcc_codes", "merchants"}
    assert f"{len(undisturbed['models']) - 2} models: carried over" in outcome.err
    assert told(on_record(published)) == told(undisturbed)
    account_for(published)
    assert_same(published.published(), other.published())
    mine, theirs = (merchants(site) for site in (published, other))
    assert set(mine["mcc_description"].drop_nulls()) == {"told anew"}
    assert_frame_equal(mine, theirs)


def merchants(site: Site) -> pl.DataFrame:
    """What readers see of merchants."""
    with site.lake.read("dev") as session:
        return session.frame("FROM marts.merchants ORDER BY merchant_id")


def on_record(site: Site) -> Mapping[str, Any]:
    """What the ledger has of the run that ended last."""
    last = Ledger(site.lake.store, "dev").last(FINISHED)
    assert last is not None
    return last


def told(report: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Models and checks of a run, without how long they took."""
    models = [(model["name"], model["status"], model["rows"]) for model in report["models"]]
    return models, [{**check, "seconds": 0} for check in report["checks"]]


BUILT = re.compile(r"dbt: building (\w+)")

MAKES_BRANCHES = """
import sys
from pathlib import Path
from sluicegate.lake import Lake, Table
from sluicegate.release.ledger import FINISHED, Ledger
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
