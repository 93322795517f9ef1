"""How rows that break a rule are told: by their keys, masked where these are personal."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from sluicegate.contracts import PII, Contract

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
