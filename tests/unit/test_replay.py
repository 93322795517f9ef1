"""Replay: what is in quarantine is published once it keeps its contract, once, and in its order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluicegate.contracts import Contract, Money, UtcTimestamp, field, key
from sluicegate.errors import EnvironmentFailed
from sluicegate.ingestion import Intake, Selection, ingest, raw_table, replay
from sluicegate.ingestion.accounts import REPLAYED, REPLAYS
from sluicegate.lake import Archive, Session
from sluicegate.quality.check import Outcome
from sluicegate.quality.conservation import audit_batches, audit_conservation, stock
from sluicegate.sources import Batch, Delimited, Files, Load
from tests.unit.kit import HEADER, source
from tests.unit.test_load import published, quarantined


class Lenient(Contract):
    """Orders as they are understood after the fix: nothing is wrong with an amount of zero."""

    order_id: str = key()
    booked_at: UtcTimestamp = field(nullable=True)
    amount: Money = field(ge=0)
    paid: Money = field(nullable=True)


def mended(declared: Files, **options: Any) -> Files:
    """The same source with the contract put right."""
    return source(declared.name, load=declared.load, **{"contract": Lenient, **options})


Drop = Callable[..., Batch]


@pytest.fixture
def drop(archive: Archive) -> Drop:
    """Makes batches whose bytes are in the archive."""

    def make(*lines: str, name: str = "orders.csv", header: str = HEADER) -> Batch:
        raw = "\n".join([header, *lines]) + "\n"
        batch, content, size = archive.keep_bytes(raw.encode())
        return Batch(batch, name, content, size)

    return make


@pytest.fixture
def again(session: Session, archive: Archive) -> Callable[..., Intake]:
    """Replays a source, and has the audit of conservation look at it."""

    def run(declared: Files, run: str = "again", **selected: tuple[str, ...]) -> Intake:
        before = stock(declared, session)
        intake = replay(declared, archive, session, run, Selection(**selected))
        after = stock(declared, session)
        checks = audit_conservation(declared, before, after, intake)
        checks += audit_batches(declared, intake, session, run)
        assert {check.outcome for check in checks} == {Outcome.PASS}
        return intake

    return run


def outcomes(session: Session, declared: Files) -> list[tuple[Any, ...]]:
    """What the history says: line, outcome, and the rules before and after."""
    return session.rows(
        f"SELECT line, outcome, before, after FROM {REPLAYED.sql} WHERE source = ? ORDER BY ALL",
        [declared.name],
    )


@pytest.mark.parametrize("load", Load)
def test_what_passes_now_is_published_once(
    session: Session, drop: Drop, again: Callable[..., Intake], load: Load
) -> None:
    """It gets its row, leaves the quarantine, and a second replay has nothing to do with it."""
    declared = source(load=load)
    ingest(declared, [drop("a,,1.00,", "b,,0.00,", "c,soon,0.00,", "d,,5.00,9.00")], session, "run")
    assert len(quarantined(session, declared)) == 3
    intake = again(mended(declared))
    (receipt,) = intake.receipts
    assert (receipt.rows_in, receipt.published, receipt.quarantined) == (3, 2, 1)
    assert (intake.moved, intake.superseded) == (3, 0)
    assert published(session, declared) == {"a": "1.00", "b": "0.00", "d": "5.00"}
    ((_, line, rules, _),) = quarantined(session, declared)
    assert (line, rules) == (4, ["booked_at:timestamp"])
    assert outcomes(session, declared) == [
        (3, "published", ["amount:greater_than"], None),
        (4, "quarantined", ["booked_at:timestamp", "amount:greater_than"], ["booked_at:timestamp"]),
        (5, "published", ["not_overpaid"], None),
    ]
    third = again(mended(declared), "third")
    assert ([r.published for r in third.receipts], third.moved) == ([0], 0)


def test_a_released_row_stands_where_it_came_from(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """Batch and line are those of the record, and the receipt is kept beside those of batches."""
    declared, made = source(), drop("a,,1.00,", "b,,0.00,", "")
    (first,) = ingest(declared, [made], session, "run").receipts
    (second,) = again(mended(declared), "second look").receipts
    assert (first.left_out, second.left_out) == ({"blank": 1}, {})
    rows = f"SELECT order_id, _batch, _line FROM {raw_table(declared).sql} ORDER BY 1"
    assert session.rows(rows) == [("a", made.id, 2), ("b", made.id, 3)]
    kept = f"SELECT run, batch, rows_in, published, quarantined, deduplicated FROM {REPLAYS.sql}"
    assert session.rows(f"{kept} WHERE source = ?", [declared.name]) == [
        ("second look", made.id, 1, 1, 0, 0)
    ]


def test_an_equal_row_is_there_already(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """It came again meanwhile, and right: the record is a copy, and is gone from quarantine."""
    declared = source()
    ingest(declared, [drop("a,,0.00,")], session, "run")
    ingest(mended(declared), [drop("a,,0.00,", "b,,1.00,")], session, "run")
    (receipt,) = again(mended(declared)).receipts
    assert (receipt.rows_in, receipt.published, receipt.deduplicated) == (1, 0, 1)
    assert quarantined(session, declared) == []
    assert outcomes(session, declared) == [(2, "copy", ["amount:greater_than"], None)]


def test_a_taken_key_is_not_given_away(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """Where batches append, what is published has the key; the record stays, for that reason."""
    declared = source()
    ingest(declared, [drop("a,,0.00,"), drop("a,,2.00,", name="2.csv")], session, "run")
    (receipt,) = again(mended(declared)).receipts
    assert (receipt.published, receipt.quarantined) == (0, 1)
    assert published(session, declared) == {"a": "2.00"}
    ((_, _, rules, _),) = quarantined(session, declared)
    assert rules == ["order_id:unique"]


def test_two_records_of_one_key_come_in_their_order(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """The first of them is published, as it would have been; the other is in conflict with it."""
    declared = source()
    batches = [drop("a,,0.00,", name="1.csv"), drop("a,,0.00,1.00", name="2.csv")]
    ingest(declared, batches, session, "run")
    assert [receipt.published for receipt in again(mended(declared)).receipts] == [1, 0]
    ((file, _, rules, _),) = quarantined(session, declared)
    assert (file, rules) == ("2.csv", ["order_id:unique"])


def test_a_correction_supersedes_what_came_before_it(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """Where batches correct, a released record replaces the row of an earlier batch."""
    declared = source(load=Load.MERGE)
    ingest(declared, [drop("a,,1.00,"), drop("a,,0.00,", name="2.csv")], session, "run")
    assert again(mended(declared)).superseded == 1
    assert published(session, declared) == {"a": "0.00"}


def test_a_correction_never_supersedes_what_came_after_it(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """A later batch has corrected the record before it could be published: it is outdated."""
    declared = source(load=Load.MERGE)
    ingest(declared, [drop("a,,0.00,"), drop("a,,2.00,", name="2.csv")], session, "run")
    (receipt,) = again(mended(declared)).receipts
    assert (receipt.published, receipt.deduplicated) == (0, 1)
    assert published(session, declared) == {"a": "2.00"}
    assert outcomes(session, declared) == [(2, "outdated", ["amount:greater_than"], None)]


def test_what_a_later_batch_said_again_stands(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """The row is of the first batch and was confirmed by the third: the second comes too late."""
    declared = source(load=Load.MERGE)
    batches = [drop("a,,1.00,"), drop("a,,0.00,", name="2.csv"), drop("a,,1.0,", name="3.csv")]
    ingest(declared, batches, session, "run")
    (receipt,) = again(mended(declared)).receipts
    assert (receipt.published, receipt.deduplicated) == (0, 1)
    assert published(session, declared) == {"a": "1.00"}


def test_a_conflict_beside_what_comes_too_late_stays(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """Records of one batch have fates of their own: one is outdated, one in conflict."""
    declared = source(load=Load.MERGE)
    batches = [
        drop("a,,1.00,"),
        drop("b,,0.00,", "b,,5.00,", "a,,0.00,", name="2.csv"),
        drop("a,,1.0,", name="3.csv"),
    ]
    ingest(declared, batches, session, "run")
    (receipt,) = again(mended(declared)).receipts
    assert (receipt.published, receipt.quarantined, receipt.deduplicated) == (0, 1, 1)
    ((_, line, rules, _),) = quarantined(session, declared)
    assert (line, rules) == (2, ["order_id:unique"])
    assert published(session, declared) == {"a": "1.00", "b": "5.00"}


def test_within_its_batch_a_record_is_in_conflict(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """A batch that corrects gives one row a key; which of the two was meant nobody can tell."""
    declared = source(load=Load.MERGE)
    ingest(declared, [drop("a,,0.00,", "a,,2.00,")], session, "run")
    (receipt,) = again(mended(declared)).receipts
    assert (receipt.published, receipt.quarantined) == (0, 1)
    assert published(session, declared) == {"a": "2.00"}


def test_of_batches_that_are_the_whole_only_the_newest_counts(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """A record of an older one is outdated, also if its key was deleted at the source since."""
    declared = source(load=Load.REPLACE)
    batches = [
        drop("a,,1.00,", "b,,0.00,", "c,,0.00,"),
        drop("a,,0.00,", "c,,3.00,", name="2.csv"),
    ]
    ingest(declared, batches, session, "run")
    assert published(session, declared) == {"a": "1.00", "c": "3.00"}
    first, second = again(mended(declared)).receipts
    assert (first.rows_in, first.published, first.deduplicated) == (2, 0, 2)
    assert (second.rows_in, second.published) == (1, 1)
    assert published(session, declared) == {"a": "0.00", "c": "3.00"}
    assert quarantined(session, declared) == []


def test_a_reader_that_was_put_right(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """Bytes are read again the way they are read today, with columns that nobody knew then."""
    narrow = source(format=Delimited(delimiter=";"), ignore=("note",))
    made = drop("a;;1.00;;x", "b;;0.00;;y", header="order_id;booked_at;amount;paid;note")
    ingest(narrow, [made], session, "run")

    class Noted(Lenient):
        """Orders with what was ignored at first."""

        note: str = field(since="2026-11-01")

    wide = mended(narrow, contract=Noted, format=Delimited(delimiter=";"))
    session.add_column(raw_table(wide), "note", "VARCHAR")
    again(wide)
    rows = f"SELECT order_id, note FROM {raw_table(wide).sql} ORDER BY 1"
    assert session.rows(rows) == [("a", None), ("b", "y")]


def test_only_what_is_selected(session: Session, drop: Drop, again: Callable[..., Intake]) -> None:
    """By rule, by batch, or both; all else is not looked at."""
    declared = source()
    batches = [
        drop("a,,0.00,", "b,,1.00,9.00", name="1.csv"),
        drop("c,,0.00,", "d,,2.00,9.00", name="2.csv"),
    ]
    ingest(declared, batches, session, "run")
    chosen = again(mended(declared), rules=("not_overpaid",), files=("2.csv",))
    assert [(r.name, r.rows_in, r.published) for r in chosen.receipts] == [("2.csv", 1, 1)]
    by_rule = again(mended(declared), "by rule", rules=("amount:greater_than", "not_overpaid"))
    assert [(r.name, r.published) for r in by_rule.receipts] == [("1.csv", 2), ("2.csv", 1)]
    assert published(session, declared).keys() == set("abcd")


def test_a_batch_that_is_read_differently_now_is_left(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """If it has another number of records, nobody can tell which of them were rejected."""
    declared = source()
    ingest(declared, [drop("a,,1.00,", "b,,0.00,")], session, "run")
    before = quarantined(session, declared)
    intake = again(mended(declared, format=Delimited(header=False)))
    assert (intake.receipts, intake.moved) == ([], 0)
    assert "was taken in as 2 records, and is read as 3 today" in intake.left["orders.csv"]
    assert quarantined(session, declared) == before


def test_a_batch_that_lacks_a_column_of_today_is_left(
    session: Session, drop: Drop, again: Callable[..., Intake]
) -> None:
    """Its records stay in quarantine, and those of others are judged."""
    declared = source()
    batches = [drop("a,,0.00,", name="1.csv"), drop("b,,0.00,", name="2.csv", header=HEADER + ",x")]
    ingest(declared, batches[:1], session, "run")

    class Wider(Lenient):
        """Orders with a column that the first batch does not have."""

        x: str = field()

    assert "lacks columns" in again(mended(declared, contract=Wider)).left["1.csv"]
    assert len(quarantined(session, declared)) == 1


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_bytes(b"order_id\n")])
def test_bytes_that_are_not_what_they_were(
    session: Session, drop: Drop, archive: Archive, spoil: Callable[[Path], Any]
) -> None:
    """An archive that lost or changed a batch is named; nothing is made of what it has."""
    declared, made = source(), drop("a,,0.00,")
    ingest(declared, [made], session, "run")
    spoil(made.content)
    with pytest.raises(EnvironmentFailed, match="archive"):
        replay(mended(declared), archive, session, "again", Selection())
    assert len(quarantined(session, declared)) == 1
    assert published(session, declared) == {}


@pytest.mark.parametrize("broken", ["settle", "_take", "_receipts"])
def test_a_replay_is_all_or_nothing(
    session: Session,
    drop: Drop,
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    """If it cannot be put on record, nothing is published and nothing has left quarantine."""
    declared = source()
    ingest(declared, [drop("a,,0.00,", "b,,1.00,")], session, "run")
    monkeypatch.setattr(f"sluicegate.ingestion.quarantine.{broken}", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replay(mended(declared), archive, session, "again", Selection())
    assert published(session, declared) == {"b": "1.00"}
    assert len(quarantined(session, declared)) == 1
    assert outcomes(session, declared) == []


BACK = """
INSERT INTO lake.accounts.quarantine BY NAME
SELECT run, source, batch, file, line, before AS rules, '' AS record, "at"
FROM lake.accounts.replayed WHERE (source, outcome) = ($1, 'published')
"""


@pytest.mark.parametrize(
    ("harm", "check"),
    [
        ("DELETE FROM {rows} WHERE order_id = 'b'", {"published", "by_batch"}),
        ("DELETE FROM lake.accounts.quarantine WHERE source = $1", {"quarantined"}),
        ("UPDATE {rows} SET _line = 99 WHERE order_id = 'b'", {"by_batch"}),
        (BACK, {"quarantined", "by_batch"}),
    ],
)
def test_the_audit_of_a_replay_can_fail(
    session: Session, drop: Drop, archive: Archive, harm: str, check: set[str]
) -> None:
    """A row that is lost, that stands elsewhere, or that is in quarantine still, is noticed."""
    declared = source()
    ingest(declared, [drop("a,,1.00,", "b,,0.00,", "c,soon,1.00,")], session, "run")
    before = stock(declared, session)
    intake = replay(mended(declared), archive, session, "again", Selection())
    sql = harm.format(rows=raw_table(declared).sql)
    session.execute(sql, [declared.name] if "$1" in sql else [])
    checks = audit_conservation(declared, before, stock(declared, session), intake)
    checks += audit_batches(declared, intake, session, "again")
    failed = {each.name.partition(":")[2] for each in checks if each.outcome is Outcome.FAIL}
    assert failed == check
