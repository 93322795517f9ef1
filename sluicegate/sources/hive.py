"""Values that stand in the folders of a file, the way Hive names them: ``year=2025/country=DE``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

import polars as pl

from sluicegate.contracts.texts import as_text
from sluicegate.errors import BatchRefused
from sluicegate.sources.records import LINE, Records

_ABSENT = "__HIVE_DEFAULT_PARTITION__"
"""What Hive, Spark and DuckDB write for a value that is absent."""

Values = Mapping[str, str | None]


def values_of(folders: Sequence[str], keys: Sequence[str]) -> Values:
    """The values that folders name; None for one that is absent.

    Raises:
        ValueError: one of them is not there, is there twice, or cannot be decoded.
    """
    found: dict[str, str | None] = {}
    for folder in folders:
        key, equals, value = folder.partition("=")
        key = _decoded(key)
        if not equals or key not in keys:
            continue
        if key in found:
            raise ValueError(f"its path names {key!r} twice")
        if "\\" in value or not value:
            raise ValueError(f"its path has no value for {key!r} that can be read")
        found[key] = None if value == _ABSENT else _decoded(value)
    if missing := [key for key in keys if key not in found]:
        raise ValueError(f"its path does not say {', '.join(missing)}")
    return {key: found[key] for key in keys}


def identity(content: str, values: Values) -> str:
    """Identity of a batch: equal bytes under other values are other records."""
    told = json.dumps([*values.items()]).encode()
    return f"{content}-{hashlib.sha256(told).hexdigest()[:8]}"


def with_values(records: Records, values: Values, name: str) -> Records:
    """The same records, each with the values of its folders.

    Args:
        name: of the batch, for messages.

    Raises:
        BatchRefused: a column of the file itself says otherwise.
    """
    for key, value in values.items():
        if key in records.header and not _agrees(records.rows, key, value):
            raise BatchRefused(
                f"The file has a column {key!r} of its own, which does not say what its path says.",
                where=name,
                hint=f"have the provider land it in the right folder, or take {key!r} out of hive="
                " if the file itself is right",
            )
    told = (pl.lit(value, dtype=pl.String).alias(key) for key, value in values.items())
    rows = records.rows.with_columns(told)
    header = tuple(dict.fromkeys([*records.header, *values]))
    return replace(records, header=header, rows=rows[[*_known(rows, header), LINE]])


def _known(rows: pl.DataFrame, header: tuple[str, ...]) -> list[str]:
    # What no contract reads may have been left out.
    return [name for name in header if name in rows.columns and name != LINE]


def _agrees(rows: pl.DataFrame, key: str, value: str | None) -> bool:
    if key not in rows.columns:
        return True
    texts = rows.select(as_text(key, rows.schema[key])).to_series()
    return bool(texts.eq_missing(pl.Series([value], dtype=pl.String)).all())


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"{text!r} in its path is no text") from error
