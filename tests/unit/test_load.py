"""Loading: which copy of a key wins, what is superseded, and that every row is accounted for."""

from __future__ import annotations

import gc
import gzip
import io
import json
import weakref
import zipfile
from collections import Counter
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.contracts import Contract, Date, UtcTimestamp, field, key
from sluicegate.errors import BatchRefused
from sluicegate.ingestion import Intake, ingest, raw_table
from sluicegate.ingestion.accounts import manifest
from sluicegate.lake import Session, Table
from sluicegate.sources import LINE, Batch, Delimited, Files, Format, Hold, Load, Parquet
from tests.unit.kit import HEADER, batch, fresh_name, orders, source

Fates = tuple[int, int, int, int]
"""Rows in, published, quarantined, deduplicated."""


def fates(intake: Intake) -> list[Fates]:
    """What became of the rows of each batch."""
    return [(r.rows_in, r.published, r.quarantined, r.deduplicated) for r in intake.receipts]


def published(session: Session, declared: Files) -> dict[str, str]:
    """Key and amount of everything that was published."""
    table = raw_table(declared)
    rows = (
        session.rows(f"SELECT order_id, amount FROM {table.sql}") if session.exists(table) else []
    )
    assert len(rows) == len(dict(rows)), "a key was published twice"
    return {key: str(amount) for key, amount in rows}


def quarantined(session: Session, declared: Files) -> list[tuple[Any, ...]]:
    """File, line, rules and record of everything in quarantine, in order of arrival."""
    sql = "SELECT file, line, rules, record FROM lake.accounts.quarantine WHERE source = ?"
    return session.rows(f"{sql} ORDER BY file, line", [declared.name])


def run(session: Session, declared: Files, *batches: Batch) -> Intake:
    """Ingest batches in one run."""
    return ingest(declared, batches, session, "run")


class Days(Contract):
    """One row a day and name."""

    day: Date = key()
    name: str = key()
    seen: UtcTimestamp = field(nullable=True)


@pytest.mark.parametrize("form", [Delimited(), Parquet()], ids=repr)
def test_keys_that_no_bound_can_be_are_set_aside(
    session: Session, tmp_path: Path, form: Format
) -> None:
    """Years beyond calendars and texts with a NUL break a rule; the others are taken in."""
    rows = pl.DataFrame(
        {
            "day": ["0001-01-01", "9999-12-31", "0000-12-31", "2026-01-01", "2026-01-01"],
            "name": ["a", "b", "c", "d", "e"],
            "seen": ["2026-01-01T00:00:00Z"] * 5,
        }
    )
    if isinstance(form, Parquet):
        rows = rows.with_columns(
            day=pl.Series([-719_162, 2_932_896, 2_932_897, 20_000, 20_000]).cast(pl.Date),
            name=pl.Series(["a", "b", "c", "d", "e\0e"]),
        )
        rows.write_parquet(file := tmp_path / "days.parquet")
        made, bad = batch(tmp_path, file.read_bytes(), "days.parquet"), {"record:encoding"}
    else:
        made, bad = batch(tmp_path, rows.write_csv(), "days.csv"), set()
    declared = source(contract=Days, format=form)
    bad |= {"day:date"}
    for again in (False, True):
        (receipt,) = run(session, declared, made).receipts
        assert receipt.quarantined == len(bad) == len(receipt.rejections)
        assert set(receipt.rejections) == bad
        kept = (receipt.deduplicated, receipt.published)
        assert kept == ((5 - len(bad), 0) if again else (0, 5 - len(bad)))


@pytest.mark.parametrize("load", Load)
def test_copies_within_a_batch(session: Session, tmp_path: Path, load: Load) -> None:
    """An equal copy is deduplicated; another row of the same key is quarantined, with its text."""
    declared = source(load=load)
    intake = run(session, declared, orders(tmp_path, "a,,1.00,", "a,,1.0,", "a,,2.00,", "b,,3.00,"))
    assert fates(intake) == [(4, 2, 1, 1)]
    assert published(session, declared) == {"a": "1.00", "b": "3.00"}
    ((file, line, rules, record),) = quarantined(session, declared)
    assert (file, line, rules) == ("orders.csv", 4, ["order_id:unique"])
    assert json.loads(record)["amount"] == "2.00"


