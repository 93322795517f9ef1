"""Parquet: typed columns become the text that contracts read, without losing a digit."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from sluicegate.contracts import Contract, Date, Money, UtcTimestamp, field, key
from sluicegate.contracts.texts import as_text
from sluicegate.errors import BatchRefused
from sluicegate.ingestion import ingest, raw_table
from sluicegate.ingestion.sift import shape, sift
from sluicegate.ingestion.table import BATCH
from sluicegate.lake import Session
from sluicegate.sources import LINE, Files, Load, Parquet, Records
from tests.unit.kit import batch, fresh_name

NAMES = (
    *("text", "whole", "money", "share", "flag", "day", "moment", "local", "place.town.name"),
    *("many", "raw", "absent", "berlin", "kind"),
)


def read(tmp_path: Path, frame: pl.DataFrame) -> Records:
    """Records of a frame that was written and read."""
    frame.write_parquet(tmp_path / "drop.parquet")
    (records,) = Parquet().read(
        tmp_path / "drop.parquet", name="drop.parquet", columns=NAMES, most=100
    )
    return records


def test_every_type_as_text(tmp_path: Path) -> None:
    """Moments name their offset, decimals keep their scale, nested values become columns."""
    moment = datetime(2026, 10, 30, 12, 0, 0, 5, UTC)
    frame = pl.DataFrame(
        {
            "text": ["x"],
            "whole": [7],
            "money": [Decimal("1.10")],
            "share": [12.5],
            "flag": [True],
            "day": [date(2026, 10, 30)],
            "moment": [moment],
            "local": [moment.replace(tzinfo=None)],
            "place": [{"town": {"name": "Ulm"}}],
            "many": [[1, 2]],
            "raw": [b"\x00\xff"],
            "absent": pl.Series([None], dtype=pl.Int64),
        }
    ).with_columns(
        berlin=pl.col("moment").dt.convert_time_zone("Europe/Berlin"),
        kind=pl.Series(["a"], dtype=pl.Categorical),
    )
    rows = read(tmp_path, frame).rows
    (row,) = rows.select(as_text(*each) for each in rows.schema.items()).rows(named=True)
    assert row == {
        "text": "x",
        "whole": "7",
        "money": "1.10",
        "share": "12.5",
        "flag": "true",
        "day": "2026-10-30",
        "moment": "2026-10-30T12:00:00.000005Z",
        "local": "2026-10-30T12:00:00.000005",
        "place.town.name": "Ulm",
        "many": "1,2",
        "raw": "00ff",
        "absent": None,
        "berlin": "2026-10-30T12:00:00.000005Z",
        "kind": "a",
        "_line": "1",
    }


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + b"x" * 99 + b"PAR1"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    """The batch is held, with a message that says what it is not."""
    file = tmp_path / "drop.parquet"
    file.write_bytes(content)
    with pytest.raises(BatchRefused, match="no Parquet"):
        list(Parquet().read(file, name="drop.parquet", columns=(), most=100))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """A transfer that broke off leaves no half of a table."""
    file = tmp_path / "drop.parquet"
    pl.DataFrame({"a": range(1000)}).write_parquet(file)
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(BatchRefused, match="no Parquet"):
        list(Parquet().read(file, name="drop.parquet", columns=(), most=100))


def test_packed_file_is_refused(tmp_path: Path) -> None:
    """It would have to be unpacked as a whole before it can be read; that it is packed is said."""
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "drop.parquet")
    file = tmp_path / "drop.parquet.gz"
    file.write_bytes(gzip.compress((tmp_path / "drop.parquet").read_bytes()))
    with pytest.raises(BatchRefused, match="packed with gzip; Parquet is packed by itself"):
        list(Parquet().read(file, name="drop.parquet.gz", columns=(), most=100))


class Orders(Contract):
    """One row an order."""

    order_id: int = key()
    booked_at: UtcTimestamp = field()
    day: Date = field(nullable=True)
    amount: Money = field(gt=0)


def orders() -> Files:
    """A source of such orders."""
    return Files(
        fresh_name(),
        contract=Orders,
        match="*",
        format=Parquet(),
        load=Load.APPEND,
        tolerate="50 %",
        owner="sales",
    )


def test_typed_values_meet_the_contract(session: Session, tmp_path: Path) -> None:
    """They are published as they are; a moment without a zone and a bad amount are set aside."""
    moment = datetime(2026, 10, 30, 12, tzinfo=UTC)
    made = pl.DataFrame(
        {
            "order_id": [1, 2, 3],
            "booked_at": [moment] * 3,
            "day": [date(2026, 10, 30), None, None],
            "amount": [Decimal("1.10"), Decimal("0.00"), Decimal("3.00")],
        }
    )
    made.write_parquet(tmp_path / "made")
    content = (tmp_path / "made").read_bytes()
    declared = orders()
    intake = ingest(declared, [batch(tmp_path, content)], session, "run")
    ((receipt),) = intake.receipts
    assert (receipt.published, receipt.rejections) == (2, {"amount:greater_than": 1})
    assert session.rows(
        f"SELECT order_id, booked_at::VARCHAR, day, amount, _line FROM {raw_table(declared).sql}"
        " ORDER BY order_id"
    ) == [
        (1, "2026-10-30 12:00:00+00", date(2026, 10, 30), Decimal("1.10"), 1),
        (3, "2026-10-30 12:00:00+00", None, Decimal("3.00"), 3),
    ]


def test_what_the_contract_does_not_read_may_be_of_any_type(tmp_path: Path) -> None:
    """It is named, and costs nothing; of a type that has no text, a column that is read refuses."""
    span = pl.Series("span", [timedelta(seconds=1)])
    frame = pl.DataFrame({"text": ["x"]}).with_columns(span)
    records = read(tmp_path, frame)
    assert (records.header, records.rows.columns) == (("text", "span"), ["text", "_line"])
    twice = pl.DataFrame({"a.b": [1], "a": [{"b": 2}]})
    with pytest.raises(BatchRefused, match="of types that cannot be read"):
        read(tmp_path, twice)


def test_no_column_is_in_other_pieces_than_the_rest(tmp_path: Path) -> None:
    """Where one is, polars copies them all whenever they are looked at together."""
    made = pl.DataFrame(
        {
            "order_id": range(1, 8),
            "booked_at": [datetime(2026, 10, 30, 12, tzinfo=UTC)] * 7,
            "day": [date(2026, 10, 30)] * 7,
            "amount": [Decimal("1.10")] * 6 + [Decimal("0.00")],
        }
    )
    made.write_parquet(tmp_path / "made", row_group_size=3)
    given, declared = batch(tmp_path, (tmp_path / "made").read_bytes()), orders()
    (records,) = declared.read(given)
    sifted = sift(declared, [shape(declared, given, records)])
    assert records.rows[LINE].to_list() == [1, 2, 3, 4, 5, 6, 7]
    assert pieces(sifted.written) == {(3, 3, 1)}
    assert pieces(sifted.accepted) == {(3, 3)}


def test_rows_are_numbered_through_all_parts(tmp_path: Path) -> None:
    """Wherever a row group or a part ends, the next row has the next number."""
    pl.DataFrame({"text": ["x"] * 10}).write_parquet(tmp_path / "made", row_group_size=3)
    parts = list(Parquet().read(tmp_path / "made", name="made", columns=NAMES, most=4))
    assert [part.rows[LINE].to_list() for part in parts] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def pieces(frame: pl.DataFrame) -> set[tuple[int, ...]]:
    """The lengths of the pieces that the columns are in; a constant is in none."""
    return {tuple(values.chunk_lengths()) for values in frame.drop(BATCH)}
