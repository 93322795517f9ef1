"""Values of DuckDB as JSON can tell them, without losing anything on the way."""

from __future__ import annotations

import math
from collections.abc import Iterable

_QUOTED = b"\\'\""


def plain(value: object) -> object:
    """A value, and all that is in it: numbers that JSON does not have, and bytes, as texts."""
    match value:
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case bytes():
            return blob(value)
        case dict():
            # A MAP may have keys of any type, JSON has texts.
            return {_key(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    return value


def blob(value: bytes) -> str:
    r"""Bytes as DuckDB writes them, and reads them again: what is no plain letter is ``\xNN``."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in _QUOTED else f"\\x{byte:02X}"
        for byte in value
    )


def distinct(names: Iterable[str]) -> list[str]:
    """Names of columns, each once: a second ``a`` is ``a_1``, as in a subquery of DuckDB."""
    found: dict[str, None] = {}
    for name in names:
        new, number = name, 0
        while new in found:
            number += 1
            new = f"{name}_{number}"
        found[new] = None
    return list(found)


def _key(key: object) -> str | int:
    key = plain(key)
    return key if isinstance(key, str | int) else str(key)