def test_copies_across_the_batches_of_a_group(session: Session, tmp_path: Path) -> None:
    """Batches that are loaded together are still loaded in their order."""
    declared = source()
    first = orders(tmp_path, "a,,1.00,", name="1.csv")
    second = orders(tmp_path, "a,,1.00,", "a,,9.00,", "b,,2.00,", name="2.csv")
    assert fates(run(session, declared, first, second)) == [(1, 1, 0, 0), (3, 1, 1, 1)]
    assert published(session, declared) == {"a": "1.00", "b": "2.00"}


def test_append_keeps_what_is_published(session: Session, tmp_path: Path) -> None:
    """A taken key stays with the row that came first, however often another one comes."""
    declared = source()
    run(session, declared, orders(tmp_path, "a,,1.00,"))
    again = orders(tmp_path, *["a,,2.00,"] * 3, "a,,1.00,")
    intake = run(session, declared, again)
    assert fates(intake) == [(4, 0, 3, 1)]
    assert intake.superseded == 0
    assert published(session, declared) == {"a": "1.00"}


def test_merge_supersedes_what_is_published(session: Session, tmp_path: Path) -> None:
    """A correction replaces the row of its key, and adds none."""
    declared = source(load=Load.MERGE)
    run(session, declared, orders(tmp_path, "a,,1.00,", "b,,1.00,", "c,,1.00,"))
    intake = run(session, declared, orders(tmp_path, "a,,2.00,", "b,,1.00,", "d,,4.00,"))
    assert fates(intake) == [(3, 2, 0, 1)]
    assert intake.superseded == 1
    assert published(session, declared) == {"a": "2.00", "b": "1.00", "c": "1.00", "d": "4.00"}


def test_corrections_of_one_run_supersede_each_other(session: Session, tmp_path: Path) -> None:
    """The newest batch wins, also when all of them arrive together."""
    declared = source(load=Load.MERGE)
    batches = [orders(tmp_path, f"a,,{n}.00,", name=f"{n}.csv") for n in (1, 2, 3)]
    intake = run(session, declared, *batches)
    assert fates(intake) == [(1, 1, 0, 0)] * 3
    assert intake.superseded == 2
    assert published(session, declared) == {"a": "3.00"}


def test_replace_takes_a_batch_for_the_whole(session: Session, tmp_path: Path) -> None:
    """What it lacks leaves, what it has stays or is corrected; the receipt says how many left."""
    declared = source(load=Load.REPLACE)
    run(session, declared, orders(tmp_path, "a,,1.00,", "b,,1.00,", "c,,1.00,"))
    intake = run(session, declared, orders(tmp_path, "a,,1.00,", "b,,2.00,", "d,,4.00,"))
    assert fates(intake) == [(3, 2, 0, 1)]
    assert (intake.superseded, intake.receipts[0].removed) == (2, 1)
    assert published(session, declared) == {"a": "1.00", "b": "2.00", "d": "4.00"}


@pytest.mark.parametrize("line", ["b,soon,1.00,", "b,,0.00,", 'b,"open', "B,,0.00,"])
def test_a_rejected_record_is_no_deletion(session: Session, tmp_path: Path, line: str) -> None:
    """A row whose new version cannot be taken keeps the one before; the others leave."""
    declared = source(load=Load.REPLACE)
    run(session, declared, orders(tmp_path, "a,,1.00,", "b,,1.00,", "c,,1.00,"))
    intake = run(session, declared, orders(tmp_path, "a,,1.00,", line))
    assert (fates(intake), intake.receipts[0].removed) == ([(2, 0, 1, 1)], 1)
    assert published(session, declared) == {"a": "1.00", "b": "1.00"}


