"""`sluicegate source`: what is guessed from a file, and that it takes the file in."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from sluicegate.catalogue import load_catalogue
from sluicegate.cli.main import app
from sluicegate.contracts import PII, Mask
from sluicegate.errors import (
    BatchRefused,
    ConfigurationError,
    EnvironmentFailed,
    ProviderFailed,
    SluicegateError,
)
from sluicegate.pipeline.exports import export_contracts
from sluicegate.pipeline.scaffolding import proposal_of
from sluicegate.pipeline.versions import snapshot_contracts
from sluicegate.scaffold.columns import Proposed
from sluicegate.scaffold.conversions import conversion_of
from sluicegate.scaffold.module import module_of
from sluicegate.scaffold.names import columns_of
from sluicegate.scaffold.origin import file_of
from sluicegate.scaffold.patterns import pattern_of
from sluicegate.scaffold.proposal import Proposal
from sluicegate.scaffold.staging import model_of
from sluicegate.scaffold.suite import suite_of
from sluicegate.scaffold.trial import Trial
from sluicegate.sources.http import calls
from sluicegate.testing import broken_rules
from sluicegate.testing.proof import prove
from sluicegate.testing.workbooks import workbook
from tests.support import ROOT

REFERENCE = ROOT / "data" / "reference"
PEOPLE = [
    {
        "CustomerID": f"C{number:07d}",
        "E-Mail": f"u{number}@example.org",
        "Full Name": f"Somebody {number}",
        "birth date": f"19{60 + number % 40}-01-{1 + number % 28:02d}",
        "amount": "n/a" if number == 77 else f"{number * 3.25:.2f}",
        "booked at": f"2026-10-{1 + number % 28:02d}T10:00:00+02:00",
        "local": f"2026-10-{1 + number % 28:02d} 10:00",
        "when": f"{1 + number % 28:02d}/10/2026",
        "status": "opne" if number == 78 else ("open", "closed", "void")[number % 3],
        "class": number % 7,
        "price": f"{number},{number % 100:02d}",
        "currency": ("EUR", "USD", "GBP")[number % 3],
        "note": "" if number % 4 else "call back",
    }
    for number in range(1, 401)
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one source, and nothing of dbt."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "contracts").mkdir()
    shutil.copy(ROOT / "docs/examples/terminals.py", folder / "contracts")
    shutil.copytree(ROOT / "deployments/environments", folder / "deployments/environments")
    return folder


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Records as one sends them, dirt included."""
    file = tmp_path / "people.csv"
    pl.DataFrame(PEOPLE).write_csv(file, separator=";")
    return file


@pytest.fixture
def guessed(project: Path, people: Path) -> dict[str, Proposed]:
    """What is guessed of them, by column."""
    proposal, _ = proposal_of(project, "people", people)
    return {each.name: each for each in proposal.columns}


def loaded(proposal: Proposal, folder: Path) -> Path:
    """A project of the proposal alone."""
    (folder / "contracts").mkdir(parents=True)
    (folder / "contracts" / f"{proposal.name}.py").write_text(module_of(proposal), encoding="utf-8")
    return folder


def _slice(folder: Path, name: str, lines: int) -> Path:
    file = folder / name
    text = (REFERENCE / name).read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(text[:lines]), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "lines", "key"),
    [
        ("iso18245_mcc.csv", 999, ("mcc",)),
        ("german.data", 400, ()),
        ("taiwan_credit_default.csv", 400, ("id",)),
    ],
)
def test_a_published_data_set_is_taken_in_to_the_row(
    project: Path, tmp_path: Path, name: str, lines: int, key: tuple[str, ...]
) -> None:
    """Each rule that is proposed can fail, and no row of the file breaks one."""
    proposal, trial = proposal_of(project, "found", _slice(tmp_path, name, lines))
    assert proposal.key == key
    assert trial.quarantined == trial.repeated == trial.superseded == 0
    assert trial.published == trial.rows > 200
    folder = loaded(proposal, tmp_path / "alone")
    assert prove(load_catalogue(folder).source("found")) == {}


def test_types_are_those_that_nearly_all_values_have(guessed: dict[str, Proposed]) -> None:
    """What contracts do not read stays a text, with the reason."""
    assert {name: each.kind for name, each in guessed.items()} == {
        "customer_id": "str",
        "e_mail": "str",
        "full_name": "str",
        "birth_date": "Date",
        "amount": "Money",
        "booked_at": "UtcTimestamp",
        "local": "str",
        "when": "str",
        "status": "str",
        "class_value": "int",
        "price": "str",
        "currency": "str",
        "note": "str",
    }
    for name, words in {
        "amount": "1 of 400 (line 78) cannot be read as Money",
        "local": "moments without an offset",
        "when": "day first",
        "price": "decimals use commas",
        "status": "1 of 400 (line 79) are not listed",
        "note": "absent in 75.0% of the rows",
    }.items():
        assert words in "; ".join(guessed[name].remarks), name


