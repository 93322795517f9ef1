"""What contracts export, read by others: datacontract-cli on a lake, a validator on a source.

`make test-exports` installs the tool in an environment of its own, and runs these.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from jsonschema import Draft202012Validator

from sluicegate.contracts import Model, judge
from sluicegate.exports.dataset import dataset_of
from sluicegate.exports.odcs import document_of, text_of
from sluicegate.exports.words import rules_of
from sluicegate.versions.describe import of_model
from tests.integration.conftest import Run
from tests.support import ROOT, execute, inherited
from tests.unit.test_compiled import Everything

TOOL = Path(os.environ.get("DATACONTRACT_BIN", ROOT / ".venv-exports" / "bin"))
DOCUMENTS = sorted((ROOT / "contracts" / "odcs").glob("*.odcs.yaml"))

pytestmark = pytest.mark.skipif(
    not (TOOL / "datacontract").exists(), reason="`make test-exports` installs datacontract-cli"
)

Verdict = dict[str, Any]
FORMATS = Draft202012Validator.FORMAT_CHECKER

NOWHERE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
"""Where the tool gets if it calls anybody: these tests need no network, and use none."""


def verdicts(jobs: list[tuple[Path, Path]]) -> list[Verdict]:
    """What the tool makes of documents, each on a database, in one process: it starts slowly."""
    done = subprocess.run(
        [TOOL / "python", "-W", "ignore", ROOT / "tests" / "odcs_judge.py"],
        input=json.dumps([[str(document), str(file)] for document, file in jobs]),
        env={**inherited(), **NOWHERE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Verdict] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def exported(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What readers see after a real run, of the tables that have a contract."""
    file = tmp_path_factory.mktemp("exported") / "contracts.duckdb"
    outcome = first.site.sluicegate("lake", "export", "--contracts", "--json", str(file)).ends(0)
    assert {f"{name}.odcs.yaml" for name in outcome.json["tables"]} == {d.name for d in DOCUMENTS}
    return file


def test_every_document_is_valid_and_holds_on_the_lake(exported: Path) -> None:
    """The tool lints it against the standard's schema, runs each check, and all of them pass."""
    found = verdicts([(document, exported) for document in DOCUMENTS])
    for document, verdict in zip(DOCUMENTS, found, strict=True):
        others = [check for check in verdict["checks"] if check["result"] != "passed"]
        # Rows that break a rule that only warns are published, and the tool says no more of them.
        assert {check["result"] for check in others} <= {"warning"}, document.name
        wanted = ("passed", "warning" if others else "passed")
        assert (verdict["lint"], verdict["test"]) == wanted, (document.name, verdict)
        assert len(verdict["checks"]) > 5


def test_command_fails_on_a_bad_datum_in_the_lake(first: Run, tmp_path: Path) -> None:
    """As a person types it, on a lake in which one amount was made negative behind our back."""
    site = first.site.copy(tmp_path / "site")
    with site.lake.branch("dev", "behind-our-back") as branch:
        with branch.session() as session:
            (payment,) = session.rows("SELECT min(payment_id) FROM lake.raw.payments")[0]
            session.execute(
                "UPDATE lake.raw.payments SET amount = -1 WHERE payment_id = $1", [payment]
            )
        site.lake.publish(branch, run="behind-our-back")
    document = str(ROOT / "contracts" / "odcs" / "raw.payments.odcs.yaml")
    lint = execute([str(TOOL / "datacontract"), "lint", document], NOWHERE, tmp_path)
    assert (lint.code, "valid" in lint.out) == (0, True), lint.said
    file = tmp_path / "data" / "contracts.duckdb"
    for ref, code in ((first.site, 0), (site, 1)):
        ref.sluicegate("lake", "export", "--contracts", str(file)).ends(0)
        outcome = execute([str(TOOL / "datacontract"), "test", document], NOWHERE, tmp_path)
        assert outcome.code == code, outcome.said
    assert "amount has a minimum" in " ".join(outcome.out.split())


GOOD: dict[str, Any] = {
    "id": 1,
    "whole": 1,
    "other": 2,
    "chosen": 2,
    "money": Decimal("0.25"),
    "price": Decimal("0.25"),
    "share": 0.5,
    "ratio": 0.5,
    "rating": 0.5,
    "text": "it's",
    "code": "AB",
    "loose": "x",
    "account": "DE89370400440532013000",
    "day": date(2026, 2, 1),
    "born": datetime(2026, 1, 1, tzinfo=UTC),
    "died": datetime(2026, 1, 2, tzinfo=UTC),
    "flag": False,
    "needed": "x",
    "weight": 0.5,
    "own": 2,
}

BAD: list[tuple[str, dict[str, Any]]] = [
    ("id:not_null", {"id": None}),
    ("id:unique", {"id": 2}),
    ("needed:not_null", {"needed": None}),
    ("weight:not_null", {"weight": None}),
    ("chosen:isin", {"chosen": 3}),
    ("rating:isin", {"rating": 0.2}),
    ("whole:greater_than", {"whole": -3}),
    ("whole:less_than_or_equal_to", {"whole": 4, "other": -1}),
    ("other:greater_than_or_equal_to", {"other": -(2**63)}),
    ("other:less_than", {"other": 2**62}),
    ("money:greater_than", {"money": Decimal("-1.50")}),
    ("money:less_than_or_equal_to", {"money": Decimal("2.01")}),
    ("price:greater_than_or_equal_to", {"price": Decimal("0.24")}),
    ("price:less_than", {"price": Decimal("1.75")}),
    ("share:greater_than", {"share": -0.5, "money": None}),
    ("share:less_than_or_equal_to", {"share": 0.6}),
    ("ratio:greater_than_or_equal_to", {"ratio": -0.1}),
    ("ratio:less_than", {"ratio": 2.0}),
    ("text:isin", {"text": "A "}),
    ("code:matches", {"code": "AB-1\n"}),
    ("account:iban", {"account": "DE89 3704"}),
    ("day:greater_than_or_equal_to", {"day": date(2026, 1, 1)}),
    ("day:less_than", {"day": date(2026, 3, 1)}),
    ("in_order", {"died": datetime(2025, 12, 31, tzinfo=UTC)}),
    ("same_when_flagged", {"flag": True, "text": "a"}),
    ("either", {"code": "AB-1"}),
]
"""Values that break a rule: one of each that the document tells otherwise than as text."""

