"""Looking into quarantine: counts are exact, and nothing personal is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from sluicegate.catalogue import load_catalogue
from sluicegate.cli.main import app
from sluicegate.contracts import Contract, field, key
from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.ingestion import ingest, quarantine
from sluicegate.ingestion.accounts import open_accounts, record_masked
from sluicegate.lake import Archive, Lake
from sluicegate.pipeline.quarantine import HIDDEN, masked, shape_of
from sluicegate.sources import Batch

PERSON = '''
"""People, and one who was rejected."""

from sluicegate.contracts import PII, Contract, Money, field, key
from sluicegate.sources import Files, Load


class People(Contract):
    person_id: str = key(pii=PII.INDIRECT)
    name: str = field(pii=PII.DIRECT, nullable=True)
    limit: Money = field(gt=0)
    country: str = field(isin=("DE", "FR"))


source = Files(
    "people", contract=People, match="*.csv", load=Load.APPEND, tolerate="100 %", owner="kyc"
)
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one source, three rejected records in its lake, and one that is unparsed."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "people.py").write_text(PERSON)
    (tmp_path / "deployments" / "environments").mkdir(parents=True)
    (tmp_path / "deployments" / "environments" / "dev.toml").write_text(
        '[lake]\nroot = "lake"\n[landing]\nroot = "landing"\n'
    )
    (tmp_path / "dbt_project").mkdir()
    for name in ("pyproject.toml", "prefect.toml", "dbt_project/dbt_project.yml"):
        (tmp_path / name).touch()
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(tmp_path))
    declared = load_catalogue(tmp_path).source("people")
    lake = Lake(tmp_path / "lake")
    lake.prepare()
    lines = (
        "p1,Ada Example,DE89 3704,DE",
        "p2,Bob Example,1.00,Bob Example",
        "p3,Cy Example,0.00,Nowhere",
        "p4,Di Example,5.00,FR",
        'p5,"Ed Example,7.00,DE',
    )
    raw = "\n".join(["person_id,name,limit,country", *lines]) + "\n"
    batch, content, size = Archive(lake.store).keep_bytes(raw.encode())
    with lake.branch("dev", "run-1") as branch:
        with branch.session() as session:
            open_accounts(session)
            ingest(declared, [Batch(batch, "p.csv", content, size)], session, "run-1")
        lake.publish(branch, run="run-1")
    return tmp_path


def told(*arguments: str, code: int = 0) -> Any:
    """What a command prints."""
    result = CliRunner().invoke(app, ["quarantine", *arguments], catch_exceptions=True)
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.output) if "--json" in arguments else result.output


def test_what_is_there_is_counted_by_rule(project: Path) -> None:
    """A record that breaks two rules is on two heaps, and counts once."""
    found = told("list", "--json")
    assert found["totals"] == {"people": 4}
    assert {heap["rule"]: heap["rows"] for heap in found["quarantine"]} == {
        "country:isin": 2,
        "limit:decimal": 1,
        "limit:greater_than": 1,
        "record:quoting": 1,
    }
    narrow = told("list", "--rule", "limit:greater_than", "--json")
    assert narrow["totals"] == {"people": 1}
    assert "4 records in quarantine (people 4)" in told("list")


def test_nothing_personal_is_shown(project: Path) -> None:
    """Neither where it belongs, nor where it slipped into another column, nor in broken text."""
    for output in (told("show", "people"), json.dumps(told("show", "people", "--json"))):
        for secret in ("Ada", "Bob", "Cy Ex", "Ed Ex", "p1", "p5", "DE89", "3704"):
            assert secret not in output, secret
    # Whoever may see it all is told where.
    assert "lake sql dev" in told("show", "people")
    first, second, third, broken = told("show", "people", "--json")["records"]
    assert first["values"] == {
        "person_id": HIDDEN,
        "name": HIDDEN,
        "limit": "xx99 9999",
        "country": "DE",
    }
    assert second["values"]["country"] == "xxx xxxxxxx"
    assert (third["rules"], third["line"]) == (["limit:greater_than", "country:isin"], 4)
    assert (broken["text"], broken["values"]) == ('x9,"xx xxxxxxx,9.99,xx', None)


def test_what_is_masked_is_explained(project: Path) -> None:
    """Also where only shapes are shown, and not where everything is shown as it was written."""
    broken = told("show", "people", "--rule", "record:quoting")
    assert 'x9,"xx xxxxxxx,9.99,xx' in broken
    assert "x is a letter and 9 a digit" in " ".join(broken.split())
    assert "lake sql dev" in broken
    contract = project / "contracts" / "people.py"
    text = contract.read_text()
    contract.write_text(text.replace("pii=PII.INDIRECT", "").replace("pii=PII.DIRECT, ", ""))
    assert [each["masked"] for each in told("show", "people", "--json")["records"]] == [False] * 4
    assert "is a letter" not in told("show", "people")


def test_no_more_than_asked_for(project: Path) -> None:
    """The count is exact whatever is shown."""
    found = told("show", "people", "--most", "1", "--json")
    assert (found["total"], len(found["records"])) == (4, 1)
    assert "the first 1 of them" in told("show", "people", "--most", "1")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("show", "pepole"), "people"),
        (("show", "people", "--rule", "limit"), "limit:decimal"),
        (("show", "people", "--file", "q.csv"), "p.csv"),
        (("list", "--source", "pepole"), "people"),
        (("list", "--rule", "limit:decimla"), "limit:decimal"),
        (("list", "--file", "q.csv"), "p.csv"),
        (("list", "--ref", "dve"), "dev"),
        (("replay", "--dry-run", "--rule", "limit:decimla"), "limit:decimal"),
    ],
)
def test_a_name_that_there_is_not(project: Path, arguments: tuple[str, ...], hint: str) -> None:
    """A mistyped source, rule, batch or ref is told with the name that comes nearest."""
    result = CliRunner().invoke(app, ["quarantine", *arguments])
    assert hint in str(result.exception)


def test_rules_of_other_sources_are_not_suggested(project: Path) -> None:
    """Those that records of the source break are, and its contract's own."""
    lake = Lake(project / "lake")
    rejected = pl.DataFrame(
        {"_batch": ["b"], "_line": [2], "rules": [["address:isin"]], "record": ["{}"]}
    )
    with lake.branch("dev", "run-2") as branch:
        with branch.session() as session:
            batch = Batch("b", "f.csv", Path("f.csv"), 0)
            quarantine.put(session, "run-2", "firms", [batch], rejected)
        lake.publish(branch, run="run-2")

    def hint(*arguments: str) -> str | None:
        error = CliRunner().invoke(app, ["quarantine", *arguments, "--rule", "foo"]).exception
        assert isinstance(error, UnknownName)
        return error.hint

    own = hint("show", "people")
    assert own is not None
    assert own.startswith("known: country:isin, ")
    assert "record:quoting" in own
    assert hint("list", "--source", "people") == own
    assert "known: address:isin, " in str(hint("list"))


