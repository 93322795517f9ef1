"""Dimensions of quality: counted as a loop over all rows would count them; nothing is no number."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.contracts import Contract, Dimension, Reference, Severity, field, key, rule
from sluicegate.ingestion import ingest, total
from sluicegate.ingestion.tally import Tally
from sluicegate.lake import Session, Table
from sluicegate.quality import counts
from sluicegate.quality.accuracy import accuracy_of
from sluicegate.quality.contracts import examine_table
from sluicegate.quality.measure import Measure, change_shown, shown, trend_shown
from sluicegate.quality.trend import RUNS, newest, record, with_trend
from sluicegate.sources import Load
from tests.unit.kit import batch, fresh_name, source

D = Dimension


class Parcels(Contract):
    """Rules of every dimension, of which some only warn."""

    id: str = key()
    weight: int = field(gt=0)
    zone: str = field(nullable=True, isin=("n", "s"), severity=Severity.WARN)
    days: int = field(nullable=True, le=5, severity=Severity.WARN, dimension=D.TIMELINESS)
    code: str = field(nullable=True, matches=r"\w")

    @rule
    def light_ones_are_fast(self) -> pl.Expr:
        """Compares two columns."""
        return pl.col("days") <= pl.col("weight")

    @rule(dimension=D.COMPLETENESS, severity=Severity.WARN)
    def zone_or_code(self) -> pl.Expr:
        """One of two values is expected."""
        return pl.col("zone").is_not_null() | pl.col("code").is_not_null()


HEADER = "id,weight,zone,days,code"
TEXTS = {
    "id": ["a", "b", "c", ""],
    "weight": ["1", "7", "7", "0", "x", ""],
    "zone": ["n", "s", "w", ""],
    "days": ["1", "6", "9", "soon", ""],
    "code": ["q", "qq", ""],
}
RECORDS = st.one_of(
    st.fixed_dictionaries({name: st.sampled_from(texts) for name, texts in TEXTS.items()}),
    st.just({}),
)
"""A record, or a line that cannot be parsed."""


def number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def wrongs(row: dict[str, Any]) -> dict[Dimension, list[str]]:
    """What is wrong with a row, value by value; ``!`` marks what rejects it."""
    weight, days = row["weight"], row["days"]
    return {
        D.COMPLETENESS: [f"!{name}" for name in ("id", "weight") if row[name] in ("", None)]
        + ["zone_or_code"] * (not row["zone"] and not row["code"]),
        D.VALIDITY: [
            f"!{n}" for n in ("weight", "days") if isinstance(row[n], str) and row[n].isalpha()
        ]
        + ["!positive"] * (isinstance(weight, int) and weight <= 0)
        + ["zone"] * (row["zone"] == "w")
        + ["!code"] * (row["code"] == "qq"),
        D.CONSISTENCY: ["!fast"]
        * (isinstance(weight, int) and isinstance(days, int) and days > weight),
        D.TIMELINESS: ["late"] * (isinstance(days, int) and days > 5),
    }


def typed(record: dict[str, str]) -> dict[str, Any]:
    """A record as it is read: numbers where they are, texts that are none as they are."""
    numbers = {name: record[name] for name in ("weight", "days")}
    read = {n: int(text) if text.isdigit() else text or None for n, text in numbers.items()}
    return {**record, **read}


def brute(
    deliveries: list[list[dict[str, str]]], *, corrects: bool
) -> list[dict[Dimension, Tally]]:
    """Each batch, counted by a loop over its rows."""
    lake: dict[str, dict[str, Any]] = {}
    found = []
    for delivery in deliveries:
        looked, failed = Counter[Dimension](), Counter[Dimension]()
        mine: set[str] = set()
        fresh: dict[str, dict[str, Any]] = {}
        for each in delivery:
            looked[D.VALIDITY] += 1
            if not each:
                failed[D.VALIDITY] += 1
                continue
            row = typed(each)
            wrong = wrongs(row)
            looked[D.COMPLETENESS] += 3
            failed[D.COMPLETENESS] += len(wrong[D.COMPLETENESS])
            for dimension in (D.VALIDITY, D.CONSISTENCY, D.TIMELINESS):
                looked[dimension] += dimension is not D.VALIDITY
                failed[dimension] += bool(wrong[dimension])
            if any(why.startswith("!") for why in chain.from_iterable(wrong.values())):
                continue
            looked[D.UNIQUENESS] += 1
            if row["id"] in mine or (row["id"] in lake and lake[row["id"]] != row and not corrects):
                failed[D.UNIQUENESS] += 1
            else:
                fresh[row["id"]] = row
            mine.add(row["id"])
        lake |= {name: row for name, row in fresh.items() if corrects or name not in lake}
        found.append({d: Tally(looked[d], failed[d]) for d in looked if looked[d]})
    return found


def drop(place: int, delivery: list[dict[str, str]]) -> str:
    """A file; no two are equal, or they would be one batch."""
    lines = [
        ",".join([*(record[name] for name in TEXTS), ""]) if record else "?" for record in delivery
    ]
    return "\n".join([f"{HEADER},unknown_{place}", *lines]) + "\n"


@settings(max_examples=12)
@given(
    deliveries=st.lists(st.lists(RECORDS, min_size=1, max_size=14), min_size=1, max_size=3),
    load=st.sampled_from([Load.APPEND, Load.MERGE]),
)
def test_batches_are_counted_as_a_loop_would(
    session: Session,
    tmp_path_factory: pytest.TempPathFactory,
    deliveries: list[list[dict[str, str]]],
    load: Load,
) -> None:
    """Exactly, batch by batch, whatever is rejected, warned of, copied or corrected."""
    folder = tmp_path_factory.mktemp("drops")
    drops = [batch(folder, drop(n, each), f"{n}.csv") for n, each in enumerate(deliveries)]
    declared = source(contract=Parcels, load=load)
    intake = ingest(declared, drops, session, "run")
    expected = brute(deliveries, corrects=load is Load.MERGE)
    assert [receipt.tallies for receipt in intake.receipts] == expected
    assert total("", intake.receipts).tallies == {
        d: sum((each[d] for each in expected if d in each), Tally(0, 0))
        for d in {d for each in expected for d in each}
    }


TYPED = {
    "id": st.sampled_from(["a", "b", "c", None]),
    "weight": st.sampled_from([1, 7, 0, None]),
    "zone": st.sampled_from(["n", "w", None]),
    "days": st.sampled_from([1, 6, 9, None]),
    "code": st.sampled_from(["q", "qq", None]),
}


@settings(max_examples=10)
@given(
    rows=st.lists(st.fixed_dictionaries(TYPED), min_size=1, max_size=14),
    at_once=st.sampled_from([4, 1_000]),
)
def test_tables_are_counted_as_a_loop_would(
    session: Session, rows: list[dict[str, Any]], at_once: int
) -> None:
    """In place, with rules that SQL can tell and one that only pandera can."""
    table = Table("measured", fresh_name("parcels"))
    columns = {column.name: column.dtype for column in Parcels.columns()}
    kinds = {name: "BIGINT" if kind == pl.Int64 else "VARCHAR" for name, kind in columns.items()}
    session.create(table, kinds)
    session.insert(table, pl.DataFrame(rows, schema=columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "ROWS_AT_ONCE", at_once)
        found = examine_table(table, Parcels, session).tallies
    wrong = [wrongs(row) for row in rows]
    keys = Counter(row["id"] for row in rows)
    assert found == {
        D.COMPLETENESS: Tally(3 * len(rows), sum(len(each[D.COMPLETENESS]) for each in wrong)),
        D.UNIQUENESS: Tally(len(rows), sum(count - 1 for count in keys.values())),
        **{
            dimension: Tally(len(rows), sum(bool(each[dimension]) for each in wrong))
            for dimension in (D.VALIDITY, D.CONSISTENCY, D.TIMELINESS)
        },
    }


class Plain(Contract):
    """Nothing but a key."""

    id: str = key()


def test_what_is_not_looked_at_is_not_there(session: Session, tmp_path: Path) -> None:
    """No rule of a dimension, no row: there is no number, and none is one."""
    (receipt,) = ingest(
        source(contract=Plain), [batch(tmp_path, "id\na\n")], session, "run"
    ).receipts
    assert set(receipt.tallies) == {D.COMPLETENESS, D.UNIQUENESS, D.VALIDITY}
    empty = source(contract=Plain, may_be_empty=True)
    (receipt,) = ingest(empty, [batch(tmp_path, "id\n")], session, "run").receipts
    assert receipt.tallies == {}
    table = Table("measured", fresh_name("plain"))
    session.create(table, {"id": "VARCHAR"})
    assert examine_table(table, Plain, session, may_be_empty=True).tallies == {}


def test_a_held_batch_keeps_what_was_counted(session: Session, tmp_path: Path) -> None:
    """Nothing of it is published; that it was bad is on record all the same."""
    made = batch(tmp_path, f"{HEADER}\na,0,n,,\n")
    (receipt,) = ingest(source(contract=Parcels), [made], session, "run").receipts
    assert receipt.hold().tallies == receipt.tallies
    assert receipt.hold().to_dict()["quality"]["validity"] == {"looked_at": 1, "failed": 1}


def table_of(session: Session, **columns: list[str | None]) -> Table:
    """A table of texts."""
    table = Table("measured", fresh_name("texts"))
    session.create(table, dict.fromkeys(columns, "VARCHAR"))
    session.insert(table, pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))
    return table


def test_accuracy_is_what_a_reference_says(session: Session) -> None:
    """Listed or not; or equal, where the reference knows of it. What has no value is no error."""
    codes = table_of(session, code=["1", "2", "2"], name=["one", "two", "zwei"])
    rows = table_of(
        session, n=["1", "2", "2", "1", "3", None], name=["one", "zwei", "drei", None, "three", "x"]
    )
    listed = Reference(str(codes), on={"n": "code"})
    assert accuracy_of(rows, listed, session) == Tally(5, 1)
    equal = Reference(str(codes), on={"n": "code"}, agree={"name": "name"})
    assert accuracy_of(rows, equal, session) == Tally(4, 2)
    nothing = table_of(session, n=[], name=[])
    assert accuracy_of(nothing, listed, session) == Tally(0, 0)
    assert accuracy_of(Table("raw", "nowhere"), listed, session) == Tally(0, 0)


def measure(looked_at: int, failed: int, *before: Tally, dataset: str = "orders") -> Measure:
    return Measure(dataset, D.VALIDITY, Tally(looked_at, failed), {}, before)


def test_a_share_is_never_shown_better_than_it_is() -> None:
    """Rounded down; whole only if nothing failed; a dash where nothing was looked at."""
    assert shown(measure(1_000_000, 1).value) == "99.99 %"
    assert shown(measure(1_000_000, 0).value) == "100 %"
    assert shown(measure(3, 3).value) == "0.00 %"
    assert shown(measure(0, 0).value) == "–"  # noqa: RUF001
    assert measure(0, 0).value is None


def test_a_trend_has_bars_between_least_and_most() -> None:
    """The newest is last, and the change is that to the run before."""
    each = measure(4, 0, Tally(4, 4), Tally(4, 2), Tally(0, 0), Tally(4, 1))
    assert (trend_shown(each), each.change) == ("▁▄▆█", Fraction(1, 4))
    assert change_shown(each.change) == "+25.00"
    assert trend_shown(measure(4, 1, Tally(8, 2))) == "██"
    assert change_shown(measure(4, 1, Tally(8, 2)).change) == ""
    assert change_shown(measure(10**6, 1, Tally(8, 0)).change) == "±0.00"
    assert (trend_shown(measure(4, 1)), change_shown(measure(4, 1).change)) == ("", "")


def test_the_lake_remembers_the_last_runs(session: Session) -> None:
    """Of each dataset and dimension by itself, oldest first, and no more than are shown."""
    name, other = fresh_name(), fresh_name()
    for run in range(RUNS + 3):
        record(session, f"run-{run:02}", [measure(100, run, dataset=name)])
    record(session, "run-99", [measure(5, 5, dataset=other)])
    (mine,) = with_trend([measure(100, 50, dataset=name)], session)
    assert [tally.failed for tally in mine.before] == list(range(4, RUNS + 3))
    assert len(trend_shown(mine)) == RUNS
    told = {each.dataset: each for each in newest(session)}
    assert (told[name].tally, told[other].tally) == (Tally(100, RUNS + 2), Tally(5, 5))
    assert len(told[name].before) == RUNS - 1
