"""What is in a pandera schema: checks of its own or somebody's, and the types of its columns."""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.function_dispatch import Dispatcher


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
