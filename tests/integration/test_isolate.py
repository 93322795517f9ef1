"""Runs side by side, environments, development: nobody's work shows up in another's data."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import Run, drop_day
from tests.support import Outcome, Site, account_for, assert_same, execute


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
    told = race.site.sluicegate("lake", "log", "--env", "prod").ends(2)
    assert "prod" in told.err


def test_a_dbt_of_ones_own_writes_to_a_branch_of_its_own(
    first: Run, tmp_path: Path, variant: Callable[[Path], Path]
) -> None:
    """A plain `dbt build` works in dbt_project/; readers and refs stay as they are."""
    project = variant(tmp_path / "project")
    site = first.site.copy(tmp_path / "site").of(project)
    mart = project / "dbt_project/models/marts/payments_eur.sql"
    mart.write_text(mart.read_text() + "where payments.currency <> 'EUR'\n")
    for check in (project / "dbt_project/tests").glob("*.sql"):
        check.unlink()  # They would notice that something is missing.
    moves = site.moves()
    dbt = str(Path(sys.executable).with_name("dbt"))
    build = ["build", "--exclude-resource-type", "unit_test"]
    done = execute([dbt, *build], site.environment, project / "dbt_project")
    assert "ERROR=0" in done.ends(0).out
    assert site.moves() == moves
    assert_same(site.published(), first.published)
    branch = site.root / "development" / "catalog.db"
    (site.root / "catalogs" / "g0.db").symlink_to(branch)
    ((euros,),) = site.rows("SELECT count(*) FROM marts.payments_eur WHERE currency = 'EUR'", "g0")
    ((others,),) = site.rows("SELECT count(*) FROM marts.payments_eur", "g0")
    assert euros == 0
    assert others > 0