def test_what_a_column_has_is_promised(guessed: dict[str, Proposed]) -> None:
    """Patterns, lists, bounds, gaps; and the slip among the values of a list is no value."""
    assert guessed["customer_id"].matches == "C[0-9]{7}"
    assert guessed["status"].isin == ("closed", "open", "void")
    assert guessed["currency"].isin == "ISO_4217"
    assert (guessed["class_value"].ge, guessed["class_value"].le) == (0, 6)
    assert guessed["amount"].ge == 0
    assert [name for name, each in guessed.items() if each.nullable] == ["note"]


@pytest.mark.parametrize(
    ("now", "later", "pattern"),
    [
        (["19-Mar-11", "28-Mar-11"], "1-Apr-12", "[0-9]{1,2}-[A-Z][a-z]{2}-[0-9]{1,2}"),
        (["01/03/2026", "31/03/2026"], "02/04/2027", "[0-9]{2}/[0-9]{2}/[0-9]{4}"),
        (["19 March 2026", "28 March 2026"], "1 April 2026", None),
        (["Mar-0001", "Mar-0002"], "Apr-0001", "[A-Z][a-z]{2}-[0-9]{4}"),
        (["EUR 12", "EUR 15"], "USD 12", "[A-Z]{3} [0-9]{2}"),
        (["12 kg", "15 kg"], "12 lb", "[0-9]{2} [a-z]{2}"),
        (["AB", "AC"], "BA", "[A-Z]{2}"),
        (["INV-2026-01", "INV-2026-02"], "INV-2027-11", "INV-[0-9]{4}-[0-9]{2}"),
        (["T0001", "T0002"], "T9999", "T[0-9]{4}"),
    ],
)
def test_a_pattern_holds_for_the_next_file_too(
    now: list[str], later: str, pattern: str | None
) -> None:
    """Letters stand for themselves only where identifiers begin with them."""
    assert pattern_of(pl.Series(now), 0.97) == pattern
    assert pattern is None or re.fullmatch(pattern, later)


@pytest.mark.parametrize(
    ("texts", "wanted", "unsure"),
    [
        (["09-Mar-11", "28-MAR-11", " 1-Apr-11"], date(2011, 3, 9), None),
        (["17/02/2017", "1/3/2017"], date(2017, 2, 17), None),
        (["02/17/2017", "03/01/2017"], date(2017, 2, 17), None),
        (["02/03/2017"], date(2017, 3, 2), "'%m/%d/%Y' reads them as well"),
        (["1 May 2026", "3 May 2026"], date(2026, 5, 1), None),
        (["£68,486.66", "-£1.50"], Decimal("68486.66"), None),
        (["1.234,5 €", "n/a", "12,75 €"], Decimal("1234.50"), None),
        (["1'234.125", "2.5"], Decimal("1234.125"), None),
    ],
)
def test_days_and_amounts_have_a_conversion(texts: list[str], wanted: Any, unsure: str) -> None:
    """DuckDB reads every value that is one; what is none becomes NULL."""
    found = conversion_of('"when"', pl.Series(texts))
    assert found is not None
    assert found.unsure == unsure
    rows = ", ".join(["(?)"] * len(texts))
    sql = f'SELECT {found.sql}, typeof({found.sql}) FROM (VALUES {rows}) t("when")'
    answers = duckdb.execute(sql, texts).fetchall()
    assert answers[0][0] == wanted
    assert [value is None for value, _ in answers] == [text == "n/a" for text in texts]
    assert {kind.lower().replace(",", ", ") for _, kind in answers} == {found.kind}


@pytest.mark.parametrize(
    "texts", [["50 %", "7 %"], ["(1.50)", "2.50"], ["1,234"], ["1,5", "1.5"], ["a", "b"], []]
)
def test_what_may_mean_something_else_has_none(texts: list[str]) -> None:
    """A share, a negative in brackets, and a comma of which nothing tells what it is."""
    assert conversion_of("x", pl.Series(texts, dtype=pl.String)) is None


