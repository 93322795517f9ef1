"""`sluicegate source`, where a first proposal misleads: phantoms, slips, clocks, people."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from sluicegate.catalogue import load_catalogue
from sluicegate.cli.main import app
from sluicegate.cli.render_scaffold import scaffolded
from sluicegate.contracts import PII
from sluicegate.ingestion.drift import observe
from sluicegate.pipeline.scaffolding import Scaffolded, proposal_of
from sluicegate.scaffold.columns import Proposed
from sluicegate.scaffold.module import module_of
from sluicegate.scaffold.staging import TYPES
from sluicegate.scaffold.trial import tried
from sluicegate.testing.workbooks import Cell, workbook
from tests.support import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without a source, and nothing of dbt."""
    folder = tmp_path / "project"
    (folder / "contracts").mkdir(parents=True)
    shutil.copytree(ROOT / "deployments/environments", folder / "deployments/environments")
    return folder


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A file with nothing odd in it."""
    file = tmp_path / "sales.csv"
    file.write_text("sale_id,amount\n" + "".join(f"S{row:03d},1.50\n" for row in range(40)))
    return file


def command(
    project: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, name: str = "sales"
) -> Result:
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(project))
    return CliRunner().invoke(app, ["source", name, *arguments])


def test_the_command_says_where_the_file_landed(
    project: Path, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --land the place, and nothing to copy; without it the copying."""
    landed = command(project, monkeypatch, "--from", str(sales), "--land")
    assert landed.exit_code == 0, landed.output
    (place,) = re.findall("Landed: (.*): the next run", landed.stdout)
    assert Path(place).read_text() == sales.read_text()
    assert "cp " not in landed.stdout
    told = command(project, monkeypatch, "--from", str(sales), name="later")
    assert "cp " in told.stdout
    assert "Landed" not in told.stdout


