"""Drift: how batches differ from their contract, what a source makes of it, what is told."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sluicegate.contracts import Contract, Money, UtcTimestamp, field, key
from sluicegate.errors import ContractError
from sluicegate.ingestion import Intake, Receipt, create, ingest, raw_table
from sluicegate.ingestion.accounts import DRIFT
from sluicegate.ingestion.quarantine import Selection
from sluicegate.ingestion.replay import replay
from sluicegate.lake import Archive, Session
from sluicegate.pipeline.markdown import as_markdown
from sluicegate.pipeline.report import Report
from sluicegate.sources import Batch, Drift, Files, Load, Ndjson, Parquet
from sluicegate.sources.ndjson import read_ndjson
from tests.unit.kit import HEADER, batch, fresh_name, orders, source


def run(session: Session, declared: Files, *batches: Batch) -> Intake:
    """Ingest batches in one run."""
    create(declared, session)
    return ingest(declared, batches, session, declared.name)


def told(receipt: Receipt) -> list[str]:
    """The differences, as people are told."""
    return list(map(str, receipt.drift))


def on_record(session: Session, declared: Files) -> list[tuple[Any, ...]]:
    """What the accounts have of a source."""
    sql = f"SELECT change, field, before, after FROM {DRIFT.sql} WHERE source = ?"
    return session.rows(f"{sql} ORDER BY ALL", [declared.name])


def rows(session: Session, declared: Files) -> int:
    """Rows that are published."""
    return int(session.scalar(f"SELECT count(*) FROM {raw_table(declared).sql}"))


SHIFTED = {
    "added": (f"{HEADER},note\nadded,,1.00,,x\n", ["'note' is new"]),
    "removed": ("order_id,booked_at,amount\nremoved,,1.00\n", ["'paid' is missing"]),
    "renamed": (
        "order_id,booked_at,amount,paid_eur\nrenamed,,1.00,1.00\n",
        ["'paid' may be called 'paid_eur' now"],
    ),
    "unlike": (
        "order_id,booked_at,amount,paid_by\nunlike,,1.00,Ann\n",
        ["'paid' is missing", "'paid_by' is new"],
    ),
    "reordered": (
        "amount,order_id,booked_at,paid\n1.00,reordered,,\n",
        ["its columns come in another order"],
    ),
    "retyped": (
        f"{HEADER}\nretyped,01.10.2026,1.00,\n",
        ["'booked_at' was a moment, and is text of another form"],
    ),
}
"""What a batch may come with, and the differences that it has to its contract."""


def shifted(session: Session, folder: Path, **options: Any) -> tuple[Files, Intake]:
    """Take in a batch of each kind, and one that fits."""
    declared = source(**options)
    batches = [batch(folder, content, kind) for kind, (content, _) in SHIFTED.items()]
    intake = run(session, declared, *batches, orders(folder, "good,,1.00,", name="good"))
    found = {each.name: told(each) for each in intake.receipts}
    assert found == {"good": [], **{kind: expected for kind, (_, expected) in SHIFTED.items()}}
    assert all(each.closes and each.rows_in == 1 for each in intake.receipts)
    # Whatever became of them: also of those that are held.
    assert len(on_record(session, declared)) == sum(len(each) for _, each in SHIFTED.values())
    return declared, intake


def published(intake: Intake) -> set[str]:
    """Batches whose row was published."""
    return {each.name for each in intake.receipts if each.published}


def test_refuse_names_each_difference(session: Session, tmp_path: Path) -> None:
    """The batches are held, and the one beside them is not."""
    declared, intake = shifted(session, tmp_path, drift=Drift.REFUSE)
    messages = {refusal.name: refusal.error.message for refusal in intake.refusals}
    for kind, (_, differences) in SHIFTED.items():
        assert all(each in messages[kind] for each in differences)
    assert published(intake) == {"good"}
    assert sum(each.held for each in intake.receipts) == len(SHIFTED)
    assert rows(session, declared) == 1


def test_quarantine_sets_every_record_aside(session: Session, tmp_path: Path) -> None:
    """Under one rule, whatever the tolerance is; the batch beside them goes on as usual."""
    declared, intake = shifted(session, tmp_path, drift="quarantine", tolerate="0 %")
    assert intake.refusals == []
    assert published(intake) == {"good"}
    for each in intake.receipts:
        assert each.rejections == ({} if each.published else {"batch:drift": 1})
    assert rows(session, declared) == 1


def test_evolving_takes_in_what_it_can(session: Session, tmp_path: Path) -> None:
    """A nullable column that is missing is absent; a text that cannot be read is still rejected."""
    declared, intake = shifted(session, tmp_path, drift=Drift.EVOLVE)
    assert intake.refusals == []
    assert published(intake) == {"good", *SHIFTED} - {"retyped"}
    assert rows(session, declared) == len(SHIFTED)


def test_without_a_policy_nothing_may_be_missing(session: Session, tmp_path: Path) -> None:
    """What is new, or in another order, is taken in and put on record."""
    _, intake = shifted(session, tmp_path)
    assert published(intake) == {"good", "added", "reordered"}
    assert {each.name for each in intake.refusals} == {"removed", "renamed", "unlike"}
    assert all("lacks columns of the contract: paid" in str(r.error) for r in intake.refusals)


def test_no_policy_does_without_what_every_row_must_have(session: Session, tmp_path: Path) -> None:
    """Evolving, too, a batch that lacks such a column is held."""
    declared = source(drift=Drift.EVOLVE)
    intake = run(session, declared, batch(tmp_path, "order_id,booked_at,paid\na,,\n"))
    assert intake.receipts[0].held == 1
    assert "lacks columns of the contract: amount" in intake.refusals[0].error.message


def test_what_fits_has_not_drifted(session: Session, tmp_path: Path) -> None:
    """A batch as declared is taken in; a wrong value, or columns ignored, are no drift."""
    declared = source(ignore=("note",), drift=Drift.REFUSE)
    content = f"{HEADER},note\na,2026-10-01T00:00:00Z,1.00,,x\nb,soon,1.00,,\n"
    (receipt,) = run(session, declared, batch(tmp_path, content)).receipts
    assert (receipt.published, receipt.quarantined, receipt.drift) == (1, 1, ())
    assert on_record(session, declared) == []


def test_names_of_a_file_without_a_header_are_not_told(session: Session, tmp_path: Path) -> None:
    """What stands there may be a row: neither receipt nor record nor message quotes it."""
    for drift in Drift:
        declared = source(drift=drift)
        intake = run(session, declared, batch(tmp_path, "Ann,2026,1.00,x\nBob,2026,1.00,y\n"))
        (receipt,) = intake.receipts
        assert "4 columns, none of the contract" in told(receipt)
        everything = f"{receipt}{intake.refusals}{on_record(session, declared)}"
        assert "Ann" not in everything


class Typed(Contract):
    """One row a sale, sent with types."""

    sale_id: int = key()
    at: UtcTimestamp = field()
    amount: Money = field()
    note: str = field(nullable=True)


def parquet(folder: Path, name: str, /, **columns: pl.Series) -> Batch:
    """A batch of typed columns."""
    usual = {
        "sale_id": pl.Series([1], dtype=pl.Int32),
        "at": pl.Series(["2026-10-01"]).str.to_datetime(time_zone="UTC"),
        "amount": pl.Series([Decimal("1.00")]),
        "note": pl.Series(["x"]),
    }
    file = folder / "made.parquet"
    pl.DataFrame({**usual, **columns}).write_parquet(file)
    return batch(folder, file.read_bytes(), name)


def test_types_of_parquet(session: Session, tmp_path: Path) -> None:
    """Another type is drift; how wide a number is, or text that can be read, is none."""
    day = pl.Series(["2026-10-01"]).str
    sent: dict[str, tuple[dict[str, pl.Series], list[str]]] = {
        "usual": ({}, []),
        "narrow": ({"sale_id": pl.Series([2], dtype=pl.UInt8)}, []),
        "categories": ({"note": pl.Series(["x"], dtype=pl.Categorical)}, []),
        "nothing": ({"note": pl.Series([None])}, []),
        "digits": ({"sale_id": pl.Series(["3"])}, []),
        "floating": (
            {"amount": pl.Series([1.0])},
            ["'amount' was a decimal, and is Float64"],
        ),
        "number": ({"note": pl.Series([1])}, ["'note' was text, and is a whole number"]),
        "zoneless": (
            {"at": day.to_datetime()},
            ["'at' was a moment, and is a moment without a zone"],
        ),
    }
    declared = source(fresh_name("typed"), contract=Typed, format=Parquet(), drift=Drift.REFUSE)
    batches = [parquet(tmp_path, name, **columns) for name, (columns, _) in sent.items()]
    intake = run(session, declared, *batches)
    assert {each.name: told(each) for each in intake.receipts} == {
        name: differences for name, (_, differences) in sent.items()
    }
    assert all(bool(each.held) == bool(each.drift) for each in intake.receipts)


def test_members_of_json_have_no_order(session: Session, tmp_path: Path) -> None:
    """Nor must a nullable one be there; one that nobody knows is drift all the same."""
    declared = source(format=Ndjson(), drift=Drift.REFUSE)
    fits = batch(tmp_path, '{"amount": 1, "order_id": "a"}\n{"order_id": "b", "amount": 2}\n')
    not_so = batch(tmp_path, '{"amount": 1, "order_id": "c", "extra": 1}\n')
    one, other = run(session, declared, fits, not_so).receipts
    found = {tuple(told(each)): each for each in (one, other)}
    assert found[()].published == 2
    assert found["'extra' is new",].held == 1


def test_drift_in_a_later_part_counts_for_the_whole(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large batch is looked at to its end before its first row counts."""
    monkeypatch.setitem(read_ndjson.__kwdefaults__, "size", 64)
    monkeypatch.setattr("sluicegate.ingestion.sift.ROWS_AT_ONCE", 2)
    lines = [f'{{"order_id": "{n}", "amount": 1}}\n' for n in range(50)]
    content = "".join(lines) + '{"order_id": "last", "amount": 1, "extra": 1}\n'
    for drift in (Drift.QUARANTINE, Drift.REFUSE, Drift.EVOLVE):
        declared = source(format=Ndjson(), drift=drift)
        (receipt,) = run(session, declared, batch(tmp_path, content)).receipts
        fates = (receipt.published, receipt.quarantined, receipt.held)
        assert (
            fates
            == {
                Drift.QUARANTINE: (0, 51, 0),
                Drift.REFUSE: (0, 0, 51),
                Drift.EVOLVE: (51, 0, 0),
            }[drift]
        )
        assert told(receipt) == ["'extra' is new"]