EVERYTHING = dataset_of(of_model(Model("marts.everything", contract=Everything)), Everything)
CHECKS = {
    "field_required": "not_null",
    "field_primary_key_unique": "unique",
    "field_minimum": "bound",
    "field_maximum": "bound",
    "field_not_equal": "bound",
    "field_regex": "pattern",
    "field_invalid_values": "isin",
}
KINDS = {"not_null": "not_null", "isin": "isin", "matches": "pattern", "iban": "pattern"}


def check_of(rule: str) -> tuple[str | None, str]:
    """Column and kind of the check that the tool makes of a rule; of SQL, what it is told by."""
    told = {each.rule: each for each in rules_of(EVERYTHING)}[rule]
    (table,) = document_of(EVERYTHING)["schema"]
    every = [
        quality for each in (table, *table["properties"]) for quality in each.get("quality", ())
    ]
    if any(quality["name"] == rule and quality["type"] == "sql" for quality in every):
        return told.column, told.words
    return told.column or "id", KINDS.get(told.check, "unique" if told.column is None else "bound")


def broken_rules(row: dict[str, Any]) -> set[str]:
    """The rules that the contract says a row breaks, but for those that are told as text."""
    types = {column.name: column.dtype for column in Everything.columns()}
    broken = set(judge(Everything, pl.DataFrame([row], schema=types, orient="row")).broken)
    return broken & {rule for rule, _ in BAD}


def table_of(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A database with these rows."""
    types = {column.name: column.dtype for column in Everything.columns()}
    folder.mkdir()
    pl.DataFrame(rows, schema=types, orient="row").write_parquet(folder / "rows.parquet")
    with duckdb.connect(folder / "everything.duckdb") as connection:
        connection.execute("CREATE SCHEMA marts")
        connection.execute(f"CREATE TABLE marts.everything AS FROM '{folder}/rows.parquet'")
    return folder / "everything.duckdb"


def test_checks_mean_what_the_rules_mean(tmp_path: Path) -> None:
    """Good rows pass; a bad one fails the checks of just those rules that it breaks."""
    document = tmp_path / "everything.odcs.yaml"
    document.write_text(text_of(EVERYTHING, ""))
    others = [{**GOOD, "id": number} for number in (2, 3)]
    rows = [GOOD, *({**GOOD, **changed} for _, changed in BAD)]
    files = [table_of(tmp_path / f"{n}", [row, *others]) for n, row in enumerate(rows)]
    good, *found = verdicts([(document, file) for file in files])
    assert {check["result"] for check in good["checks"]} == {"passed"}
    for (rule, changed), row, verdict in zip(BAD, rows[1:], found, strict=True):
        broken = broken_rules(row) | ({"id:unique"} if row["id"] == 2 else set())
        assert rule in broken, rule
        failed = {
            (check["field"], CHECKS.get(check["type"], check["name"]))
            for check in verdict["checks"]
            if check["result"] == "failed"
        }
        assert failed == {check_of(each) for each in broken}, (rule, changed)


def records_of(landing: Path) -> Iterator[tuple[str, int, str]]:
    """File, line and text of every record of the customers' exports."""
    for file in sorted((landing / "customers").iterdir()):
        raw = file.read_bytes()
        text = gzip.decompress(raw) if file.suffix == ".gz" else raw
        for number, line in enumerate(text.decode(errors="replace").split("\n"), 1):
            if line.strip():
                yield file.name, number, line


def test_schema_tells_good_records_from_bad_ones(first: Run) -> None:
    """A validator takes each record of a customer that was published, and no rejected one."""
    schema = json.loads((ROOT / "contracts/schemas/raw.customers.schema.json").read_text())
    # Told to look at formats, too, it knows that there is no 30 February.
    validator = Draft202012Validator(schema, format_checker=FORMATS)
    rejected = {
        (name, line): rules
        for name, line, rules in first.site.rows(
            "SELECT b.name, q.line, q.rules FROM accounts.quarantine AS q"
            " JOIN accounts.batches AS b USING (batch) WHERE q.source = 'customers'"
        )
    }
    refused = {
        (name, number)
        for name, number, line in records_of(first.site.landing)
        if not _taken(validator, line)
    }
    # What is no record at all is no matter of the schema; that keys are unique, none of one record.
    broken = {place for place, rules in rejected.items() if str(rules[0]).startswith("record:")}
    wanted = {place for place, rules in rejected.items() if set(rules) - {"customer_id:unique"}}
    assert len(wanted - broken) > 5
    assert refused - broken == wanted - broken


def _taken(validator: Draft202012Validator, line: str) -> bool:
    try:
        return bool(validator.is_valid(json.loads(line)))
    except ValueError:
        return False