@pytest.mark.parametrize(("left", "refused"), [(9, False), (8, True)])
def test_half_an_export_deletes_nothing(
    session: Session, tmp_path: Path, left: int, refused: bool
) -> None:
    """A batch that lacks more than it may is held as a whole, and says what it lacks."""
    declared = source(load=Load.REPLACE, may_shrink="10 %")
    lines = [f"{letter},,1.00," for letter in "abcdefghij"]
    run(session, declared, orders(tmp_path, *lines))
    intake = run(session, declared, orders(tmp_path, *lines[:left], name="half.csv"))
    assert bool(intake.refusals) is refused
    assert len(published(session, declared)) == (10 if refused else left)
    if refused:
        assert "lacks 2 of the 10 rows" in intake.refusals[0].error.message
        assert [(r.rows_in, r.held) for r in intake.receipts] == [(left, left)]


class Lines(Contract):
    """Records without a key of their own."""

    line_no: int = key(reads=LINE)
    amount: str = field()


@pytest.mark.parametrize("several_first", [False, True])
def test_places_in_a_zip_are_no_places_in_a_file(
    session: Session, tmp_path: Path, *, several_first: bool
) -> None:
    """A batch that is packed otherwise lacks all rows, and is told why, and what to do."""
    plain = batch(tmp_path, "amount\n1\n2\n")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "amount\n1\n")
        archive.writestr("b.csv", "amount\n2\n")
    several = batch(tmp_path, packed.getvalue(), "lines.zip")
    first, second = (several, plain) if several_first else (plain, several)
    options: dict[str, Any] = {"contract": Lines, "load": Load.REPLACE}
    declared = source(may_shrink="50 %", **options)
    run(session, declared, first)
    (refusal,) = run(session, declared, second).refusals
    assert "lacks 2 of the 2 rows" in refusal.error.message
    assert "the key line_no is the place in the file" in str(refusal.error.hint)
    assert 'may_shrink="100 %"' in str(refusal.error.hint)
    raised = source(declared.name, may_shrink="100 %", **options)
    assert not run(session, raised, second).refusals
    # What is packed as before is told what it always was.
    less = batch(tmp_path, "amount\n1\n")
    other = source(may_shrink="10 %", **options)
    run(session, other, plain)
    (refusal,) = run(session, other, less).refusals
    assert "have the provider send a complete one" in str(refusal.error.hint)


class Readings(Contract):
    """Names that a loader might use for itself, and a key that is no text."""

    meter: int = key()
    read_at: UtcTimestamp = key()
    fate: str = field(nullable=True)
    wins: int = field(ge=0)
    supersedes: str = field(nullable=True)


def test_a_key_that_is_no_text_is_compared_by_value(session: Session, tmp_path: Path) -> None:
    """However it is written; and no column of a contract is taken for one of the loader's."""
    header = "meter,read_at,fate,wins,supersedes\n"
    declared = Files(
        fresh_name(),
        contract=Readings,
        match="*",
        load=Load.REPLACE,
        may_shrink="100 %",
        tolerate="100 %",
        owner="grid",
    )
    lines = [f"{n},2026-10-30T10:00:00Z,lost,{n},x\n" for n in (1, 2, 5)]
    run(session, declared, batch(tmp_path, header + "".join(lines)))
    table = raw_table(declared).sql
    rows = f"SELECT meter, fate, wins, supersedes FROM {table} ORDER BY meter"
    assert session.rows(rows) == [(n, "lost", n, "x") for n in (1, 2, 5)]
    again = [
        lines[0],
        "02,2026-10-30T11:00:00+01:00,lost,-5,x\n",
    ]
    intake = run(session, declared, batch(tmp_path, header + "".join(again)))
    assert intake.receipts[0].removed == 1
    assert session.rows(f"SELECT meter FROM {table} ORDER BY meter") == [(1,), (2,)]