def test_type_that_changed_in_some_rows_only_is_no_drift(session: Session, tmp_path: Path) -> None:
    """One readable value anywhere in the batch is enough; several batches are told apart."""
    declared = source()
    bad = [f"{n},soon,1.00," for n in range(3)]
    mixed = orders(tmp_path, *bad, "z,2026-10-01T00:00:00Z,1.00,", name="mixed.csv")
    drifted = orders(tmp_path, *[f"x{line}" for line in bad], name="drifted.csv")
    receipts = {each.name: each for each in run(session, declared, mixed, drifted).receipts}
    assert {name: len(each.drift) for name, each in receipts.items()} == {
        "mixed.csv": 0,
        "drifted.csv": 1,
    }


def test_replay_takes_in_what_was_set_aside(session: Session, archive: Archive) -> None:
    """Once the contract knows better; before, everything stays where it is."""
    raw = b"order_id,booked_at,amount,paid_eur\na,,1.00,1.00\nb,,-1.00,\nc,,x\n"
    name, content, size = archive.keep_bytes(raw)
    declared = source(drift=Drift.QUARANTINE)
    run(session, declared, Batch(name, "day.csv", content, size))
    again = replay(declared, archive, session, "again", Selection())
    assert [(r.rows_in, r.quarantined) for r in again.receipts] == [(3, 3)]
    assert again.moved == 0

    class Mended(Contract):
        """The same, as the provider sends it now."""

        order_id: str = key()
        booked_at: UtcTimestamp = field(nullable=True)
        amount: Money = field(gt=0)
        paid: Money = field(nullable=True, reads="paid_eur")

    mended = source(declared.name, contract=Mended, drift=Drift.QUARANTINE)
    (receipt,) = replay(mended, archive, session, "mended", Selection()).receipts
    assert (receipt.rows_in, receipt.published, receipt.quarantined) == (3, 1, 2)
    left = session.rows(
        "SELECT line, rules FROM lake.accounts.quarantine WHERE source = ? ORDER BY line",
        [declared.name],
    )
    assert left == [(3, ["amount:greater_than"]), (4, ["record:fields"])]