def test_the_model_has_conversions_as_comments(project: Path, people: Path) -> None:
    """Above the column, whose name is quoted where SQL needs it; the query is as it was."""
    model = model_of(proposal_of(project, "people", people)[0])
    assert (
        """    -- try_strptime(trim("when"), '%d/%m/%Y')::date as "when",\n    "when",\n""" in model
    )
    assert (
        "    -- try_cast(replace(price, ',', '.') as decimal(18, 2)) as price,\n    price,\n"
        in model
    )
    said = [line for line in model.splitlines() if line.lstrip().startswith("--")]
    assert len(said) == 4
    assert "_stg_people.yml" in said[1]


def test_what_looks_personal_says_so(guessed: dict[str, Proposed]) -> None:
    """By its name or its values; nothing is listed of it."""
    found = {name: each.personal.pii for name, each in guessed.items() if each.personal}
    assert found == {
        "customer_id": PII.INDIRECT,
        "e_mail": PII.DIRECT,
        "full_name": PII.DIRECT,
        "birth_date": PII.DIRECT,
        "note": PII.DIRECT,
    }
    assert guessed["customer_id"].mask is Mask.PATTERN
    assert guessed["e_mail"].mask is Mask.EMAIL


def test_the_proposal_quotes_nobody(project: Path, people: Path) -> None:
    """Neither the contract nor its test holds a value of a personal column."""
    proposal, _ = proposal_of(project, "people", people)
    for text in (module_of(proposal), suite_of(proposal)):
        assert not any(word in text for word in ("@example.org", "Somebody", "call back"))


def test_the_sample_passes_below_what_is_tolerated(project: Path, people: Path) -> None:
    """The numbers are those of the dirt that was put in."""
    proposal, trial = proposal_of(project, "people", people)
    assert trial.rules == {"amount:decimal": 1, "status:isin": 1}
    assert (trial.rows, trial.published, trial.quarantined) == (400, 398, 2)
    assert trial.share * 100 < proposal.tolerate


def test_rules_that_too_many_rows_break_are_left_out(project: Path, tmp_path: Path) -> None:
    """Each column is right in 97 of 100 rows, and hardly a row in all of them."""
    file = tmp_path / "wide.csv"
    cells = [[str(row) if row % 40 != at else "x" for at in range(40)] for row in range(1, 401)]
    pl.DataFrame(cells, orient="row").write_csv(file)
    proposal, trial = proposal_of(project, "wide", file)
    assert trial.share <= 0.05
    texts = [each for each in proposal.columns if each.kind == "str"]
    assert texts
    assert "is left out, since 10 rows" in "; ".join(texts[0].remarks)


