"""A proposal as a staging model of dbt, with its columns in YAML beside it."""

from __future__ import annotations

from sluicegate.scaffold.columns import Proposed
from sluicegate.scaffold.conversions import conversion_of
from sluicegate.scaffold.proposal import LINE_KEY, Proposal

TYPES = {
    "str": "varchar",
    "int": "bigint",
    "Money": "decimal(18, 2)",
    "Rate": "decimal(18, 6)",
    "Date": "date",
    "UtcTimestamp": "timestamp with time zone",
}
"""Types of contracts, as dbt calls them."""

_RESERVED = frozenset(
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asymmetric",
        "both",
        "case",
        "cast",
        "check",
        "collate",
        "column",
        "constraint",
        "create",
        "default",
        "deferrable",
        "desc",
        "describe",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "false",
        "fetch",
        "for",
        "foreign",
        "from",
        "grant",
        "group",
        "having",
        "in",
        "initially",
        "intersect",
        "into",
        "lambda",
        "lateral",
        "leading",
        "limit",
        "not",
        "null",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "pivot",
        "placing",
        "primary",
        "qualify",
        "references",
        "returning",
        "select",
        "show",
        "some",
        "summarize",
        "symmetric",
        "table",
        "then",
        "to",
        "trailing",
        "true",
        "union",
        "unique",
        "unpivot",
        "using",
        "variadic",
        "when",
        "where",
        "window",
        "with",
    ]
)
"""Words that SQL takes for its own (DuckDB's reserved keywords)."""


def model_of(proposal: Proposal) -> str:
    """The query."""
    key = [] if proposal.key else [LINE_KEY]
    before = {each.name: _converted(each) for each in proposal.columns}
    names = [*key, *before, "_batch", "_line"]
    listed = ",\n".join(f"{before.get(name, '')}    {_quoted(name)}" for name in names)
    about = (
        "-- A conversion that stands as a comment may replace the line below it; what it cannot"
        f" read\n-- becomes NULL. The column's data_type in _stg_{proposal.name}.yml changes with"
        " it.\n"
        if any(before.values())
        else ""
    )
    return f"{about}select\n{listed}\nfrom {{{{ source('raw', '{proposal.name}') }}}}\n"


def _converted(column: Proposed) -> str:
    """A comment that converts what the contract leaves as a text, if it is a day or an amount."""
    if column.kind != "str":
        return ""
    name = _quoted(column.name)
    found = conversion_of(name, column.profile.filled)
    if found is None:
        return ""
    unsure = f"    -- nothing tells: {found.unsure}\n" if found.unsure else ""
    return f"{unsure}    -- {found.sql} as {name},\n"


def columns_of(proposal: Proposal) -> str:
    """The YAML that tells dbt its columns: it compares them with the query before it builds."""
    key = [] if proposal.key else [_entry(LINE_KEY, "bigint", "Place of the record in its file.")]
    lines = [
        "models:",
        f"  - name: stg_{proposal.name}",
        "    description: The records as they were sent, typed.",
        "    columns:",
        *key,
        *(_entry(each.name, TYPES[each.kind], _said(each)) for each in proposal.columns),
        _entry("_batch", "varchar", "The batch that brought the row."),
        _entry("_line", "bigint", "Position of the row in its batch."),
    ]
    return "\n".join(lines) + "\n"


def _entry(name: str, kind: str, said: str | None) -> str:
    quote = "\n        quote: true" if name in _RESERVED else ""
    # A name such as "yes" or "null" is another value to YAML.
    entry = f'      - name: "{name}"{quote}\n        data_type: {kind}'
    return entry if said is None else f"{entry}\n        description: {said}"


def _said(column: Proposed) -> str | None:
    return None if column.personal is None else "Personal data."


def _quoted(name: str) -> str:
    return f'"{name}"' if name in _RESERVED else name