def test_whole_that_is_set_aside_deletes_nothing(session: Session, tmp_path: Path) -> None:
    """What a batch lacks that nobody can read is not known; the next one is the whole again."""
    declared = source(load=Load.REPLACE, drift=Drift.QUARANTINE, may_shrink="0 %")
    run(session, declared, orders(tmp_path, "a,,1.00,", "b,,1.00,"))
    intake = run(session, declared, batch(tmp_path, f"{HEADER},note\na,,1.00,,x\n"))
    (receipt,) = intake.receipts
    assert (intake.refusals, receipt.quarantined, receipt.removed) == ([], 1, 0)
    assert rows(session, declared) == 2


def test_report_tells_drift(session: Session, tmp_path: Path) -> None:
    """As a table of the page and in JSON; a name that lays out a page stays a name."""
    declared = source(drift=Drift.EVOLVE)
    content = f"{HEADER},*new* <b>\na,,1.00,,x\n"
    receipts = run(session, declared, batch(tmp_path, content)).receipts
    report = Report(run="r", env="dev", receipts=receipts)
    assert "\\*new\\* \\<b\\>' is new" in as_markdown(report)
    (drifted,) = report.to_dict()["batches"][0]["drift"]
    assert drifted == {"change": "added", "column": "*new* <b>", "before": "", "after": "*new* <b>"}
    assert Counter(change for change, *_ in on_record(session, declared)) == {"added": 1}


def test_policy_that_is_none_is_refused() -> None:
    """When the source is declared, with those that there are."""
    with pytest.raises(ContractError, match="drift='ignore'") as caught:
        source(drift="ignore")
    assert "Drift.QUARANTINE" in str(caught.value.hint)
