"""Patterns: texts that all have the same shape, such as ``T000017``."""

from __future__ import annotations

import re
from itertools import groupby

import polars as pl

_LONGEST = 40
_SIGNS = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]"}
_SHAPE = re.compile(r"[9Aa ./_:-]*9[9Aa ./_:-]*|A{2,3}")
_HEX = "[0-9a-f]"
UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"


def pattern_of(texts: pl.Series, share: float) -> str | None:
    """The pattern that at least a share of some texts match; None if they have no shape.

    A letter that is the same in all of them stands for itself.
    """
    if texts.is_empty():
        return None
    if float(texts.str.contains(f"^{UUID}$").mean() or 0) >= share:  # type: ignore[arg-type]
        return UUID
    shapes = (
        texts.str.replace_all("[0-9]", "9")
        .str.replace_all("[A-Z]", "A")
        .str.replace_all("[a-z]", "a")
    )
    counted = shapes.alias("shape").value_counts(sort=True)
    shape, count = counted.row(0)
    if count < share * len(texts) or len(shape) > _LONGEST or not _SHAPE.fullmatch(shape):
        return None
    values = texts.filter(shapes == shape).unique()
    return "".join(_pieces(shape, values))


def _pieces(shape: str, values: pl.Series) -> list[str]:
    signs = []
    for at, sign in enumerate(shape):
        there = values.str.slice(at, 1)
        alone = there.n_unique() == 1 and len(values) > 1
        if sign in _SIGNS and not (alone and sign in "Aa"):
            signs.append(_SIGNS[sign])
        else:
            signs.append(r"\." if there[0] == "." else str(there[0]))
    runs = [(sign, len(list(run))) for sign, run in groupby(signs)]
    return [f"{sign}{{{times}}}" if times > 1 else sign for sign, times in runs]
