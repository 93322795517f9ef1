"""A small dataset, and hands to make sources, batches and releases of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from sluicegate.contracts import Contract, Money, UtcTimestamp, field, key, rule
from sluicegate.lake import Lake, Move, Session, Table
from sluicegate.settings import Lake as LakeSettings
from sluicegate.settings import Landing, Settings
from sluicegate.sources import Batch, Files, Known, Load, Records
from sluicegate.sources.delimited import read_delimited as delimited_parts

NUMBERS = Table("raw", "numbers")
_count = count(1)


class Orders(Contract):
    """One row an order."""

    order_id: str = key()
    booked_at: UtcTimestamp = field(nullable=True)
    amount: Money = field(gt=0)
    paid: Money = field(nullable=True)

    @rule
    def not_overpaid(self) -> pl.Expr:
        """Nobody pays more than the amount."""
        return pl.col("paid") <= pl.col("amount")


HEADER = "order_id,booked_at,amount,paid"


def fresh_name(stem: str = "orders") -> str:
    """A name that no table of a shared session has."""
    return f"{stem}_{next(_count)}"


def source(name: str | None = None, **options: Any) -> Files:
    """A source of orders; anything about it can be chosen."""
    chosen = {
        "contract": Orders,
        "match": "orders/*.csv*",
        "load": Load.APPEND,
        "tolerate": "100 %",
        "owner": "sales",
        **options,
    }
    if chosen["load"] is Load.REPLACE:
        chosen.setdefault("may_shrink", "100 %")
    return Files(name or fresh_name(), **chosen)


def batch(folder: Path, content: str | bytes, name: str = "orders.csv") -> Batch:
    """A batch with this content."""
    raw = content if isinstance(content, bytes) else content.encode()
    file = folder / f"{uuid4().hex}.raw"
    file.write_bytes(raw)
    return Batch(hashlib.sha256(raw).hexdigest()[:16], name, file, len(raw))


def orders(folder: Path, *lines: str, name: str = "orders.csv") -> Batch:
    """A batch of orders with these lines."""
    return batch(folder, "\n".join([HEADER, *lines]) + "\n", name)


def known(batch: Batch, cursor: str | None = None) -> Known:
    """What the manifest knows of a batch that was just taken in."""
    return Known(batch.id, batch.name, batch.size, batch.modified_ns, cursor, datetime.now(UTC))


def settings_of(folder: Path, **options: Any) -> Settings:
    """Settings of an environment below a folder."""
    landing = Landing(root=folder / "landing", settle_seconds=options.pop("settle_seconds", 0.0))
    lake = LakeSettings(root=folder / "lake")
    return Settings(env="dev", project=folder, lake=lake, landing=landing, **options)


def write(session: Session, *numbers: int, table: Table = NUMBERS) -> None:
    """Append numbers to a table."""
    session.create(table, {"n": "BIGINT"})
    session.insert(table, pl.DataFrame({"n": numbers}, schema={"n": pl.Int64}))


def publish(lake: Lake, *numbers: int, ref: str = "dev", run: str | None = None) -> Move:
    """Publish a release that adds numbers."""
    run = run or f"run-{next(_count)}"
    with lake.branch(ref, run) as branch:
        with branch.session() as session:
            write(session, *numbers)
        return lake.publish(branch, run=run)


def numbers(lake: Lake, name: str = "dev", table: Table = NUMBERS) -> list[int]:
    """What readers of a ref or generation see."""
    with lake.read(name) as session:
        return numbers_in(session, table)


def numbers_in(session: Session, table: Table = NUMBERS) -> list[int]:
    """What a session sees."""
    return [n for (n,) in session.rows(f"SELECT n FROM {table.sql} ORDER BY n")]


def read_delimited(content: Path | bytes, **options: Any) -> Records:
    """The records of a whole delimited text."""
    return together(delimited_parts(content, **options))


def together(parts: Iterable[Records]) -> Records:
    """Parts of a batch as one; the last of them has all columns."""
    read = [*parts]
    return Records(
        read[-1].header,
        pl.concat([part.rows for part in read], how="diagonal")[[*read[-1].header, "_line"]],
        pl.concat([part.rejects for part in read]),
        read[-1].named,
    )
