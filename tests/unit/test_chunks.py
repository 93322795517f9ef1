"""Chunks come to an end, whatever is held, and to all that need not wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.errors import BatchRefused
from sluicegate.ingestion import Intake, Receipt
from sluicegate.ingestion.ingest import Refusal
from sluicegate.lake import Lake
from sluicegate.pipeline import Platform, Report, Run, Scope
from sluicegate.pipeline.chunks import in_chunks
from sluicegate.pipeline.harvest import Harvest
from sluicegate.settings import Settings, load_settings
from tests.unit.runs import lay_out, take_in

MOST = 9
"""Chunks after which we believe that there is no end."""

SOURCE = '''
"""Fees."""

from sluicegate.contracts import Contract, Money, field, key
from sluicegate.sources import Files, Hold, Load


class Fees(Contract):
    fee_id: str = key()
    amount: Money = field(gt=0)


source = Files(
    "fees",
    contract=Fees,
    match="*.csv",
    load=Load.{load},
    tolerate="0 %",
    holds=Hold.BATCH,
    owner="sales",
)
'''

BAD, WORSE = "fee_id,amount\n{name},0.00\n", "fee,amount\n{name},1.00\n"
"""What breaks a rule; and what has another header."""


def project(
    root: Path, monkeypatch: pytest.MonkeyPatch, load: str, bad: dict[str, str]
) -> Settings:
    """A project with five files, some of which are held."""
    lay_out(root)
    (root / "contracts" / "fees.py").write_text(SOURCE.replace("{load}", load))
    for number in range(1, 6):
        name = f"{number}.csv"
        content = bad.get(name, "fee_id,amount\n{name},1.00\n").replace("{name}", name)
        (root / "landing" / name).write_text(content)
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(root))
    monkeypatch.setattr(Platform, "fingerprint", "code")
    return load_settings("dev")


def chunks(settings: Settings, most: int) -> list[Report]:
    """What chunk after chunk reports."""
    ran = 0

    def run(scope: Scope) -> Report:
        nonlocal ran
        assert (ran := ran + 1) < MOST, "there is no end"
        done = Run(Platform.open("dev", settings.project))
        take_in(done, scope)
        return done.report

    return [*in_chunks(Scope(most=most), run)]


def seen(settings: Settings) -> list[str]:
    """What readers see."""
    with Lake.of(settings).read("dev") as session:
        return [fee for (fee,) in session.rows("SELECT fee_id FROM raw.fees ORDER BY 1")]


def test_what_is_held_keeps_nothing_else_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that are held fill the first chunk; those after them are taken in by the next ones."""
    settings = project(tmp_path, monkeypatch, "APPEND", {"1.csv": BAD, "2.csv": WORSE})
    reports = chunks(settings, 2)
    assert seen(settings) == ["3.csv", "4.csv", "5.csv"]
    assert [[each.name for each in report.receipts] for report in reports] == [
        ["1.csv", "2.csv"],
        ["3.csv", "4.csv"],
        ["5.csv"],
    ]
    assert [report.left for report in reports] == [{"fees": 3}, {"fees": 1}, {}]
    assert reports[1].waiting["fees"] == dict.fromkeys(
        ("1.csv", "2.csv"), "an earlier chunk held it"
    )


def test_what_must_wait_ends_the_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a batch would be overtaken by those after it, they are told to wait for it."""
    settings = project(tmp_path, monkeypatch, "MERGE", {"2.csv": BAD})
    reports = chunks(settings, 1)
    assert seen(settings) == ["1.csv"]
    assert len(reports) == 3
    assert reports[-1].waiting["fees"] == {
        "2.csv": "an earlier chunk held it",
        **dict.fromkeys(("3.csv", "4.csv", "5.csv"), "it comes after 2.csv, which is held"),
    }
    assert reports[-1].left == {}


def test_chunks_that_come_to_nothing_new_end() -> None:
    """Also if something is left: the same work would be done for ever."""
    asked: list[Scope] = []

    def run(scope: Scope) -> Report:
        asked.append(scope)
        assert len(asked) < MOST, "there is no end"
        return Report("run", "dev", left={"fees": 1})

    assert len([*in_chunks(Scope(most=1), run)]) == 1


def test_a_held_batch_without_a_record_is_held_too() -> None:
    """An empty file that is refused brings nothing; one that may be empty is to be remembered."""
    receipt = Receipt("fees", "b" * 16, "empty.csv", rows_in=0)
    refusal = Refusal("fees", "empty.csv", BatchRefused("The file is empty."))
    assert Harvest({"fees": Intake("fees", [receipt], [refusal])}, {}).nothing
    assert not Harvest({"fees": Intake("fees", [receipt])}, {}).nothing
