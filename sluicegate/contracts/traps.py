"""Checks that pandera would accept and that cannot do their work: refused with the contract."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.config import config_context

from sluicegate.contracts.answers import Holds
from sluicegate.contracts.bounds import JUDGED
from sluicegate.contracts.kinds import is_builtin, type_of
from sluicegate.contracts.ranges import holds
from sluicegate.errors import ContractError

_ROWS = 3
_TRIED: Mapping[type[pl.DataType], tuple[Any, ...]] = {
    pl.String: ("", "a", "7", "DE89370400440532013000", "no such value"),
    pl.Int64: (-1_000_000, -1, 0, 1, 1_000_000),
    pl.Float64: (-1e6, -1.0, 0.0, 1.0, 1e6),
    pl.Decimal: tuple(map(Decimal, (-100_000, -1, 0, 1, 100_000))),
    pl.Date: tuple(date(year, 1, 1) for year in (1900, 1999, 2026, 2027, 2100)),
    pl.Datetime: tuple(datetime(year, 1, 1, tzinfo=UTC) for year in (1900, 1999, 2026, 2027, 2100)),
    pl.Boolean: (True, False, True, True, False),
}
"""Values that differ in size, so that a mean of them is none of all."""

_TAKEN = frozenset(
    {"not_null", "unique", "references", "decimal", "integer", "date", "timestamp", "zone"}
)
"""Names of rules that columns have without being told, or that are judged in a way of their own."""

_SEARCHES = {
    "str_matches": "is content with the beginning of a text",
    "str_contains": "is content with any part of a text",
}
_ANCHORED = re.compile(r"\^(?:[^|]*|\(\?:.*\))\$", re.DOTALL)


def require_checks_that_count(
    schema: pa.DataFrameSchema, where: str, *, doubtful: Collection[str] = ()
) -> None:
    """Refuse what silences a rule, or cannot say which rows break it.

    Every check is tried on a few rows without values: it must answer once a row. One that answers
    for the whole frame could only refuse a batch as a whole, or hide one bad row among good ones.

    Args:
        doubtful: rules over several columns that may look at more than one row.

    Raises:
        ContractError: a check or an option of the contract is one of these.
    """
    empty = _rows(schema, {name: [None] * _ROWS for name in schema.columns})
    for check in schema.checks:
        _require(check, empty, None, where)
    for name, column in schema.columns.items():
        _require_names(name, column.checks, where)
        for check in column.checks:
            _require_plain(check, name, where)
            _require(check, empty.select(name), name, where)
    _require_alone(schema, doubtful, where)


def require_check(check: Any) -> None:
    """Refuse as ``check=`` what is no check.

    Raises:
        ContractError: it is something else.
    """
    if not isinstance(check, pa.Check):
        raise ContractError(
            f"check= is given a {type(check).__name__}, which is no check.",
            hint="write check=pa.Check(lambda data: data.lazyframe.select(...), name='...')",
        )


def _rows(schema: pa.DataFrameSchema, values: Mapping[str, list[Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            pl.Series(name, values[name], dtype=type_of(column))
            for name, column in schema.columns.items()
        ]
    )


def _require_names(column: str, checks: Iterable[pa.Check], where: str) -> None:
    names = Counter(str(check.name) for check in checks)
    for name, times in names.items():
        if times > 1 or name.rpartition(":")[2] in _TAKEN:
            raise ContractError(
                f"{column}:{name} would be the name of two rules.",
                where=where,
                hint="give the check another one: pa.Check(..., name='...')",
            )


def _require_plain(check: pa.Check, column: str, where: str) -> None:
    """Refuse options of a check that pandera does not follow here, or that contradict ours."""
    named = _named(check, column)
    ignored = [
        option
        for option, given in (
            ("groupby=", check.groupby is not None),
            ("n_failure_cases=", check.n_failure_cases is not None),
            ("ignore_na=False", not check.ignore_na),
        )
        if given
    ]
    if ignored:
        raise ContractError(
            f"{named} is given {ignored[0]}, which does not count here.",
            where=where,
            hint="remove it: every row is judged, and nullable= says whether a value may be absent",
        )
    if is_builtin(check) and _is_kept_by_all(check):
        raise ContractError(
            f"{named} cannot be broken: it asks for nothing.",
            where=where,
            hint="give it a value to look for, or remove it",
        )
    pattern = str((check.statistics or {}).get("pattern", ""))
    if is_builtin(check) and str(check.name) in _SEARCHES and not _ANCHORED.fullmatch(pattern):
        raise ContractError(
            f"{named} {_SEARCHES[str(check.name)]}: {pattern!r} is not anchored.",
            where=where,
            hint="write matches=..., which means the whole text; for a part of it: '.*EUR.*'",
        )


def _is_kept_by_all(check: pa.Check) -> bool:
    """Whether a check of pandera's is given what no value can break."""
    given = check.statistics or {}
    match check.name:
        case "notin":
            return not given["forbidden_values"]
        case "str_startswith" | "str_endswith":
            return bool(given["string"] == "")
        case "str_length":
            least, most = given.get("min_value"), given.get("max_value")
            return (least or 0) <= 0 and most is None and given.get("exact_value") is None
    return False