def test_a_rehearsal_publishes_nothing(project: Path) -> None:
    """It says what would pass by the mended contract, on a branch that is gone after it."""
    lake = Lake(project / "lake")
    before = lake.refs.head("dev")
    assert "still rejected, all 4 records" in told("replay", "--dry-run")
    contract = project / "contracts" / "people.py"
    contract.write_text(contract.read_text().replace('"FR")', '"FR", "Nowhere")'))
    contract.write_text(contract.read_text().replace("gt=0", "ge=0"))
    report = told("replay", "--dry-run", "--json")
    assert (report["kind"], report["status"]) == ("replay", "rehearsed")
    assert report["sources"]["people"]["published"] == 1
    assert lake.refs.head("dev") == before
    with lake.read("dev") as session:
        assert quarantine.counted(session, quarantine.Selection()) == {"people": 4}


def test_a_ref_that_is_an_environment_is_looked_up_in_its_lake(project: Path) -> None:
    """The report's hint names a ref only: what it names need not be in the lake of dev."""
    other = '[lake]\nroot = "other"\n[landing]\nroot = "landing"\n'
    (project / "deployments" / "environments" / "prod.toml").write_text(other)
    (project / "other").symlink_to(project / "lake")
    lake = Lake(project / "lake")
    lake.start("prod", "dev")
    (project / "deployments" / "environments" / "dev.toml").write_text(
        other.replace("other", "empty")
    )
    assert told("list", "--ref", "prod", "--json")["totals"] == {"people": 4}


def test_a_masked_branch_is_not_replayed(project: Path) -> None:
    """The archive has the real values: a replay would bring them in."""
    lake = Lake(project / "lake")
    with lake.branch("dev", "mask") as branch:
        with branch.session() as session:
            record_masked(session, {})
        lake.publish(branch, run="mask")
    head = lake.refs.head("dev")
    result = CliRunner().invoke(app, ["quarantine", "replay", "--dry-run"])
    assert isinstance(result.exception, ConfigurationError)
    assert "is a masked branch" in result.exception.message
    assert lake.refs.head("dev") == head


def test_what_is_left_of_a_source_that_is_gone_is_told(project: Path) -> None:
    """Its records are shown without a value, and a replay names them and leaves them alone."""
    contract = project / "contracts" / "people.py"
    contract.write_text(contract.read_text().replace('"people", contract', '"folk", contract'))
    assert told("list", "--json")["totals"] == {"people": 4}
    records = told("show", "people", "--json")["records"]
    assert {value for each in records for value in (each["values"] or {}).values()} == {HIDDEN}
    report = told("replay", "--dry-run", "--json")
    assert report["sources"] == {}
    assert list(report["waiting"]["people"]) == ["4 records"]


class Harmless(Contract):
    """Nothing in it is about anybody."""

    number: int = key()
    size: int = field(ge=0)


def test_without_personal_columns_values_are_shown_as_they_are() -> None:
    """Whoever mends a reading wants to see what was written."""
    record = {"number": "12", "size": "-7 kg"}
    assert masked(record, ["size:integer"], Harmless) == record


def test_without_a_contract_everything_is_hidden() -> None:
    """Nobody can say any more which of the columns are personal."""
    assert masked({"number": "12", "size": None}, [], None) == {"number": HIDDEN, "size": None}


def test_a_shape_keeps_what_a_reader_trips_over() -> None:
    """Delimiters, quotes, blanks, signs and lengths."""
    assert shape_of('Müller;"1.234,50"\t-€') == 'xxxxxx;"9.999,99"\t-€'
