"""What kind of check one is: pandera's own or somebody's, applied as usual or not."""

from __future__ import annotations

import pandera.polars as pa
from pandera.api.function_dispatch import Dispatcher


def is_builtin(check: pa.Check) -> bool:
    """Whether a check is one of pandera's own, which its name and arguments tell."""
    return isinstance(check._check_fn, Dispatcher)  # noqa: SLF001 - pandera tells it nowhere else


def is_plain(check: pa.Check) -> bool:
    """Whether a check is applied as checks are by default."""
    return bool(check.ignore_na and not check.element_wise)
