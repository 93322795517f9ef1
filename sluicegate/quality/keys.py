"""What audits of tables share: whether what they ask of is there, and how rows are told."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from sluicegate.contracts import PII, Contract
from sluicegate.lake import Session, Table

SHOWN = 5
"""Rows of a rule that are shown."""


def shown_keys(contract: type[Contract], rows: Iterable[tuple[Any, ...]]) -> tuple[str, ...]:
    """How to find some rows again: their keys, masked where a key is personal."""
    personal = {column.name for column in contract.columns() if column.pii is not PII.NONE}
    return tuple(
        ", ".join(
            f"{name}={'***' if name in personal else value}"
            for name, value in zip(contract.key(), row, strict=True)
        )
        for row in islice(rows, SHOWN)
    )


def lacking(session: Session, *wanted: tuple[Table, Iterable[str]]) -> str:
    """What is not there of some tables and their columns, for people; empty if all of it is."""
    for table, columns in wanted:
        if not session.exists(table):
            return f"{table} is not in the branch"
        there = session.types(table)
        if missing := [name for name in columns if name not in there]:
            return f"{table} does not have the column {missing[0]!r}"
    return ""
