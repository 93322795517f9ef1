"""From a file nobody has described to a passing run: its source is proposed, and takes it in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import Run, settle
from tests.support import ROOT, Site, copy_project

pytestmark = pytest.mark.integration


@pytest.fixture
def site(first: Run, tmp_path: Path) -> Site:
    """A lake with a first run in it, and a project of the test's own."""
    return first.site.copy(tmp_path / "site").of(copy_project(tmp_path / "project"))


def test_a_new_file_is_published_minutes_later(site: Site, tmp_path: Path) -> None:
    """Its rows are in the lake, typed; the one that is not like the others is in quarantine."""
    codes = tmp_path / "codes.csv"
    published = (ROOT / "data/reference/iso18245_mcc.csv").read_text(encoding="utf-8")
    # The second column gets a name that SQL takes for its own.
    published = published.replace("DESCRIPTION", "Order", 1)
    codes.write_text(published + "12,Too short\n", encoding="utf-8")
    proposed = site.sluicegate("source", "codes", "--from", str(codes), "--land", "--json")
    told = proposed.ends(0).json
    assert told["key"] == ["mcc"]
    assert (told["sample"]["published"], told["sample"]["quarantined"]) == (280, 1)
    settle(site.landing / "codes")
    account = site.run()["sources"]["codes"]
    assert (account["published"], account["quarantined"]) == (280, 1)
    rows = site.rows(
        "SELECT count(*), count(*) FILTER (mcc = '0742'), count(\"order\"), max(_line)"
        " FROM staging.stg_codes"
    )
    assert rows == [(280, 1, 280, 281)]
    (rules,) = site.rows("SELECT rules FROM accounts.quarantine WHERE source = 'codes'")
    assert rules == (["mcc:matches"],)


def test_a_file_without_a_key_is_published_too(site: Site) -> None:
    """Its rows are told apart by their place, which the command says."""
    credit = ROOT / "data/reference/german.data"
    proposed = site.sluicegate("source", "credit", "--from", str(credit), "--land").ends(0)
    assert "the key is line_no" in proposed.out
    settle(site.landing / "credit")
    assert site.run()["sources"]["credit"]["published"] == 1_000
    assert site.rows("SELECT count(*), max(line_no) FROM raw.credit") == [(1_000, 1_000)]
