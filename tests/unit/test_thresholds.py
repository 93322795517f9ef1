"""Thresholds of quality: each fails on a datum made for it, and none passes on nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sluicegate import warehouse
from sluicegate.catalogue import Catalogue
from sluicegate.contracts import Contract, Dimension, Model, Reference, key
from sluicegate.errors import (
    AuditFailed,
    BatchRefused,
    ConfigurationError,
    DataRefused,
    UnknownName,
)
from sluicegate.ingestion import ingest, raw_table, total
from sluicegate.ingestion.accounts import QUALITY
from sluicegate.ingestion.ingest import Refusal
from sluicegate.lake import Archive, Branch, Lake
from sluicegate.pipeline import Platform, Run, refusing, stages
from sluicegate.pipeline.markdown import as_markdown
from sluicegate.pipeline.status import status_of
from sluicegate.pipeline.tables import tables
from sluicegate.pipeline.thresholds import require_known_datasets
from sluicegate.quality.check import Check, Outcome
from sluicegate.quality.freshness import freshness_of
from sluicegate.release import Ledger
from sluicegate.settings import load_settings
from sluicegate.settings_quality import Quality
from sluicegate.sources import within
from tests.unit import kit
from tests.unit.test_dimensions import HEADER, Parcels

BUILT = warehouse.Build((), (), (), 0.1, unit_tests=True)
MADE = "marts.parcels"
ZONES = Reference("raw.zones", on={"code": "code"})
NOW = datetime(2026, 10, 30, 12, tzinfo=UTC)


class Zones(Contract):
    """The zones that there are."""

    code: str = key()


class Desk:
    """Runs of an environment with one source, one model and thresholds."""

    def __init__(self, lake: Lake, folder: Path, **thresholds: dict[str, str]) -> None:
        self.folder = folder
        self.source = kit.source(
            "parcels", contract=Parcels, fresh=within("2 days"), reference=ZONES
        )
        zones = kit.source("zones", contract=Zones)
        quality = {name: Quality(**asked) for name, asked in thresholds.items()}
        catalogue = Catalogue(
            {"parcels": self.source, "zones": zones}, {MADE: Model(MADE, contract=Parcels)}
        )
        self.platform = Platform(
            kit.settings_of(lake.root.parent, quality=quality),
            catalogue,
            lake,
            Archive(lake.store),
            Ledger(lake.store, "dev"),
        )

    def run(self, *lines: str, codes: tuple[str, ...] = ("q",), late: bool = False) -> Run:
        """A run that takes in parcels, and publishes what passes the audit."""
        run = Run(self.platform)
        arrived = NOW - timedelta(days=3 if late else 1)
        run.report.freshness = [freshness_of(self.source, [arrived], NOW)]
        with run.branch() as branch:
            harvest = stages.open_harvest(run, branch)
            self._build(branch, run, lines, codes)
            run.report.accounts = {n: total(n, i.receipts) for n, i in run.intakes.items()}
            self.error: AuditFailed | None = None
            try:
                self.checks = stages.audit(run, branch, harvest, BUILT)
            except AuditFailed as error:
                self.error, self.checks = error, run.report.checks
                raise
            stages.publish(run, branch)
        return run

    def _build(
        self, branch: Branch, run: Run, lines: tuple[str, ...], codes: tuple[str, ...]
    ) -> None:
        with branch.session() as session:
            if lines:
                made = kit.batch(self.folder, "\n".join([HEADER, *lines]) + "\n", f"{run.id}.csv")
                run.intakes["parcels"] = ingest(self.source, [made], session, run.id)
            rows = raw_table(self.source).sql
            session.execute("CREATE SCHEMA IF NOT EXISTS lake.marts")
            session.execute(f"CREATE OR REPLACE TABLE lake.{MADE} AS FROM {rows}")
            session.execute("DELETE FROM lake.raw.zones")
            for code in codes:
                session.execute("INSERT INTO lake.raw.zones VALUES (?, '0f', 1)", [code])


@pytest.fixture
def desk(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    """Makes desks. Of an audit, only what is about quality is looked at here."""
    monkeypatch.setattr(Platform, "fingerprint", "code")
    for others in ("audit_source", "audit_conservation", "audit_batches"):
        monkeypatch.setattr(stages, others, lambda *_: [])
    return lambda **thresholds: Desk(lake, tmp_path, **thresholds)


GOOD = ("a,7,n,1,q", "b,7,n,1,q", "c,7,n,1,q", "d,7,n,1,q")


def judged(checks: list[Check]) -> dict[str, Outcome]:
    """The checks that are about quality."""
    return {f"{c.on} {c.name}": c.outcome for c in checks if c.name.startswith("quality:")}


@pytest.mark.parametrize(
    ("dimension", "line", "message"),
    [
        ("completeness", "e,,n,1,q", "93.33 % of 15, asked for is 95 %; worst: weight:not_null 1"),
        ("uniqueness", "a,7,s,1,q", "80.00 % of 5, asked for is 95 %; worst: id:unique 1"),
        ("validity", "e,x,n,1,q", "80.00 % of 5, asked for is 95 %; worst: weight:integer 1"),
        ("consistency", "e,1,n,2,q", "80.00 % of 5, .* worst: light_ones_are_fast 1"),
        ("timeliness", "e,9,n,6,q", "83.33 % of 6, .* worst: days:less_than_or_equal_to 1"),
        ("accuracy", "e,7,n,1,z", "80.00 % of 5, asked for is 95 %"),
    ],
)
def test_each_threshold_fails_on_its_datum(
    desk: Callable[..., Desk], dimension: str, line: str, message: str
) -> None:
    """Four parcels of five are right: the audit fails, and says how far off, and by which rules."""
    strict = desk(parcels={dimension: "95 %"})
    with pytest.raises(AuditFailed, match=f"parcels quality:{dimension}: {message}"):
        strict.run(*GOOD, line)
    assert judged(strict.checks) == {f"parcels quality:{dimension}": Outcome.FAIL}
    lenient = desk(parcels={dimension: "80 %"})
    lenient.run(*GOOD, line)
    assert judged(lenient.checks) == {f"parcels quality:{dimension}": Outcome.PASS}


def test_a_source_that_is_late_fails_its_threshold(desk: Callable[..., Desk]) -> None:
    """Nothing of it came in, and that it should have is what is wrong."""
    strict = desk(parcels={"timeliness": "100 %"})
    with pytest.raises(AuditFailed, match=r"0\.00 % of 1, asked for is 100 %"):
        strict.run(late=True)


def test_a_model_has_thresholds_too(desk: Callable[..., Desk]) -> None:
    """Measured by what its audit counted."""
    strict = desk(**{MADE: {"timeliness": "99 %"}})
    with pytest.raises(AuditFailed, match=r"marts\.parcels quality:timeliness: 80\.00 % of 5"):
        strict.run(*GOOD, "e,9,n,6,q")


def test_a_threshold_without_a_number_is_an_error(desk: Callable[..., Desk]) -> None:
    """Rows were looked at, and nothing says of them what the environment asks for."""
    strict = desk(**{MADE: {"accuracy": "1 %"}})
    with pytest.raises(AuditFailed, match="it looked at nothing: declare reference="):
        strict.run(*GOOD)
    assert judged(strict.checks) == {f"{MADE} quality:accuracy": Outcome.ERROR}


def test_what_was_not_touched_is_not_judged(desk: Callable[..., Desk]) -> None:
    """A run that nothing came in of says so, and neither passes nor fails the threshold."""
    strict = desk(parcels={"validity": "90 %"})
    strict.run(*GOOD)
    run = strict.run()
    assert judged(strict.checks) == {}
    assert run.report.unjudged == ["parcels validity"]
    assert "not looked at: parcels validity" in as_markdown(run.report)
    assert run.report.to_dict()["unjudged"] == ["parcels validity"]


def test_measures_are_published_with_their_run(desk: Callable[..., Desk]) -> None:
    """Exact numbers in the lake, the change to the run before in report and status."""
    mine = desk()
    first = mine.run(*GOOD).id
    second = mine.run(*GOOD, "e,x,n,1,q")
    sql = f"SELECT run, looked_at, failed FROM {QUALITY.sql} WHERE (dataset, dimension) = (?, ?)"
    with mine.platform.lake.read("dev") as session:
        told = session.rows(f'{sql} ORDER BY "at"', ["parcels", "validity"])
        of_model = session.rows(sql, [MADE, "accuracy"])
    assert told == [(first, 4, 0), (second.id, 5, 1)]
    assert of_model == []
    (shown,) = (
        each.to_dict()
        for each in second.report.quality
        if (each.dataset, each.dimension) == ("parcels", Dimension.VALIDITY)
    )
    expected = {"right": "80.00 %", "change": "-20.00", "trend": "█▁"}
    assert shown.items() >= expected.items()
    assert shown in status_of(mine.platform.settings)["quality"]
    assert "| parcels | 100 % █" in as_markdown(second.report)
    (exhibit,) = (each for each in tables(second.report) if each.name == "quality")
    row = next(r for r in exhibit.rows if (r["dataset"], r["dimension"]) == ("parcels", "validity"))
    assert (row["right"], row["looked at"], row["failed"]) == ("80.00 %", 5, 1)
    accuracies = [e for e in second.report.quality if e.dimension is Dimension.ACCURACY]
    assert [each.dataset for each in accuracies] == ["parcels"]
    assert f"| {MADE} |" in as_markdown(second.report)
    assert as_markdown(second.report).split(f"| {MADE} |")[1].splitlines()[0].endswith("– |")  # noqa: RUF001


def test_a_refused_run_tells_what_was_measured(desk: Callable[..., Desk]) -> None:
    """It leaves nothing in the lake that readers see; its report has the numbers."""
    strict = desk(parcels={"validity": "99 %"})
    with pytest.raises(AuditFailed):
        strict.run(*GOOD, "e,x,n,1,q")
    assert strict.platform.lake.refs.head("dev") is None
    kept = strict.platform.lake.store.list("evidence/")
    (run,) = {entry.key.split("/")[1] for entry in kept}
    report = json.loads(strict.platform.lake.store.read(f"evidence/{run}/report.json"))
    (bad,) = (each for each in report["quality"] if each["failed"])
    assert (bad["dataset"], bad["dimension"], bad["looked_at"]) == ("parcels", "validity", 5)
    with strict.platform.lake.read(f"refused/{run}") as session:
        assert session.scalar(f"SELECT count(*) FROM {QUALITY.sql} WHERE failed > 0") == 1


def test_a_batch_over_its_tolerance_is_measured(desk: Callable[..., Desk]) -> None:
    """The run is refused before the audit, and the numbers say by how much it was bad."""
    mine = desk()
    run = Run(mine.platform)
    with run.branch() as branch:
        harvest = stages.open_harvest(run, branch)
        mine._build(branch, run, ("a,x,n,1,q", "b,7,n,1,q"), ())
        refusal = Refusal("parcels", "1.csv", BatchRefused("too many"))
        run.intakes["parcels"].refusals.append(refusal)
        with pytest.raises(DataRefused):
            refusing.refuse_held(run, harvest)
    validity = next(e for e in run.report.quality if e.dimension is Dimension.VALIDITY)
    assert (validity.tally.looked_at, validity.tally.failed) == (2, 1)
    assert validity.worst == "weight:integer 1"


def test_a_replay_measures_no_delivery(desk: Callable[..., Desk]) -> None:
    """Its records were measured when they came: another time, they would be nothing but bad."""
    mine = desk(parcels={"validity": "90 %"})
    run = Run(mine.platform)
    with run.branch() as branch:
        harvest = stages.open_harvest(run, branch)
        mine._build(branch, run, ("a,7,n,1,q", "b,x,n,1,q"), ())
        run.intakes["parcels"].replayed = True
        stages.audit(run, branch, harvest, BUILT)
    measured = {each.dimension for each in run.report.quality if each.dataset == "parcels"}
    assert measured == {Dimension.ACCURACY}
    assert run.report.unjudged == ["parcels validity"]


def settings_with(folder: Path, text: str) -> Any:
    """The settings of an environment with these thresholds."""
    environments = folder / "deployments" / "environments"
    environments.mkdir(parents=True)
    lake = '[lake]\nroot = "lake"\n[landing]\nroot = "landing"\n'
    (environments / "dev.toml").write_text(lake + text)
    return load_settings("dev", folder)


def test_thresholds_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in the environment's file, and can be overridden for one process."""
    monkeypatch.setenv("SLUICEGATE_QUALITY__PAYMENTS__VALIDITY", "98.5%")
    text = '[quality.payments]\nvalidity = "99 %"\n[quality."marts.x"]\naccuracy = "100 %"\n'
    quality = settings_with(tmp_path, text).quality
    assert {name: each.asked for name, each in quality.items()} == {
        "payments": {"validity": Decimal("0.985")},
        "marts.x": {"accuracy": 1},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[quality.x]\nvalidty = "9 %"',
            "quality.x.*no dimension 'validty'; did you mean 'validity'",
        ),
        ('[quality.x]\nvalidity = "0.0 %"', r"quality\.x\.validity.*nothing is below 0 %"),
        ('[quality.x]\nvalidity = "101 %"', r"quality\.x\.validity.*no share, like \"99 %\""),
        ("[quality.x]\nvalidity = 0.99", r"quality\.x\.validity.*no share"),
        ('[quality]\nx = "99 %"', "quality.x.*this is no table"),
    ],
)
def test_thresholds_that_say_nothing_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """When the settings are loaded, with the place and what was probably meant."""
    with pytest.raises(ConfigurationError, match=message):
        settings_with(tmp_path, text)


def test_a_threshold_of_an_unknown_dataset_is_refused(desk: Callable[..., Desk]) -> None:
    """The name that comes nearest is told."""
    platform = desk(parcles={"validity": "9 %"}).platform
    with pytest.raises(UnknownName, match="no dataset called 'parcles'") as caught:
        require_known_datasets(platform.settings, platform.catalogue)
    assert "'parcels'" in str(caught.value.hint)
    assert "dev.toml, [quality.parcles]" in str(caught.value.where)


def test_settings_know_every_dimension() -> None:
    """And no other."""
    assert list(Quality.model_fields) == [dimension.value for dimension in Dimension]