def _require(check: pa.Check, rows: pl.DataFrame, column: str | None, where: str) -> None:
    named = _named(check, column)
    if check.raise_warning:
        raise ContractError(
            f"{named} would only warn.", where=where, hint="remove raise_warning: a rule can fail"
        )
    if is_builtin(check) and str(check.name) in JUDGED:
        return
    answers = _answers(check, rows, column, where).len()
    if answers != rows.height:
        raise ContractError(
            f"{named} answers {answers} times for {rows.height} rows.",
            where=where,
            hint="a rule says of every row whether it is right; compare with a constant, not with "
            "a sum or a maximum of the column",
        )


def _require_alone(schema: pa.DataFrameSchema, doubtful: Collection[str], where: str) -> None:
    """Refuse checks whose answer for a row depends on the rows beside it."""
    rows = _rows(schema, _tried(schema))
    _judges_alone([each for each in schema.checks if each.name in doubtful], rows, None, where)
    for name, column in schema.columns.items():
        own = [each for each in column.checks if not (is_builtin(each) or _is_pattern(each))]
        _judges_alone(own, rows, name, where)


def _is_pattern(check: pa.Check) -> bool:
    """Whether a check is ours of matches=, which says of a text what the text is."""
    return check.name == "matches" and isinstance(check._check_fn, Holds)  # noqa: SLF001


def _tried(schema: pa.DataFrameSchema) -> dict[str, list[Any]]:
    """Values of every column, in different orders; the last row is there twice."""
    found = {}
    for at, (name, column) in enumerate(schema.columns.items()):
        dtype = type_of(column)
        known = _TRIED.get(type(dtype), ())
        values = [value for value in known if holds(dtype, value)] or [None]
        found[name] = [values[place * (1 + at % 4) % len(values)] for place in (*range(5), 4)]
    return found


def _judges_alone(
    checks: Iterable[pa.Check], rows: pl.DataFrame, column: str | None, where: str
) -> None:
    seen = rows if column is None else rows.select(column)
    for check in checks:
        together = _answers(check, seen, column, where)
        alone = [_answers(check, seen.slice(row, 1), column, where) for row in range(seen.height)]
        if pl.concat(alone).to_list() != together.to_list():
            raise ContractError(
                f"{_named(check, column)} judges a row by the rows beside it.",
                where=where,
                hint="a batch may hold any rows: compare with a constant, or test it in dbt",
            )


def _named(check: pa.Check, column: str | None) -> str:
    return f"The check {f'{column}:' if column else ''}{check.name}"


def _answers(check: pa.Check, rows: pl.DataFrame, column: str | None, where: str) -> pl.Series:
    try:
        with config_context(validation_enabled=True):
            answered: pl.DataFrame = check(rows.lazy(), column).check_output.collect()
    except Exception as error:
        raise ContractError(
            f"{_named(check, column)} cannot be applied: {type(error).__name__}.",
            where=where,
            hint="it must take every value of its column's type, such as cast(..., strict=False)",
        ) from error
    return answered.to_series()