def test_next_names_what_follows_the_contract_by_hand(
    project: Path, sales: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the commands: the model and its types, and the test; without dbt, only the test."""
    proposal, trial = proposal_of(project, "sales", sales)
    files = ("contracts/sales.py", "tests/test_source_sales.py")
    model = ("dbt_project/stg_sales.sql", "dbt_project/_stg_sales.yml")
    for written, named in (
        ((*files, *model), [files[0], *model, files[1]]),
        (files, [*files]),
    ):
        done = Scaffolded(proposal, trial, written, (), None, "landing/sales", str(sales))
        scaffolded(done, json=False)
        said = capsys.readouterr().out.partition("Next:")[2].partition("contracts export")[0]
        assert re.findall(r"[\w/]+\.(?:py|sql|yml)", said) == named


def test_the_docs_name_the_types_that_the_model_has() -> None:
    """All of them, as they are written into its YAML."""
    text = (ROOT / "docs/new-source.md").read_text(encoding="utf-8")
    rows = re.findall(r"^ *\| `(\w+)` \| `([^`]+)` \|$", text, re.MULTILINE)
    assert dict(rows) == TYPES


def test_an_object_that_is_null_is_no_column(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its members are, at any depth; the source ignores its name, so that it is no drift."""
    file = tmp_path / "sales.ndjson"
    cards: list[Any] = [None, {"scheme": "visa", "issuer": None}, {"issuer": {"code": "x"}}]
    rows = [
        {"sale_id": f"S{row:03d}", "card": cards[row % 3], "cardinal": None} for row in range(60)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    proposal, trial = proposal_of(project, "sales", file)
    names = [each.name for each in proposal.columns]
    assert sorted(names) == ["card_issuer_code", "card_scheme", "cardinal", "sale_id"]
    assert trial.published == 60
    (project / "contracts/sales.py").write_text(module_of(proposal), encoding="utf-8")
    source = load_catalogue(project).source("sales")
    assert source.ignore == {"card", "card.issuer"}
    read = next(iter(source.format.read(file, name="f", columns=source.reads(), most=100)))
    assert observe(source, read).drift(source) == ()
    scaffolded(Scaffolded(proposal, trial, ("c", "t"), (), None, "in", "f"), json=False)
    assert "(ignore=): card, card.issuer" in capsys.readouterr().out


def test_a_gap_in_a_table_of_dotted_names_is_a_column(project: Path, tmp_path: Path) -> None:
    """Only JSON has objects; and an object that has a value of its own somewhere is a column."""
    file = tmp_path / "sales.csv"
    file.write_text("sale_id,card,card.scheme\n" + "".join(f"S{n},,x\n" for n in range(40)))
    proposal, _ = proposal_of(project, "sales", file)
    assert (len(proposal.columns), proposal.ignore) == (3, ())
    lines = [{"sale_id": f"S{n}", "card": {"scheme": "x"} if n else "none"} for n in range(40)]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    proposal, _ = proposal_of(project, "sales", file)
    assert (len(proposal.columns), proposal.ignore) == (3, ())


def test_many_ignored_names_are_still_formatted(project: Path, sales: Path) -> None:
    """One on each line, and read as they were."""
    proposal, _ = proposal_of(project, "sales", sales)
    names = tuple(f"object_{at}" for at in range(20))
    (project / "contracts/sales.py").write_text(
        module_of(replace(proposal, ignore=names)), encoding="utf-8"
    )
    assert load_catalogue(project).source("sales").ignore == {*names}
    assert '\n        "object_7",\n' in (project / "contracts/sales.py").read_text()


def proposed_of(folder: Path, name: str, texts: list[str]) -> Proposed:
    """What is guessed of a column of such texts."""
    rows = pl.DataFrame({"sale": range(len(texts)), name: texts})
    file = folder / "rows.parquet"
    rows.write_parquet(file)
    return proposal_of(folder / "project", "sales", file)[0].columns[1]


def test_another_writing_of_a_value_is_a_slip(project: Path, tmp_path: Path) -> None:
    """Blanks around it, or capitals, in far fewer rows; they are counted, and not listed."""
    texts = ["AUTH", "SETTLE", "void"] * 400 + ["AUTH "] * 8 + ["Settle"] * 6 + ["auth", "x"]
    found = proposed_of(tmp_path, "kind", texts)
    assert found.isin == ("AUTH", "SETTLE", "void")
    said = "; ".join(found.remarks)
    assert "15 of 1,216" in said.partition("differ from a listed value only by")[0]
    assert re.search(r"1 of 1,216 \(line [^)]*\) are not listed: taken for dirt", said)


def test_two_writings_that_are_both_usual_stay(project: Path, tmp_path: Path) -> None:
    """Nothing tells which of them is meant."""
    found = proposed_of(tmp_path, "kind", ["Y"] * 300 + ["y"] * 60 + ["N"] * 300)
    assert found.isin == ("N", "Y", "y")


def test_moments_of_a_workbook_have_a_way_out(project: Path, tmp_path: Path) -> None:
    """The remark is what to declare; with it all rows are moments, midnight among them."""
    file = tmp_path / "sales.xlsx"
    first = datetime(2026, 10, 1, 10)  # noqa: DTZ001 - cells know no zone
    rows: list[list[Cell]] = [[f"S{row:03d}", first + timedelta(hours=row)] for row in range(40)]
    file.write_bytes(workbook({"A": [["Sale ID", "Booked At"], *rows]}))
    proposal, _ = proposal_of(project, "sales", file)
    booked = proposal.columns[1]
    assert (booked.kind, booked.matches) == ("str", None)
    (told,) = [each for each in booked.remarks if "UtcTimestamp" in each]
    zoned = 'Excel(moments={"Booked At": "Europe/Berlin"})'
    assert zoned in told
    module = module_of(proposal).replace("Excel()", zoned).replace("booked_at: str", "booked_at: U")
    module = module.replace(": U ", ": UtcTimestamp ").replace("field,", "UtcTimestamp, field,")
    assert tried(project, "sales", module, file, "sales.xlsx").published == 40


def test_moments_of_a_text_have_none(project: Path, tmp_path: Path) -> None:
    """Only workbooks are told whose clock their cells show."""
    found = proposed_of(tmp_path, "at", [f"2026-10-01T10:00:{row:02d}" for row in range(40)])
    assert "never guesses" in found.remarks[0]
    assert "Excel" not in "; ".join(found.remarks)


@pytest.mark.parametrize(
    "names",
    [
        ["Jörg Weiß", "M. Groß", "Anna-Lena von der Heide", "Kasse"],
        ["Weiß, Jörg", "Groß, M.", "O\u2019Brien, Sinéad", "till", "web", "desk"],
        ["JOERG WEISS", "MARIA GROSS", "JAN VAN DIJK"],
        ["Юрий Гагарин", "Анна Д. Петрова", "Ольга Ким"],
        ["محمد علي", "فاطمة الزهراء", "علي حسن"],
        ["김 민준", "이 서연", "박 지훈"],
        ["João da Silva", "María del Carmen López García", "Dr. Zoë d'Arcy", "  T. Roe "],
        ["M.Groß", "J-P. Roux", "J. R. R. Tolkien", "A Smith"],
        ["Corner Coffee", "Bella Napoli", "Blue Note"],
    ],
    ids=str,
)
def test_what_has_the_form_of_names_is_personal(
    project: Path, tmp_path: Path, names: list[str]
) -> None:
    """Of any language; and shops, of which nothing tells that they are none. It is a guess."""
    found = proposed_of(tmp_path, "kassierer", names * 30)
    assert found.personal is not None
    assert found.personal.pii is PII.DIRECT
    assert "a guess" in "; ".join(found.remarks)
    assert (found.isin, found.matches) == (None, None)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        ("kassierer", ["Jörg Weiß", "M. Groß"]),
        ("kassierer", ["Jörg Weiß", "M. Groß", "T. Roe", "till", "web", "desk", "app"]),
        ("shop", ["Weiß GmbH", "Groß & Co. KG", "Blue Note Ltd.", "Corner Coffee AG"]),
        ("origin", ["United Kingdom", "South Africa", "New Zealand", "Costa Rica"]),
        ("country", ["El Salvador", "Cabo Verde", "Viet Nam"]),
        ("entry", ["Card Present", "Debit Card", "Bank Transfer"]),
        ("plan", ["Plan A", "Plan B", "Plan C"]),
        ("mcc", ["Wine producers", "Bus lines", "Taxi-cabs and limousines"]),
        (
            "about",
            ["Sent To The Wrong Town By Mistake", "Lost On The Way Back Home", "Is It So Now"],
        ),
    ],
    ids=str,
)
def test_what_is_something_else_is_listed(
    project: Path, tmp_path: Path, column: str, texts: list[str]
) -> None:
    """Few names, companies, countries, what payments are called, and texts of many words."""
    found = proposed_of(tmp_path, column, texts * 30)
    assert found.personal is None
    assert found.isin == tuple(sorted(texts))


def test_no_name_is_written_anywhere(
    project: Path, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither into a file of the project nor on the screen."""
    names = ["Jörg Weiß", "M. Groß", "Anna Heide", "T. Roe"]
    rows = "".join(f"S{row:03d},{names[row % 4]}\n" for row in range(80))
    sales.write_text(f"sale_id,kassierer\n{rows}", encoding="utf-8")
    told = command(project, monkeypatch, "--from", str(sales))
    assert told.exit_code == 0, told.output
    files = [file for file in project.rglob("*") if file.is_file()]
    said = [told.output, *(file.read_bytes().decode(errors="replace") for file in files)]
    assert len(files) > 4
    assert not [text for text in said if re.search("Weiß|Groß|Heide|Roe", text)]
