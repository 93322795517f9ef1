"""What a query reads, as DuckDB's own parser tells it, without running it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sluicegate.lake.connection import ALIAS
from sluicegate.lake.names import full_name
from sluicegate.lake.session import Session

_PURE = frozenset({"range", "generate_series", "unnest"})
"""Table functions whose rows are made of their arguments alone."""


def tables_read(session: Session, sql: str) -> frozenset[str] | None:
    """Tables and views of the lake that a query names, as ``schema.name``.

    Views are not looked into. None if the query may read more than that: a file, another database,
    a table without its schema, what a function brings; or if it is not one that can be parsed.
    """
    told = session.scalar("SELECT json_serialize_sql(?::VARCHAR)", [sql])
    parsed = json.loads(told)
    if parsed.get("error") or len(parsed["statements"]) != 1:
        return None
    parts = list(_parts(parsed))
    local = {entry["key"] for part in parts for entry in part.get("cte_map", {}).get("map", ())}
    found: set[str] = set()
    for part in parts:
        if part.get("type") == "TABLE_FUNCTION" and part["function"]["function_name"] not in _PURE:
            return None
        if part.get("type") != "BASE_TABLE":
            continue
        catalog, schema, name = part["catalog_name"], part["schema_name"], part["table_name"]
        if not catalog and not schema and name in local:
            continue
        if catalog != ALIAS or not schema:
            return None
        found.add(full_name(schema, name))
    return frozenset(found)


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of the syntax tree; a deep one must not exhaust the stack."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
