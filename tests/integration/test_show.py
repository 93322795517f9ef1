"""What a run shows in Prefect: tables and progress, for every way in which a run can end."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api import Api
from tests.integration.conftest import Refused, Run
from tests.support import ROOT, Site, free_port, inherited

FATES = ("published", "quarantined", "deduplicated", "held")


@pytest.fixture(scope="module")
def good(first: Run) -> Api:
    return Api(first.report["ui"])


@pytest.fixture(scope="module")
def bad(refused: Refused) -> Api:
    return Api(refused.last["ui"])


def test_receipts_are_a_table_with_a_row_a_batch(good: Api, first: Run) -> None:
    """Every batch of the run is there with all its counts."""
    batches = first.report["batches"]
    assert len(batches) > 20
    assert good.table("receipts") == [
        {
            "source": batch["source"],
            "batch": batch["name"],
            "rows in": batch["rows_in"],
            **{fate: batch[fate] for fate in FATES},
            "removed": batch["removed"],
            "no records": ", ".join(f"{n:,} {what}" for what, n in batch["left_out"].items()),
        }
        for batch in batches
    ]


def test_quarantine_is_a_table_that_tells_places(good: Api, first: Run) -> None:
    """Every rule that was broken comes with its rows, and with one that is in quarantine for it."""
    rows = good.table("quarantine")
    counted = {(row["source"], row["rule"]): row["rows"] for row in rows if row["rows"]}
    assert counted == {
        (source, rule): count
        for source, account in first.report["sources"].items()
        for rule, count in account["rejections"].items()
    }
    assert {row["source"] for row in rows} == first.report["sources"].keys()
    kept = first.site.rows("SELECT source, file, line, unnest(rules) FROM accounts.quarantine")
    places = {(source, rule, f"{file}, line {line}") for source, file, line, rule in kept}
    shown = {(row["source"], row["rule"], row["example"]) for row in rows if row["rows"]}
    assert len(shown) > 20
    assert shown <= places


def test_models_are_a_table_with_the_checks_on_each(good: Api, first: Run) -> None:
    """Every model that dbt built is there, with its rows and how many checks were kept on it.

    Those that had no value to judge are counted apart: after one run no merchant has changed.
    """
    rows = good.table("models")
    checks = Counter((check["on"], check["outcome"]) for check in first.report["checks"])
    told = ("model", "kind", "status", "rows", "checks passed", "checks idle")
    assert [tuple(row[name] for name in told) for row in rows] == [
        (
            *(model[name] for name in ("name", "kind", "status", "rows")),
            checks[model["name"], "pass"],
            checks[model["name"], "idle"],
        )
        for model in first.report["models"]
    ]
    assert {row["model"]: row["checks idle"] for row in rows}["snapshots.merchants_history"] == 1
    assert {row["checks failed"] for row in rows} == {0}
    assert all(row["checks passed"] >= 1 for row in rows)


def test_freshness_is_a_table_with_a_row_a_source(good: Api, first: Run) -> None:
    """Every source says what is expected of it, and whether it came."""
    rows = {row["source"]: row for row in good.table("freshness")}
    assert rows.keys() == first.report["sources"].keys()
    for source in first.report["freshness"]:
        shown = rows[source["source"]]
        assert shown["state"] == ("stale" if source["stale"] else "fresh")
        assert shown["expectation"] == source["expectation"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", shown["last"])


def test_stages_that_take_long_show_their_progress(good: Api, bad: Api, first: Run) -> None:
    """A stage over two seconds has its progress under a stable key, and it ends at 100."""
    shown = {
        key: artifact
        for api in (good, bad)
        for key, artifact in api.artifacts().items()
        if artifact["type"] == "progress"
    }
    for stage in ("discover", "transform", "audit"):
        if first.report["seconds"][stage] > 2.5:
            assert f"progress-{stage}-dev" in shown
    assert first.report["seconds"]["transform"] > 2.5, "nothing was long enough to look at"
    for key, artifact in shown.items():
        assert re.fullmatch(r"progress-[a-z-]+-dev", key)
        assert float(artifact["data"]) == 100.0
        assert re.search(r"done in \d+\.\d s$", artifact["description"])


def test_a_refused_run_shows_what_is_held(bad: Api, refused: Refused) -> None:
    """All its batches are there, held, with the rules that were broken; there are no models."""
    artifacts = bad.artifacts()
    tables = {key for key, artifact in artifacts.items() if artifact["type"] == "table"}
    assert tables == {"receipts-dev", "quarantine-dev", "quality-dev", "freshness-dev"}
    rows = bad.table("receipts")
    assert {row["batch"] for row in rows} >= {refused.lacks, refused.dirty, refused.broken}
    assert all(row["held"] == row["rows in"] and row["published"] == 0 for row in rows)
    (broken,) = (row for row in bad.table("quarantine") if row["rule"] == "currency:isin")
    assert broken["rows"] > 30
    assert refused.dirty in broken["example"]


def test_a_refused_run_says_how_to_look_further(bad: Api, refused: Refused) -> None:
    """Report and tables name the evidence and commands, and the commands answer."""
    artifacts = bad.artifacts()
    report = artifacts["run-report-dev"]["data"]
    assert f"`{refused.last['evidence']}`" in report
    assert f"quarantine list --ref refused/{refused.run}" in report
    for name in ("receipts", "quarantine"):
        told = re.search(r"`(.+)`", artifacts[f"{name}-dev"]["description"])
        assert told
        program, *arguments = shlex.split(told[1])
        assert program.endswith("sluicegate")
        answer = refused.site.sluicegate(*arguments, "--json").ends(0).json
        if name == "quarantine":
            assert (answer["ref"], bool(answer["totals"])) == (f"refused/{refused.run}", True)
        else:
            assert {row["run"] for row in answer} == {refused.run}


def test_a_failed_run_shows_its_report(published: Site) -> None:
    """A run that could not even look for batches says so where people look, and nothing else."""
    lost = published.having(landing__root=published.folder / "nowhere")
    lost.sluicegate("run").ends(4)
    last = published.sluicegate("status", "--json").ends(0).json["last_run"]
    artifacts = Api(last["ui"]).artifacts()
    lasting = {key for key, artifact in artifacts.items() if artifact["type"] != "progress"}
    assert lasting == {"run-report-dev"}
    report = artifacts["run-report-dev"]["data"]
    assert "dev: failed" in report
    assert "nowhere" in report
    assert "sluicegate status --env dev" in report


def test_what_cannot_be_shown_does_not_change_how_a_run_ends(tmp_path: Path) -> None:
    """With a server that is gone, showing fails with a warning, once, and without an exception."""
    code = (
        "import tasks.report; from sluicegate.pipeline import Report, Status\n"
        "tasks.report.show_report(Report('run-1', 'dev', Status.PUBLISHED))\n"
        "print('the run goes on')"
    )
    variables = {
        "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
        "PREFECT_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**inherited(), **variables},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the run goes on" in done.stdout
    assert done.stderr.count("could not be shown in Prefect") == 1
    assert time.monotonic() - began < 60


def test_nothing_personal_is_shown(good: Api, bad: Api, first: Run, refused: Refused) -> None:
    """No name, address, e-mail, account number or description of the data is in any artifact."""
    values = _personal(first.site, "dev") | _personal(refused.site, f"refused/{refused.run}")
    assert len(values) > 10_000
    for api in (good, bad):
        text = "\n".join(
            f"{artifact['description']}\n{artifact['data']}"
            for artifact in api.artifacts().values()
        )
        assert len(text) > 2_000
        # Most values have a word that is nowhere in the text: only the others are looked for.
        words = set(re.findall(r"\w+", text))
        near = (value for value in values if words.issuperset(re.findall(r"\w+", value)))
        told = [value for value in near if value in text]
        assert not told, f"{len(told)} personal values are told"


def _personal(site: Site, ref: str) -> set[str]:
    """Values of the data that say something about a person, published or in quarantine."""
    columns = {
        "raw.payments": ("debtor_iban", "creditor_iban", "description"),
        "raw.customers": ("name", "email", "street"),
        "raw.merchants": ("iban",),
    }
    found: set[Any] = set()
    for table, names in columns.items():
        for name in names:
            found.update(value for (value,) in site.rows(f"SELECT {name} FROM {table}", ref))
    wanted = {name for names in columns.values() for name in names}
    for (record,) in site.rows("SELECT record FROM accounts.quarantine", ref):
        try:
            parsed = json.loads(record)
        except ValueError:
            continue
        if isinstance(parsed, dict):
            found.update(value for name, value in parsed.items() if name in wanted)
    # Shorter ones are words like any other.
    return {str(value) for value in found if value and len(str(value)) > 7}
