"""Open Data Contract Standard, version 3.1: one document a dataset.

What the standard has a word for is told with it. A rule that it has none for is told as SQL where
SQL means the same as the contract, and as text otherwise: no rule is missing. What only warns is
quality of severity ``warning``, and never an option of a type, which has no severity.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from sluicegate.contracts.dimension import Dimension
from sluicegate.exports import patterns
from sluicegate.exports.dataset import Dataset, duckdb_type, is_number, is_whole
from sluicegate.exports.json_schema import exact
from sluicegate.exports.words import BOUNDS, Told, rules_of
from sluicegate.exports.yaml_text import dump
from sluicegate.versions.rules import WARN, ColumnRules, Intake

API_VERSION = "v3.1.0"

DATABASE = "data/contracts.duckdb"
"""Where the documents look for the tables: ``sluicegate lake export --contracts`` writes it."""

_LOGICAL = {"str": "string", "Date": "date", "UtcTimestamp": "timestamp", "Boolean": "boolean"}
_OPTIONS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_DIMENSIONS = {Dimension.VALIDITY: "conformity"}
"""What the standard calls otherwise than we do; it knows all six."""
_EVERY = re.compile(r"every (\d+) (day|hour)s")
_DAILY = re.compile(r"daily by (\d\d:\d\d) (\S+)")
_PLACEHOLDER = re.compile(r"\$\{|\{[A-Za-z_]")
"""What tools put names in place of."""


def text_of(dataset: Dataset, made: str) -> str:
    """What a dataset's file holds.

    Args:
        made: who wrote it, and what to do instead of changing it.
    """
    return f"# {made}\n{dump(document_of(dataset))}"


def document_of(dataset: Dataset) -> dict[str, Any]:
    """The document of a dataset."""
    source = dataset.rules.source
    found: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": dataset.table,
        "name": dataset.table,
        "version": _version(dataset),
        "status": "active",
    }
    if dataset.about:
        found["description"] = {"purpose": dataset.about}
    if source is not None:
        found["team"] = {"name": source.owner}
    found["servers"] = [
        {"server": "lake", "type": "duckdb", "database": DATABASE, "schema": dataset.schema}
    ]
    found["schema"] = [_object(dataset)]
    if source is not None:
        found["slaProperties"] = _service(source)
        found["customProperties"] = _terms(source)
    return found


def _version(dataset: Dataset) -> str:
    """A digest of all that is promised: another promise is another version."""
    rules = json.dumps(dataset.rules.to_dict(), sort_keys=True)
    return hashlib.sha256(rules.encode()).hexdigest()[:12]


def _object(dataset: Dataset) -> dict[str, Any]:
    told: set[str] = set()
    properties = [_property(column, dataset, told) for column in dataset.rules.columns]
    if dataset.unique:
        told.add(f"{'+'.join(dataset.rules.key)}:unique")
    left = [each for each in rules_of(dataset) if each.rule not in told and each.column is None]
    quality = [_quality(each, dataset) for each in left]
    if not dataset.may_be_empty:
        some = {"type": "library", "metric": "rowCount", "mustBeGreaterThan": 0}
        quality.insert(0, {"name": "not_empty", "dimension": "completeness", **some})
    found: dict[str, Any] = {"name": dataset.name, "physicalName": dataset.name}
    if dataset.about:
        found["description"] = dataset.about
    found["logicalType"] = "object"
    found["properties"] = properties
    if quality:
        found["quality"] = quality
    return found


def _property(column: ColumnRules, dataset: Dataset, told: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name}
    if column.key and dataset.unique:
        found |= {
            "primaryKey": True,
            "primaryKeyPosition": dataset.rules.key.index(column.name) + 1,
        }
    if column.name in dataset.columns:
        found["description"] = dataset.columns[column.name]
    found |= {"logicalType": _logical(column.type), "physicalType": duckdb_type(column.type)}
    found["required"] = not column.nullable
    told.add(f"{column.name}:not_null")
    if options := dict(_options(column, dataset, told)):
        found["logicalTypeOptions"] = options
    if column.pii != "none":
        found["classification"] = f"pii_{column.pii}"
    if quality := list(_qualities(column, dataset, told)):
        found["quality"] = quality
    more = {"reads": column.reads if column.reads != column.name else None, "since": column.since}
    more |= {"mask": column.mask, "domain": column.domain}
    if custom := _custom(more):
        found["customProperties"] = custom
    return found


def _logical(kind: str) -> str:
    if kind in _LOGICAL:
        return _LOGICAL[kind]
    if is_whole(kind):
        return "integer"
    return "number" if is_number(kind) else "string"


def _options(
    column: ColumnRules, dataset: Dataset, told: set[str]
) -> Iterator[tuple[str, int | float | str]]:
    """What the standard says of a value by itself: bounds, and a pattern."""
    if column.severity == WARN:
        return
    for bound, option in _OPTIONS.items():
        text = getattr(column, bound)
        value = exact(text) if text is not None and is_number(column.type) else None
        if value is not None:
            told.add(f"{column.name}:{BOUNDS[bound][0]}")
            yield option, value
    if column.type != "str":
        return
    if column.matches is not None and patterns.portable(column.matches):
        told.add(f"{column.name}:matches")
        yield "pattern", patterns.whole(column.matches)
    elif column.name in dataset.ibans:
        # The rule itself is told as text: a pattern knows nothing of check digits.
        yield "pattern", patterns.whole(patterns.IBAN)


def _qualities(column: ColumnRules, dataset: Dataset, told: set[str]) -> Iterator[dict[str, Any]]:
    rules = [each for each in rules_of(dataset) if each.column == column.name]
    if column.isin is not None and column.type == "str":
        (listed,) = (each for each in rules if each.check == "isin")
        told.add(listed.rule)
        yield {
            "name": listed.rule,
            **_weight(listed),
            "type": "library",
            "metric": "invalidValues",
            "arguments": {"validValues": list(column.isin)},
            "mustBe": 0,
        }
    yield from (_quality(each, dataset) for each in rules if each.rule not in told)


def _weight(rule: Told) -> dict[str, str]:
    """What a rule is about, and that it only warns; a rule without a severity rejects."""
    dimension = _DIMENSIONS.get(rule.dimension, rule.dimension.value)
    return {"dimension": dimension, **({"severity": "warning"} if rule.warns else {})}


def _quality(rule: Told, dataset: Dataset) -> dict[str, Any]:
    """A rule that the standard has no word for."""
    found = {"name": rule.rule, "description": rule.words, **_weight(rule)}
    broken = dataset.sql.get(rule.rule)
    if broken is None or _PLACEHOLDER.search(broken):
        return {**found, "type": "text"}
    counted = "SELECT count(*) FROM ${table} WHERE "
    return {**found, "type": "sql", "query": counted + broken, "mustBe": 0}


def _service(source: Intake) -> list[dict[str, Any]]:
    """What is promised of deliveries; no tool measures it at a column of the table."""
    share, _, _ = source.tolerate.partition(" ")
    words = "Share of rejected rows above which a whole batch is refused."
    found = [{"property": "errorRate", "value": exact(share), "unit": "percent"}]
    found[0]["description"] = words
    if source.fresh is None:
        return found
    if every := _EVERY.fullmatch(source.fresh):
        fresh = {"property": "freshness", "value": int(every[1]), "unit": every[2][0]}
        return [{**fresh, "description": f"Something new {source.fresh}."}, *found]
    if daily := _DAILY.fullmatch(source.fresh):
        words = f"Something new {source.fresh}."
        return [
            {"property": "frequency", "value": 1, "unit": "d", "description": words},
            {"property": "timeOfAvailability", "value": daily[1], "description": words},
            *found,
        ]
    return [{"property": "freshness", "value": source.fresh}, *found]


def _terms(source: Intake) -> list[dict[str, Any]]:
    return _custom(
        {
            "source": source.kind,
            "origin": ", ".join(f"{name}={text}" for name, text in source.origin.items()),
            "format": source.format,
            "load": source.load,
            "mayShrink": source.may_shrink,
        }
    )


def _custom(values: dict[str, str | None]) -> list[dict[str, Any]]:
    return [{"property": name, "value": text} for name, text in values.items() if text]