def test_absent_values_are_compared_too(session: Session, tmp_path: Path) -> None:
    """A row that lacks a value is another row than one that has it, and equal to its like."""
    declared = source(load=Load.MERGE)
    run(session, declared, orders(tmp_path, "a,,1.00,", "b,,1.00,0.50"))
    intake = run(session, declared, orders(tmp_path, "a,,1.00,0.50", "b,,1.00,0.5"))
    assert fates(intake) == [(2, 1, 0, 1)]
    assert intake.superseded == 1


def test_published_row_knows_where_it_came_from(session: Session, tmp_path: Path) -> None:
    """Batch and line lead back to the raw bytes in the archive."""
    declared, made = source(), orders(tmp_path, "a,2026-10-30T10:00:00+02:00,1.00,")
    run(session, declared, made)
    ((day, batch_id, line),) = session.rows(
        f"SELECT booked_at::VARCHAR, _batch, _line FROM {raw_table(declared).sql}"
    )
    assert (day, batch_id, line) == ("2026-10-30 08:00:00+00", made.id, 2)
    assert list(manifest(session, declared.name)) == [made.id]


def test_quarantine_lists_every_rule(session: Session, tmp_path: Path) -> None:
    """In quarantine a row has all its rules and its original text; the receipt counts by rule."""
    declared = source()
    intake = run(session, declared, orders(tmp_path, ",soon,0.00,1", "b,,1.00,", 'c,"open'))
    assert intake.receipts[0].rejections == {
        "amount:greater_than": 1,
        "booked_at:timestamp": 1,
        "not_overpaid": 1,
        "order_id:not_null": 1,
        "record:quoting": 1,
    }
    (_, _, rules, record), (_, line, broken, text) = quarantined(session, declared)
    assert len(rules) == 4
    assert json.loads(record) == {
        "order_id": None,
        "booked_at": "soon",
        "amount": "0.00",
        "paid": "1",
    }
    assert (line, broken, text) == (4, ["record:quoting"], 'c,"open')


@pytest.mark.parametrize(("bad", "refused"), [(28, False), (29, False), (30, True)])
def test_batch_is_refused_above_its_tolerance(
    session: Session, tmp_path: Path, bad: int, refused: bool
) -> None:
    """At the limit it is within it; above, the error names the rules and no value."""
    declared = source(tolerate="29 %")
    lines = [f"k{n},,{'0' if n < bad else '1'}.00," for n in range(100)]
    intake = run(session, declared, orders(tmp_path, *lines))
    assert bool(intake.refusals) is refused
    if refused:
        assert "30 of 100 rows were rejected (30.0%), tolerated are 29.0%: amount:greater_than" in (
            intake.refusals[0].error.message
        )


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ("order_id,amount\na,1.00\nb,2.00\nc\n", 3),
        (HEADER, 0),
        ("", 0),
        ("order_id,order_id\na,b\nc,d\n\n", 2),
        (b"\x1f\x8bbroken", 0),
        (
            gzip.compress(("\n".join(["order_id", *"abcdefgh"]) + "\n").encode() * 999, mtime=0)[
                :-9
            ],
            8990,
        ),
    ],
)
def test_refused_batch_is_held_and_stops_no_other(
    session: Session, tmp_path: Path, content: str | bytes, held: int
) -> None:
    """All refusals of a run are reported together; what could be counted is accounted for."""
    declared = source()
    bad, good = batch(tmp_path, content, "bad.csv"), orders(tmp_path, "a,,1.00,", name="good.csv")
    intake = run(session, declared, bad, good)
    assert [refusal.name for refusal in intake.refusals] == ["bad.csv"]
    assert isinstance(intake.refusals[0].error, BatchRefused)
    held_ones = [(r.rows_in, r.held) for r in intake.receipts if r.name == "bad.csv"]
    assert held_ones == [(held, held)]
    assert published(session, declared) == {"a": "1.00"}
    assert list(manifest(session, declared.name)) == [good.id]


