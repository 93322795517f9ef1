"""Texts that match a pattern, made from the pattern itself: always the same ones."""

from __future__ import annotations

import random
import re
import string
import warnings
from collections.abc import Callable, Sequence
from functools import cache

# Not public, and as stable as the syntax: what Hypothesis makes its texts from as well.
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

SIGNS = string.digits + string.ascii_uppercase + string.ascii_lowercase + "-_.,:;/@#!?+*=() "
"""Signs that texts are made of: such that any format of a file can carry them."""

_MORE = 3
"""Repetitions beyond the fewest that an open end gets."""

_KINDS: dict[Any, Callable[[str], bool]] = {
    op.CATEGORY_DIGIT: str.isdigit,
    op.CATEGORY_NOT_DIGIT: lambda sign: not sign.isdigit(),
    op.CATEGORY_WORD: lambda sign: sign.isalnum() or sign == "_",
    op.CATEGORY_NOT_WORD: lambda sign: not (sign.isalnum() or sign == "_"),
    op.CATEGORY_SPACE: str.isspace,
    op.CATEGORY_NOT_SPACE: lambda sign: not sign.isspace(),
}
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


class _Unknown(Exception):
    """A pattern says what we cannot follow."""


def texts_of(pattern: str, count: int) -> list[str]:
    """Up to so many different texts that match a pattern as a whole, the plainest one first.

    None for a pattern in a syntax that Python does not have. What Python and Rust take differently
    is sorted out by whoever judges the texts.
    """
    try:
        with warnings.catch_warnings():
            # Sets within sets mean something to Rust, and will to Python.
            warnings.simplefilter("error", FutureWarning)
            tree = _parser.parse(pattern)
        dice = random.Random(pattern)  # noqa: S311 - dice for test data, not for secrets
        found = {_written(tree, lambda choices: choices[0]): None}
        for _ in range(4 * count):
            if len(found) >= count:
                break
            found[_written(tree, dice.choice)] = None
    except (re.error, FutureWarning, RecursionError, _Unknown):
        return []
    return list(found)


def damaged(text: str) -> list[str]:
    """Texts that are nearly this one: what a pattern that is too lenient would let through."""
    swapped = [text[:at] + sign + text[at + 1 :] for at in range(len(text)) for sign in ("!", "x")]
    return [text + "!", "!" + text, text[:-1], text[1:], text * 2, text.swapcase(), *swapped]


Choose = Callable[[Sequence[Any]], Any]


def _written(tree: Any, choose: Choose) -> str:
    return "".join(_one(kind, given, choose) for kind, given in tree)


def _one(kind: Any, given: Any, choose: Choose) -> str:  # noqa: PLR0911 - one a kind of node
    if kind is op.AT:
        return ""
    if kind is op.LITERAL:
        return chr(given)
    if kind in (op.ANY, op.NOT_LITERAL, op.IN):
        return str(choose(_signs(kind, tuple(given) if kind is op.IN else given)))
    if kind is op.BRANCH:
        return _written(choose(given[1]), choose)
    if kind is op.SUBPATTERN:
        return _written(given[-1], choose)
    if kind is op.ATOMIC_GROUP:
        return _written(given, choose)
    if kind in _REPEATS:
        fewest, most, inner = given
        times = choose(range(fewest, min(most, fewest + _MORE) + 1))
        return "".join(_written(inner, choose) for _ in range(times))
    raise _Unknown(str(kind))


@cache
def _signs(kind: Any, given: Any) -> list[str]:
    if kind is op.ANY:
        return list(SIGNS)
    if kind is op.NOT_LITERAL:
        return [sign for sign in SIGNS if ord(sign) != given]
    negated = given[0][0] is op.NEGATE
    found = [sign for sign in SIGNS if any(_among(sign, *part) for part in given) != negated]
    # A set of signs that are not among ours, such as "[äöü]".
    named = [chr(code) for part, code in given if part is op.LITERAL and not negated]
    named += [chr(code[0]) for part, code in given if part is op.RANGE and not negated]
    if not (found or named):
        raise _Unknown("a set without a sign")
    return found or named


def _among(sign: str, kind: Any, given: Any) -> bool:
    if kind is op.LITERAL:
        return bool(ord(sign) == given)
    if kind is op.RANGE:
        return bool(given[0] <= ord(sign) <= given[1])
    if kind is op.CATEGORY and given in _KINDS:
        kind_of = _KINDS[given]
        return bool(kind_of(sign))
    if kind is op.NEGATE:
        return False
    raise _Unknown(str(kind))
