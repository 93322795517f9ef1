"""Patterns: what they mean, and those that every text matches."""

from __future__ import annotations

import polars as pl

from sluicegate.errors import ContractError

_ANYTHING = (
    *("", " ", "a", "Z", "7", "-1", "0.5", "ä", "\u0661", "\U0001f600", "\t", "'", '"', "\\"),
    *("two words", "a,b;c|d", "^$.*", "DE89370400440532013000", "ann@example.org", "x" * 999),
)
"""Lines that have nothing in common."""


def whole(pattern: str) -> str:
    """The pattern of a text that matches another one from its beginning to its end.

    Raises:
        ContractError: it is no pattern, or one that says nothing.
    """
    anchored = f"^(?:{pattern})$"
    try:
        # By itself first: ")|(" is no pattern, and what is put around it would make it one.
        pl.Series([""]).str.contains(pattern)
        taken = pl.Series(_ANYTHING).str.contains(anchored)
    except pl.exceptions.ComputeError as error:
        raise ContractError(
            f"The pattern {pattern!r} is not a regular expression: {str(error).splitlines()[0]}",
            hint="the syntax is that of Rust's regex crate: no look-around, no back-references",
        ) from error
    if taken.all():
        raise ContractError(
            f"The pattern {pattern!r} matches every text: it cannot fail.",
            hint="leave matches= out, or say what a text looks like; a text that must be there "
            "is what columns have by default",
        )
    if pattern.startswith("|") or (pattern.endswith("|") and not pattern.endswith("\\|")):
        raise ContractError(
            f"The pattern {pattern!r} has an alternative without a text.",
            hint="remove the bar; nullable=True is for what may be absent",
        )
    if not pattern:
        raise ContractError("The pattern '' is none.", hint="leave matches= out")
    return anchored
