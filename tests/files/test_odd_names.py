"""Columns whose names stand for several elsewhere: here they are names like any other."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from sluicegate.contracts import Contract, field, key
from sluicegate.ingestion import create, ingest, raw_table
from sluicegate.lake import Session
from sluicegate.scaffold.sample import sample_of
from sluicegate.sources import Delimited, Files, Format, Load, Ndjson, Parquet
from sluicegate.sources.ndjson import read_ndjson
from tests.unit.kit import batch, fresh_name

NAMES = ("*", "^.*$", "b")
CELLS = [("1", "x", "y"), ("2", "", "z")]


class Odd(Contract):
    """What such a file is taken in by."""

    star: str = key(reads="*")
    pattern: str = field(reads="^.*$", nullable=True)
    b: str = field()


def content(suffix: str, folder: Path) -> bytes:
    """The same file in one format or another."""
    if suffix == "csv":
        return "".join(",".join(row) + "\n" for row in (NAMES, *CELLS)).encode()
    if suffix == "ndjson":
        records = [dict(zip(NAMES, row, strict=True)) for row in CELLS]
        return "".join(json.dumps(record) + "\n" for record in records).encode()
    made = folder / "made"
    pl.DataFrame(CELLS, list(NAMES), orient="row").write_parquet(made)
    return made.read_bytes()


@pytest.mark.parametrize(
    "form", [Delimited(), Ndjson(), Parquet()], ids=["csv", "ndjson", "parquet"]
)
def test_they_are_taken_in_and_sampled(
    tmp_path: Path, session: Session, form: Format, request: pytest.FixtureRequest
) -> None:
    """By the names that a contract reads, and as proposals for one."""
    suffix = request.node.callspec.id
    landed = batch(tmp_path, content(suffix, tmp_path), name=f"odd.{suffix}")
    declared = Files(
        fresh_name("odd"),
        contract=Odd,
        match=f"*.{suffix}",
        format=form,
        load=Load.APPEND,
        tolerate="0 %",
        owner="us",
    )
    create(declared, session)
    (receipt,) = ingest(declared, [landed], session, declared.name).receipts
    assert (receipt.rows_in, receipt.published) == (2, 2)
    sql = f"SELECT star, pattern, b FROM {raw_table(declared).sql} ORDER BY star"
    assert session.rows(sql) == [("1", "x", "y"), ("2", None, "z")]
    sample = sample_of(landed.content, landed.name)
    assert sample.rows.columns == [*NAMES, "_line"]


def test_records_that_lack_them(tmp_path: Path) -> None:
    """What a later part says as well, or does not, makes no difference."""
    lines = ['{"*":"1"}', '{"^.*$":"\\t","b":2}', '{"*":null,"c":[1]}']
    parts = [*read_ndjson("\n".join(lines).encode(), size=1)]
    assert [part.rows.rows(named=True) for part in parts] == [
        [{"*": "1", "_line": 1}],
        [{"*": None, "^.*$": "\t", "b": "2", "_line": 2}],
        [{"*": None, "^.*$": None, "b": None, "c": "[1]", "_line": 3}],
    ]
