"""What goes wrong with batches is a named error or a recorded verdict, and stays small.

A contract that cannot be imported, and two contracts for one dataset: ``test_catalogue.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest

from sluicegate.contracts import Contract, field, judge, key
from sluicegate.errors import ContractError
from sluicegate.ingestion import ingest
from sluicegate.ingestion.sift import shape, sift
from sluicegate.lake import Session
from sluicegate.quality.check import Outcome
from sluicegate.quality.contracts import audit_source
from tests.unit.kit import batch, orders, read_delimited, source


def test_key_column_that_is_missing(session: Session, tmp_path: Path) -> None:
    """The batch is held as a whole, with the name of the column."""
    declared = source()
    sent = batch(tmp_path, "order,booked_at,amount,paid\na,,1.00,\nb,,2.00,\n")
    intake = ingest(declared, [sent], session, "run")
    (refusal,), (receipt,) = intake.refusals, intake.receipts
    assert refusal.error.message == "The batch lacks columns of the contract: order_id."
    assert "'order_id' may be called 'order' now" in str(refusal.error.hint)
    assert (receipt.rows_in, receipt.held, receipt.published) == (2, 2, 0)


def test_right_header_and_wrong_types_throughout(session: Session, tmp_path: Path) -> None:
    """Every row breaks the rules of reading, and the batch is over its tolerance."""
    lines = [f"{name},soon,ten,{name}" for name in "abc"]
    intake = ingest(source(tolerate="99 %"), [orders(tmp_path, *lines)], session, "run")
    (refusal,), (receipt,) = intake.refusals, intake.receipts
    assert "3 of 3 rows were rejected (100.0%)" in refusal.error.message
    assert receipt.rejections == {"booked_at:timestamp": 3, "amount:decimal": 3, "paid:decimal": 3}
    assert (receipt.quarantined, receipt.published) == (3, 0)


def test_column_without_a_value(session: Session, tmp_path: Path) -> None:
    """Where values may be absent, that is taken; where not, it is the verdict on every row."""
    sent = orders(tmp_path, "a,,1.00,", "b,,2.00,")
    absent = orders(tmp_path, "a,,,1.00", "b,,,1.00")
    (taken,) = ingest(source(), [sent], session, "run").receipts
    (refused,) = ingest(source(), [absent], session, "run").receipts
    assert (taken.published, taken.rejections) == (2, {})
    assert (refused.published, refused.rejections) == (0, {"amount:not_null": 2})


def test_nothing_but_rejected_rows(session: Session, tmp_path: Path) -> None:
    """All of them are accounted for, and a table in which nothing came to lie passes no check."""
    declared = source(tolerate="100 %")
    intake = ingest(declared, [orders(tmp_path, "a,,0.00,", "b,,-1.00,")], session, "run")
    (receipt,) = intake.receipts
    assert (intake.refusals, receipt.quarantined, receipt.published) == ([], 2, 0)
    assert {check.outcome for check in audit_source(declared, session)} == {Outcome.ERROR}


class Listed(Contract):
    """A value of a few."""

    id: int = key()
    kind: str = field(isin=("a", "b"))


def test_as_many_values_as_rows_where_few_are_allowed(session: Session, tmp_path: Path) -> None:
    """What is told of them is one bit a row, however long the values."""
    rows = 100_000
    frame = pl.DataFrame({"id": pl.int_range(rows, eager=True)})
    frame = frame.with_columns(kind=pl.lit("no such value ") + pl.col("id").cast(pl.String))
    verdict = judge(Listed, frame)
    assert verdict.counts() == {"kind:isin": rows}
    assert sum(mask.estimated_size() for mask in verdict.broken.values()) <= rows // 8 + 64
    lines = "\n".join(f"{n},no such value {n}" for n in range(1_000))
    declared = source(contract=Listed, tolerate="1 %")
    intake = ingest(declared, [batch(tmp_path, f"id,kind\n{lines}\n")], session, "run")
    (refusal,), (receipt,) = intake.refusals, intake.receipts
    assert receipt.rejections == {"kind:isin": 1_000}
    assert len(str(refusal.error)) + len(str(receipt.to_dict())) < 1_500
    assert "no such value" not in str(refusal.error)


def test_list_of_very_many_values() -> None:
    """It would be part of every query; it is counted before it is looked at."""
    with pytest.raises(ContractError, match="isin= lists 10,000,000 values; at most 10,000 can"):
        field(isin=range(10_000_000))
    assert field(isin=range(10_000))


def _throws(data: Any) -> pl.LazyFrame:
    if "DE0042" in data.lazyframe.collect()[data.key]:
        raise ZeroDivisionError("DE0042")
    return data.lazyframe.select(pl.col(data.key) != "b")


def test_check_that_raises_on_a_value(tmp_path: Path) -> None:
    """The contract is at fault, and is told by the name of its check, never by the value."""

    class Raising(Contract):
        """A check that nobody tried on everything."""

        code: str = key()
        other: str = field(check=pa.Check(_throws, name="thrower"))

    declared = source(contract=Raising)
    content = "code,other\n1,a\n2,DE0042\n"
    unsifted = shape(declared, batch(tmp_path, content), read_delimited(content.encode()))
    with pytest.raises(ContractError, match=r"cannot be applied: .*\(other: thrower\)") as caught:
        sift(declared, [unsifted])
    assert "Raising" in str(caught.value.where)
    assert "raises on a value" in str(caught.value.hint)
    assert "DE0042" not in str(caught.value)