def test_load_is_all_or_nothing(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If its receipts cannot be written, neither are its rows."""
    declared = source()
    monkeypatch.setattr("sluicegate.ingestion.accounts.record_batches", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(session, declared, orders(tmp_path, "a,,1.00,", "b,,0.00,"))
    assert published(session, declared) == {}
    assert quarantined(session, declared) == []


# Anything may happen ------------------------------------------------------------------------------

LINES = st.one_of(
    st.builds("{},,{}.00,".format, st.sampled_from("abcde"), st.integers(1, 3)),
    st.sampled_from(["a,,0.00,", ",,1.00,", "b,soon,1.00,", "c,,1.00,9.00", "broken", 'd,"open']),
)
BATCHES = st.lists(st.lists(LINES, min_size=1, max_size=6), min_size=1, max_size=3)


def expected(batches: list[list[str]], load: Load) -> tuple[list[Fates], dict[str, str]]:
    """What loading must lead to, one line after the other in plain Python."""
    lake: dict[str, str] = {}
    found: list[Fates] = []
    for lines in batches:
        counts: Counter[str] = Counter()
        first: dict[str, str] = {}
        kept: set[str] = set()
        for line in lines:
            key, _, rest = line.partition(",,")
            clean = key != "" and rest.endswith(".00,") and Decimal(rest[:-1]) > 0
            if not clean:
                counts["quarantined"] += 1
                kept.add(line.partition(",")[0])
                continue
            amount = rest[:-1]
            held_against = lake if load is Load.APPEND else {**lake, **first}
            taken = held_against.get(key)
            corrects = load is not Load.APPEND and key not in first
            first.setdefault(key, amount)
            if taken == amount:
                counts["deduplicated"] += 1
            elif taken is None or corrects:
                counts["published"] += 1
                lake[key] = amount
            else:
                counts["quarantined"] += 1
        if load is Load.REPLACE:
            lake = {key: lake[key] for key in lake if key in first or key in kept}
        found.append(
            (len(lines), counts["published"], counts["quarantined"], counts["deduplicated"])
        )
    return found, lake


@pytest.mark.parametrize("load", Load)
@settings(max_examples=3)
@given(batches=BATCHES)
def test_every_row_is_accounted_for(
    session: Session, tmp_path: Path, load: Load, batches: list[list[str]]
) -> None:
    """Batches, loaded together or one by one, end as in plain Python; again, nothing changes."""
    wanted, lake = expected(batches, load)
    made = [orders(tmp_path, *lines, name=f"{n}.csv") for n, lines in enumerate(batches)]
    seen = []
    for at_once in (1, 1_000):
        declared = source(load=load)
        with pytest.MonkeyPatch.context() as patch:
            for module in ("sluicegate.ingestion.ingest", "sluicegate.ingestion.sift"):
                patch.setattr(import_module(module), "ROWS_AT_ONCE", at_once)
            intake = run(session, declared, *made)
        assert fates(intake) == wanted
        assert all(receipt.closes for receipt in intake.receipts)
        assert published(session, declared) == lake
        seen.append(quarantined(session, declared))
    assert seen[0] == seen[1]
    assert len(seen[0]) == sum(quarantine for _, _, quarantine, _ in wanted)

    last = run(session, declared, made[-1])
    assert (last.receipts[0].published, last.superseded) == (0, 0)
    assert published(session, declared) == lake


@pytest.mark.parametrize("load", [Load.MERGE, Load.REPLACE])
@pytest.mark.parametrize("at_once", [1, 2, 3, 1_000])
def test_a_batch_says_a_key_once_however_many_parts_it_has(
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    load: Load,
    at_once: int,
) -> None:
    """Its first row has the key, whether it is new, corrects what is published, or equals it."""
    declared = source(load=load, tolerate="100 %")
    run(session, declared, orders(tmp_path, "a,,1.00,", "c,,1.00,", name="1.csv"))
    monkeypatch.setattr("sluicegate.ingestion.sift.ROWS_AT_ONCE", at_once)
    said = ("a,1", "b,1", "c,2", "a,2", "b,1", "c,1", "b,2", "a,1", "c,2", "a,3", "a,3")
    lines = [line.replace(",", ",,") + ".00," for line in said]
    (receipt,) = run(session, declared, orders(tmp_path, *lines, name="2.csv")).receipts
    told = (receipt.published, receipt.deduplicated, receipt.quarantined)
    assert told == (2, 4, 5)
    assert published(session, declared) == {"a": "1.00", "b": "1.00", "c": "2.00"}
    assert sorted(line for _, line, *_ in quarantined(session, declared)) == [5, 7, 8, 11, 12]


@pytest.mark.parametrize("load", [Load.APPEND, Load.MERGE])
@pytest.mark.parametrize("bad", ["a,,0.00,\nb,,2.00,\n", None], ids=["rows", "header"])
def test_batch_that_is_held_alone_leaves_nothing_behind(
    session: Session, tmp_path: Path, load: Load, bad: str | None
) -> None:
    """Neither rows nor rejected records of it are in the lake; those before it are published.

    Where rows correct each other, those after it wait: else it would correct what came later.
    """
    declared = source(load=load, tolerate="10 %", holds=Hold.BATCH)
    first = orders(tmp_path, "a,,1.00,", name="1.csv")
    second = batch(tmp_path, f"{HEADER}\n{bad}" if bad else "order_id\nb\nc\n", "2.csv")
    third = orders(tmp_path, "c,,3.00,", "a,,1.00,", name="3.csv")
    intake = run(session, declared, first, second, third)
    told = [(r.name, r.rows_in, r.published, r.quarantined, r.held) for r in intake.receipts]
    assert told[:2] == [("1.csv", 1, 1, 0, 0), ("2.csv", 2, 0, 0, 2)]
    assert [refusal.name for refusal in intake.refusals] == ["2.csv"]
    assert quarantined(session, declared) == []
    if load is Load.APPEND:
        assert told[2:] == [("3.csv", 2, 1, 0, 0)]
        assert intake.left == {}
        assert list(manifest(session, declared.name)) == [first.id, third.id]
    else:
        assert told[2:] == []
        assert intake.left == {"3.csv": "it comes after 2.csv, which is held"}
        assert published(session, declared) == {"a": "1.00"}
        assert list(manifest(session, declared.name)) == [first.id]


def test_batch_that_is_within_what_is_tolerated_is_not_held(
    session: Session, tmp_path: Path
) -> None:
    """Its rejected rows are in quarantine, as ever."""
    declared = source(tolerate="50 %", holds=Hold.BATCH)
    intake = run(session, declared, orders(tmp_path, "a,,0.00,", "b,,2.00,"))
    assert fates(intake) == [(2, 1, 1, 0)]
    assert not intake.refusals


def test_empty_batches_are_held_one_by_one(session: Session, tmp_path: Path) -> None:
    """An answer without a row shares no transaction with one that is refused."""
    declared = source(tolerate="0 %", holds=Hold.BATCH, may_be_empty=True)
    empty = batch(tmp_path, f"{HEADER}\n", "1.csv")
    intake = run(session, declared, empty, orders(tmp_path, "a,,0.00,", name="2.csv"))
    assert [(r.name, r.held) for r in intake.receipts] == [("1.csv", 0), ("2.csv", 1)]
    assert list(manifest(session, declared.name)) == [empty.id]


def test_what_was_written_is_held_no_longer(session: Session) -> None:
    """Also before its transaction ends: what a large batch takes does not grow part by part."""
    table = Table("raw", fresh_name())
    session.create(table, {"n": "BIGINT"})
    held = []
    with session.transaction("test"):
        for part in range(3):
            frame = pl.DataFrame({"n": [part]})
            held.append(weakref.ref(frame))
            session.insert(table, frame)
            del frame
            gc.collect()
            assert held[-1]() is None
    assert session.scalar(f"SELECT sum(n) FROM {table.sql}") == 3
