"""How values are spelled: which signs may stand at each of their places.

A text and its spelling make a number, and back: what can be permuted.
"""

from __future__ import annotations

import re
from string import ascii_lowercase, ascii_uppercase, digits

Spelling = tuple[str, ...]
"""For each place of a text the signs that may stand there; a single one is no choice."""

_SETS = (digits, ascii_uppercase, ascii_lowercase)
_SEPARATORS = " -./"
_PIECE = re.compile(
    r"(?:\[(?P<set>[A-Za-z0-9-]+)\]|\\(?P<digit>d)|\\(?P<quoted>[^A-Za-z0-9])"
    r"|(?P<literal>[^\\\[\](){}.*+?|^$]))(?:\{(?P<times>[0-9]+)\})?"
)
_RANGE = re.compile(r"([A-Za-z0-9])-([A-Za-z0-9])|([A-Za-z0-9])")
_LONGEST = 200


class UnknownPattern(ValueError):
    """A pattern that leaves open how its texts are spelled."""


def spelled(pattern: str) -> Spelling:
    """How every text is spelled that matches a pattern.

    Args:
        pattern: signs that stand for themselves, and sets like ``[0-9A-F]``, each with a number of
            times like ``{7}`` if it stands there more than once.

    Raises:
        UnknownPattern: it says more than that, or leaves no choice.
    """
    places: list[str] = []
    at = 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            raise UnknownPattern(f"what stands at {at + 1} leaves open how values are spelled")
        places += [_signs(piece)] * int(piece["times"] or 1)
        at = piece.end()
    if not 0 < len(places) <= _LONGEST or not any(len(signs) > 1 for signs in places):
        raise UnknownPattern("it leaves nothing to choose")
    return tuple(places)


def shape(text: str) -> Spelling | None:
    """The spelling of a text that keeps the kind of each of its signs.

    None if it has signs that are neither ASCII digits and letters nor separators, or no choice.
    """
    places = [next((kind for kind in _SETS if sign in kind), sign) for sign in text]
    strange = any(len(place) == 1 and place not in _SEPARATORS for place in places)
    return None if strange or all(len(place) == 1 for place in places) else tuple(places)


def number_of(text: str, spelling: Spelling) -> int | None:
    """Which of all texts of a spelling this one is; None if it is none of them."""
    if len(text) != len(spelling):
        return None
    number = 0
    for sign, signs in zip(text, spelling, strict=True):
        digit = signs.find(sign)
        if digit < 0:
            return None
        number = number * len(signs) + digit
    return number


def text_of(number: int, spelling: Spelling) -> str:
    """The text that :func:`number_of` gives this number."""
    places = []
    for signs in reversed(spelling):
        number, digit = divmod(number, len(signs))
        places.append(signs[digit])
    return "".join(reversed(places))


def size_of(spelling: Spelling) -> int:
    """How many texts there are of a spelling."""
    size = 1
    for signs in spelling:
        size *= len(signs)
    return size


def _signs(piece: re.Match[str]) -> str:
    if piece["set"] is None:
        return digits if piece["digit"] else str(piece["quoted"] or piece["literal"])
    signs: dict[str, None] = {}
    at = 0
    while at < len(piece["set"]):
        part = _RANGE.match(piece["set"], at)
        first, last = (part[1] or part[3], part[2] or part[3]) if part else ("", "")
        kind = next((kind for kind in _SETS if first and first in kind), "")
        if part is None or kind.find(last) < kind.find(first):
            raise UnknownPattern(f"the set [{piece['set']}] is none of letters and digits")
        signs.update(dict.fromkeys(kind[kind.index(first) : kind.index(last) + 1]))
        at = part.end()
    return "".join(signs)