FORMATS: dict[str, Any] = {
    "people.ndjson": "Ndjson()",
    "people.ndjson.gz": "Ndjson()",
    "people.json": 'Json(records="data.items")',
    "people.parquet": "Parquet()",
    "people.xlsx": 'Excel(sheet="Title", header_row=3)',
    "people.csv": "Detected()",
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_is_told_from_the_file(project: Path, tmp_path: Path, name: str) -> None:
    """Whatever it is, the source declares it, and the same rows come in."""
    file = tmp_path / name
    few = PEOPLE[:60]
    names = list(few[0])
    lines = "".join(f"{json.dumps(row)}\n" for row in few)
    match name.partition(".")[2]:
        case "ndjson":
            file.write_text(lines, encoding="utf-8")
        case "ndjson.gz":
            file.write_bytes(gzip.compress(lines.encode()))
        case "json":
            file.write_text(json.dumps({"meta": [], "data": {"items": few}}), encoding="utf-8")
        case "parquet":
            pl.DataFrame(few).write_parquet(file)
        case "xlsx":
            rows = [["People of May"], [None], names, *(list(row.values()) for row in few)]
            file.write_bytes(workbook({"Title": rows, "Other": [["x"]]}))
        case "csv":
            table = "".join(f"{'|'.join(map(str, row.values()))}\n" for row in few)
            file.write_text(f"People of May\n\n{'|'.join(names)}\n{table}", encoding="utf-8")
    proposal, trial = proposal_of(project, "people", file)
    assert proposal.told.declared == FORMATS[name]
    assert proposal.key == ("customer_id",)
    assert trial.published == 60


def test_the_generated_test_holds(
    project: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says yes to a record like those of the sample, and no to each that breaks a promise."""
    proposal, _ = proposal_of(project, "people", people)
    folder = loaded(proposal, tmp_path / "alone")
    (folder / "deployments/environments").mkdir(parents=True)
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(folder))
    module: dict[str, Any] = {}
    exec(compile(suite_of(proposal), "test_source_people.py", "exec"), module)
    module["test_a_record_like_those_of_the_sample_is_let_in"]()
    refusing = module["test_a_record_that_breaks_a_promise_is_set_aside"]
    _, cases = refusing.pytestmark[0].args
    assert {rule for _, _, rule in cases} >= {"amount:decimal", "status:isin", "e_mail:not_null"}
    for case in cases:
        refusing(*case)
    with pytest.raises(AssertionError):
        refusing("status", "open", "status:isin")


def test_what_is_generated_is_formatted(project: Path, people: Path, tmp_path: Path) -> None:
    """`make lint` has nothing to say of it."""
    proposal, _ = proposal_of(project, "people", people)
    for text in (module_of(proposal), suite_of(proposal)):
        for arguments in (["format", "--check"], ["check"]):
            command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", "tests/x.py"]
            done = subprocess.run(
                [*command, "-"], input=text, cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout


def test_a_record_breaks_the_rules_that_it_breaks(tmp_path: Path) -> None:
    """As quarantine would name them."""
    (tmp_path / "contracts").mkdir()
    shutil.copy(ROOT / "docs/examples/terminals.py", tmp_path / "contracts")
    record = {
        "terminal_id": "T000001",
        "merchant_id": "M000001",
        "installed_on": "2026-10-30",
        "model": "kiosk",
    }
    assert broken_rules("terminals", record, tmp_path) == {"model:isin"}
    assert broken_rules("terminals", record | {"model": "mobile"}, tmp_path) == set()


def test_names_become_those_of_columns() -> None:
    """Each once, and none that Python or a contract has a meaning for."""
    sent = ["CustomerID", "Straße", "2019", "class", "a b", "a-b", "€", "validate", "_line"]
    assert columns_of(sent) == [
        *("customer_id", "strae", "c_2019", "class_value", "a_b", "a_b_2", "column_7"),
        *("validate_value", "line"),
    ]


def command(project: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(project))
    return CliRunner().invoke(app, ["source", *arguments])


@pytest.fixture
def own(project: Path, tmp_path: Path) -> Path:
    """A copy of the project, to be written to."""
    return Path(shutil.copytree(project, tmp_path / "own"))


def _files(folder: Path) -> set[str]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)) for file in found if "__pycache__" not in file.parts}


def test_the_command_writes_and_tells(
    own: Path, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract and test, what follows from them, the file where it is looked for; and the rest."""
    result = command(own, monkeypatch, "people", "--from", str(people), "--land")
    assert result.exit_code == 0, result.output
    written = {
        "contracts/people.py",
        "tests/test_source_people.py",
        "data/landing/people/people.csv",
    }
    assert written | {"contracts/rules/raw.people.json"} <= _files(own)
    assert "people" in load_catalogue(own).sources
    for words in (
        "of 400 rows 398 would be published, 2 quarantined",
        "Not decided:",
        "owner=",
        "make run",
    ):
        assert words in result.stdout


def test_the_example_of_the_docs_is_proposed(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text of no declared dialect, with a title, a footer and a broken line."""
    result = command(own, monkeypatch, "fees", "--from", str(ROOT / "docs/examples/fees.csv"))
    assert result.exit_code == 0, result.output
    assert "Detected()" in (own / "contracts/fees.py").read_text()


def test_the_first_source_of_a_project_is_proposed_too(
    own: Path, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no contract is yet."""
    (own / "contracts/terminals.py").unlink()
    assert command(own, monkeypatch, "people", "--from", str(people)).exit_code == 0
    assert [*load_catalogue(own).sources] == ["people"]


@pytest.mark.parametrize("taken", ["contracts/people.py", "data/landing/people/people.csv"])
def test_nothing_is_overwritten(
    own: Path, people: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    """What is in the way is named, and everything stays as it is."""
    place = own / taken
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("# mine\n", encoding="utf-8")
    before = _files(own)
    result = command(own, monkeypatch, "people", "--from", str(people), "--land")
    assert isinstance(result.exception, SluicegateError)
    assert str(place) in str(result.exception)
    assert _files(own) == before
    assert place.read_text(encoding="utf-8") == "# mine\n"


def test_object_storage_is_only_read(
    own: Path, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is put there; without --land the command says where files go."""
    monkeypatch.setenv("SLUICEGATE_LANDING__ROOT", "s3://drops/in")
    before = _files(own)
    result = command(own, monkeypatch, "people", "--from", str(people), "--land")
    assert isinstance(result.exception, ConfigurationError)
    assert _files(own) == before
    told = command(own, monkeypatch, "people", "--from", str(people))
    assert "put files below s3://drops/in/people/" in told.stdout


def test_a_failure_takes_back_what_was_written(
    own: Path, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files or none: also those that were generated, where the file cannot land."""
    (own / "data").write_text("no folder", encoding="utf-8")
    export_contracts(own)
    snapshot_contracts(own)
    before = _files(own)
    result = command(own, monkeypatch, "people", "--from", str(people), "--land")
    assert isinstance(result.exception, EnvironmentFailed)
    assert _files(own) == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("terminals", b"a,b\n1,2\n", "called 'terminals' already"),
        ("New", b"a,b\n1,2\n", "cannot be the name of a source"),
        ("new", b"", "The file is empty"),
        ("new", b"a,b\n", "not a single record"),
        ("new", bytes(range(256)) * 9, "binary"),
        ("new", b'{"a": 1', "begins as JSON does"),
        ("new", b"PAR1" + bytes(99), "no Parquet"),
        ("new", b"PK\x03\x04" + bytes(99), "damaged"),
        ("new", None, "no file where the sample should be"),
    ],
)
def test_what_cannot_be_proposed_is_said(
    own: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes | None,
    words: str,
) -> None:
    """By name, and nothing is written."""
    # The source of that name is declared in a module of another one.
    (own / "contracts/terminals.py").rename(own / "contracts/other.py")
    file = tmp_path / "sample"
    if content is not None:
        file.write_bytes(content)
    before = _files(own)
    result = command(own, monkeypatch, name, "--from", str(file))
    assert isinstance(result.exception, SluicegateError)
    assert words in str(result.exception)
    assert _files(own) == before


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a folder's files."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_address_is_read_like_a_file(project: Path, people: Path, served: str) -> None:
    """It is downloaded once, under its own name, and gone afterwards."""
    with file_of(f"{served}/people.csv?key=secret") as file:
        assert file.name == "people.csv"
        _, trial = proposal_of(project, "people", file)
    assert trial.published == 398
    assert not file.exists()


def test_an_address_that_does_not_answer_well_is_told(people: Path, served: str) -> None:
    """Without the query, which may hold a key; also if there is too much of it."""
    with (
        pytest.raises(ProviderFailed, match="status 404") as missing,
        file_of(f"{served}/no?key=s3"),
    ):
        pass
    assert "s3" not in str(missing.value)
    with calls("*/*") as caller, pytest.raises(ProviderFailed, match="larger than 0 MiB"):
        caller.download(f"{served}/people.csv", people.with_name("copy"), most=100)
    with pytest.raises(SluicegateError, match="Only addresses of http"), file_of("ftp://x/y"):
        pass


def test_a_trial_counts_rows_by_what_becomes_of_them(project: Path, tmp_path: Path) -> None:
    """An equal row once more is no row; one of the same key replaces another."""
    file = tmp_path / "sales.csv"
    rows = [f"S{number:04d},{number}.50\n" for number in range(200)]
    file.write_text(f"sale_id,amount\n{''.join(rows)}{rows[0]}S0001,9.99\n", encoding="utf-8")
    proposal, trial = proposal_of(project, "sales", file)
    assert proposal.key == ("sale_id",)
    assert "there again in 1" in proposal.key_remarks[0]
    assert trial == Trial(202, 200, 1, 1, 0, {}, whole=True)


def test_a_pair_of_columns_may_be_the_key(project: Path, tmp_path: Path) -> None:
    """Where one column alone does not do; and a file of one row has none."""
    file = tmp_path / "rates.csv"
    rows = [
        f"2026-10-{day:02d},{currency},1.{day}\n"
        for day in range(1, 29)
        for currency in ("EUR", "USD")
    ]
    file.write_text(f"day,currency,rate\n{''.join(rows)}", encoding="utf-8")
    assert proposal_of(project, "rates", file)[0].key == ("day", "currency")
    file.write_text(f"day,currency,rate\n{rows[0]}", encoding="utf-8")
    assert proposal_of(project, "rates", file)[0].key == ()


def test_a_table_that_fell_over_is_refused(project: Path, tmp_path: Path) -> None:
    """Nobody reads a contract of thousands of columns."""
    file = tmp_path / "wide.csv"
    names, cells = ",".join(f"n{at}" for at in range(600)), ",".join("1" for _ in range(600))
    file.write_text(f"{names}\n{cells}\n{cells}\n", encoding="utf-8")
    with pytest.raises(BatchRefused, match="600 columns"):
        proposal_of(project, "wide", file)
