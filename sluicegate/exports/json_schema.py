"""JSON Schema (2020-12) of one row.

Of a source, the row is the record that it sends: under the names, and nested, as it sends it. Of
what dbt builds, it is a row of the table. In both, numbers are JSON numbers, days and moments are
texts of RFC 3339, and what is absent is null or left out. A batch of delimited text, whose values
are all texts, has to be typed first.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sluicegate.exports import patterns
from sluicegate.exports.dataset import Dataset, is_number, is_whole, scale_of
from sluicegate.exports.words import BOUNDS, rules_of
from sluicegate.sources import LINE
from sluicegate.versions.rules import PER_RECORD, WARN, ColumnRules

DIALECT = "https://json-schema.org/draft/2020-12/schema"

UNTOLD = "x-rules-in-words"
"""The keyword for rules that JSON Schema cannot tell, or that only warn: no validator reads it."""

_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MOMENT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def schema_of(dataset: Dataset) -> dict[str, Any]:
    """The schema of a row, and the rules it does not hold in words."""
    root: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    told: set[str] = set()
    for column in dataset.rules.columns:
        if column.reads == LINE:
            # It is counted when the batch is read.
            continue
        _place(root, _path(column, dataset), _property(column, dataset, told), column)
        if not column.nullable:
            told.add(f"{column.name}:not_null")
    untold = {each.rule: each.words for each in rules_of(dataset) if each.rule not in told}
    head = {"$schema": DIALECT, "title": dataset.table}
    if dataset.about:
        head["description"] = dataset.about
    return {**head, **_without_empty(root), **({UNTOLD: untold} if untold else {})}


def text_of(dataset: Dataset, made: str) -> str:
    """What a dataset's file holds.

    Args:
        made: who wrote it, and what to do instead of changing it.
    """
    schema = schema_of(dataset)
    written = {"$schema": schema.pop("$schema"), "$comment": made, **schema}
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def exact(text: str) -> int | float | None:
    """A bound or a listed number as JSON has it; None if that would be another number."""
    value = Decimal(text)
    if not value.is_finite():
        return None
    if value == value.to_integral_value():
        return int(value)
    near = float(value)
    return near if Decimal(repr(near)) == value else None


def _path(column: ColumnRules, dataset: Dataset) -> list[str]:
    """Where the value stands in a row."""
    source = dataset.rules.source
    if source is None:
        return [column.name]
    nests = source.header == PER_RECORD or source.format.startswith("Parquet")
    return column.reads.split(".") if nests else [column.reads]


def _place(
    root: dict[str, Any], path: list[str], found: dict[str, Any], column: ColumnRules
) -> None:
    *outer, name = path
    at = root
    for member in outer:
        inner = at["properties"].setdefault(
            member, {"type": ["object", "null"], "properties": {}, "required": []}
        )
        if not column.nullable:
            # What holds a value that may not be absent may not be absent itself.
            inner["type"] = "object"
            _require(at, member)
        at = inner
    at["properties"][name] = found
    if not column.nullable:
        _require(at, name)


def _require(node: dict[str, Any], name: str) -> None:
    if name not in node["required"]:
        node["required"].append(name)


def _without_empty(node: dict[str, Any]) -> dict[str, Any]:
    inner = {name: _without_empty(each) for name, each in node.get("properties", {}).items()}
    found = {**node, **({"properties": inner} if inner else {})}
    if not found.get("required", True):
        del found["required"]
    return found


def _property(column: ColumnRules, dataset: Dataset, told: set[str]) -> dict[str, Any]:
    """The schema of one value."""
    if column.severity == WARN:
        # A value that breaks these is published: a schema would refuse it.
        column = replace(column, gt=None, ge=None, lt=None, le=None, isin=None, matches=None)
    found: dict[str, Any] = {"type": _type(column.type)}
    if about := _about(column, dataset):
        found["description"] = about
    if column.type == "Date":
        found |= {"format": "date", "pattern": _DAY}
    elif column.type == "UtcTimestamp":
        found |= {"format": "date-time", "pattern": _MOMENT}
    elif column.type == "str":
        found |= _text(column, dataset, told)
    elif is_number(column.type):
        found |= _number(column, told)
    if column.isin is not None and (listed := _listed(column)) is not None:
        found["enum"] = listed
        told.add(f"{column.name}:isin")
    if "pattern" in found and "[^" not in found["pattern"]:
        # Where ``$`` may stand before a last line break, as in Python; none of these has one.
        found["not"] = {"type": "string", "pattern": r"\n"}
    return _nullable(found, column, dataset)


def _type(kind: str) -> str:
    if is_whole(kind):
        return "integer"
    if is_number(kind):
        return "number"
    return "boolean" if kind == "Boolean" else "string"


def _about(column: ColumnRules, dataset: Dataset) -> str:
    scale = scale_of(column.type)
    digits = "" if scale is None else f"At most {scale} decimals."
    since = "" if column.since is None else f"Sent since {column.since}."
    personal = "" if column.pii == "none" else f"Personal data ({column.pii})."
    described = dataset.columns.get(column.name, "")
    return " ".join(filter(None, (" ".join(described.split()), digits, since, personal)))


def _number(column: ColumnRules, told: set[str]) -> dict[str, Any]:
    found = {}
    for bound, keyword in _BOUNDS.items():
        text = getattr(column, bound)
        value = None if text is None else exact(text)
        if value is not None:
            found[keyword] = value
            told.add(f"{column.name}:{BOUNDS[bound][0]}")
    return found


def _text(column: ColumnRules, dataset: Dataset, told: set[str]) -> dict[str, Any]:
    # An empty text of a source is an absent value.
    filled = dataset.rules.source is not None and not column.nullable
    found: dict[str, Any] = {"minLength": 1} if filled else {}
    if column.matches is not None and patterns.portable(column.matches):
        told.add(f"{column.name}:matches")
        found["pattern"] = patterns.whole(column.matches)
    elif column.name in dataset.ibans and column.severity != WARN:
        # The rule stays untold: a text that looks like one may have wrong check digits.
        found["pattern"] = patterns.whole(patterns.IBAN)
    return found


def _listed(column: ColumnRules) -> list[Any] | None:
    if column.type in ("str", "Date"):
        return list(column.isin or ())
    if not is_number(column.type):
        return None
    values = [exact(text) for text in column.isin or ()]
    return None if None in values else sorted(values)


def _nullable(found: dict[str, Any], column: ColumnRules, dataset: Dataset) -> dict[str, Any]:
    """The same for a column that may be absent; in a source, an empty text is absent, too."""
    if not column.nullable:
        return found
    empty = [""] if dataset.rules.source is not None and column.type == "str" else []
    found["type"] = [found["type"], "null"]
    if "enum" in found:
        found["enum"] = [*found["enum"], *empty, None]
    if "pattern" in found and empty:
        found["pattern"] = f"^$|{found['pattern']}"
    return found
