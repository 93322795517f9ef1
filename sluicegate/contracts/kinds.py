"""What is in a pandera schema: checks of its own or somebody's, and the types of its columns."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.function_dispatch import Dispatcher


@dataclass(frozen=True, slots=True)
class Bound:
    """One of pandera's checks that compare with a constant.

    Attributes:
        kind: what contracts call it.
        argument: of pandera's check, that holds the constant.
        sign: of SQL.
        compare: a value with the constant.
    """

    kind: str
    argument: str
    sign: str
    compare: Callable[[Any, Any], Any]


BOUNDS: Mapping[str, Bound] = {
    "greater_than": Bound("gt", "min_value", ">", operator.gt),
    "greater_than_or_equal_to": Bound("ge", "min_value", ">=", operator.ge),
    "less_than": Bound("lt", "max_value", "<", operator.lt),
    "less_than_or_equal_to": Bound("le", "max_value", "<=", operator.le),
}
"""By the name of the check, which is that of the rule, too."""


def is_builtin(check: pa.Check) -> bool:
    """Whether a check is one of pandera's own, which its name and arguments tell."""
    return isinstance(check._check_fn, Dispatcher)  # noqa: SLF001 - pandera tells it nowhere else


def is_plain(check: pa.Check) -> bool:
    """Whether a check is applied as checks are by default."""
    return bool(check.ignore_na and not check.element_wise)


def type_of(column: Any) -> pl.DataType:
    """The polars type of a column of a pandera schema."""
    kind = column.dtype.type
    found: pl.DataType = kind() if isinstance(kind, type) else kind
    return found
