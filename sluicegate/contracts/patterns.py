"""Patterns: what they mean, and those that every text matches, or none."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from itertools import product

# Not public, and as stable as the syntax of patterns: what tells their parts apart.
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import polars as pl

from sluicegate.errors import ContractError

_ANYTHING = (
    *("", " ", "a", "Z", "7", "-1", "0.5", "ä", "\u0661", "\U0001f600", "\t", "'", '"', "\\"),
    *("two words", "a,b;c|d", "^$.*", "DE89370400440532013000", "ann@example.org", "x" * 999),
)
"""Lines that have nothing in common."""

_LONGEST = 100_000
_OPPOSITE = (
    {op.CATEGORY_DIGIT, op.CATEGORY_NOT_DIGIT},
    {op.CATEGORY_WORD, op.CATEGORY_NOT_WORD},
    {op.CATEGORY_SPACE, op.CATEGORY_NOT_SPACE},
)
_BEGINS = (op.AT_BEGINNING, op.AT_BEGINNING_STRING)
_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")


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
            f"The pattern {pattern!r} is not a regular expression: {_reason(error)}",
            hint="the syntax is that of Rust's regex crate: no look-around, no back-references",
        ) from error
    if taken.all() and pl.Series(_more(pattern)).str.contains(anchored).all():
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
    if _is_torn(pattern):
        raise ContractError(
            f"The pattern {pattern!r} matches no text.",
            hint="nothing comes before ^ or after $, and no sign is outside of all signs",
        )
    return anchored


def _reason(error: Exception) -> str:
    """What is wrong with a pattern: the crate draws where it is, and says below what it is."""
    lines = str(error).splitlines()
    told = (line.removeprefix("error: ") for line in lines if line.startswith("error: "))
    return next(told, lines[0])


def _more(pattern: str) -> list[str]:
    """What is tried of a pattern before it is said to match everything.

    Every sign by itself, for sets of signs; texts of each length that it names, and a little more;
    and what can be made of its own signs.
    """
    lone = range(0xD800, 0xE000)
    signs = [chr(code) for code in range(0x10000) if code != ord("\n") and code not in lone]
    named, whole_ = {*range(64), _LONGEST}, 1
    for number in re.findall(r"\d+", pattern):
        whole_ = min(whole_ * max(int(number), 1), _LONGEST)
        for each in (min(int(number), _LONGEST), whole_):
            named |= {each, each + 1}
    own = [sign for sign in dict.fromkeys(pattern) if sign != "\n"][:40]
    return [*signs, *("x" * length for length in sorted(named)), *map("".join, product(own, own))]


def _is_torn(pattern: str) -> bool:
    """Whether a pattern is seen to match no text; where Python cannot read it, nothing is seen."""
    if _MULTILINE.search(pattern):
        return False
    try:
        with warnings.catch_warnings():
            # Sets within sets mean something to Rust, and will to Python.
            warnings.simplefilter("error", FutureWarning)
            return _never(list(_parser.parse(pattern)))
    except (re.error, FutureWarning, RecursionError):
        return False


def _never(nodes: list[Any]) -> bool:
    flat = list(_flat(nodes))
    if any(map(_is_empty, flat)):
        return True
    wide = [at for at, node in enumerate(flat) if _takes_a_sign(node)]
    begins = [at for at, (kind, given) in enumerate(flat) if kind is op.AT and given in _BEGINS]
    ends = [at for at, (kind, given) in enumerate(flat) if kind is op.AT and given is op.AT_END]
    return bool(wide) and bool(
        (begins and min(wide) < max(begins)) or (ends and min(ends) < max(wide))
    )


def _flat(nodes: list[Any]) -> Iterator[Any]:
    """The parts of a sequence, those in groups of it among them."""
    for kind, given in nodes:
        if kind is op.SUBPATTERN:
            yield from _flat(list(given[-1]))
        else:
            yield kind, given


def _is_empty(node: Any) -> bool:
    kind, given = node
    if kind is op.BRANCH:
        return all(_never(list(each)) for each in given[1])
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        return given[0] > 0 and _never(list(given[2]))
    if kind is not op.IN or given[0][0] is not op.NEGATE:
        return False
    kinds = {code for part, code in given if part is op.CATEGORY}
    return any(pair <= kinds for pair in _OPPOSITE)


def _takes_a_sign(node: Any) -> bool:
    kind, given = node
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        return given[0] > 0 and any(map(_takes_a_sign, _flat(list(given[2]))))
    if kind is op.BRANCH:
        return all(any(map(_takes_a_sign, _flat(list(each)))) for each in given[1])
    return kind in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
