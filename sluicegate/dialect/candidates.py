"""Dialects that a text could be written in, by the characters it has."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from sluicegate.dialect.dialect import Declared, Dialect

USUAL = (",", ";", "\t", "|")
"""Delimiters that need no excuse, the likeliest first."""

_RARE = frozenset("~^¦§¬\x1f\x1e\x01\x02")
"""Characters that hardly serve any other end."""

_TWICE = frozenset("|:~^#$&@%*!=-+/")
"""Characters that stand for one delimiter where they are never alone: between others is a cell."""

_NEVER = frozenset(".\"'\r\n\\_()[]{}<>\ufeff")
_CATEGORIES = frozenset({"Po", "Pd", "Sm", "Sc", "Sk", "So", "Cc", "Zs"})

_GLANCE = 1 << 14
"""Characters that are looked at for a habit of all lines."""

_MOST = 12
"""Delimiters that are tried."""


def likelihood(delimiter: str | None) -> float:
    """How much sooner than others a character serves as delimiter, before a text is looked at."""
    if delimiter is None or delimiter in USUAL:
        return 1.0
    first = delimiter[0]
    if first in USUAL or first in _RARE:
        return 0.9
    return 0.6 if delimiter == " " else 0.5 if first == ":" else 0.25


def candidates(text: str, known: Declared) -> Iterator[Dialect]:
    """Dialects to try on a text, those first that win where others are as good.

    Args:
        known: what was declared: nothing else is tried in its place.
    """
    returns = _returns(text, known)
    for delimiter, runs in _delimiters(text, known):
        for quote in _quotes(text, delimiter, known):
            for escape in _escapes(text, quote, delimiter, known):
                for alone in returns:
                    found = Dialect(
                        delimiter=delimiter,
                        runs=runs,
                        quote=quote,
                        escape=escape,
                        returns=alone,
                        comment=known.get("comment"),
                        relabelled=known.get("relabelled", False),
                        wrapped=known.get("wrapped", False),
                    )
                    yield found
                    if "wrapped" not in known and _wrapped(text, found):
                        yield replace(found, wrapped=True)


def _wrapped(text: str, dialect: Dialect) -> bool:
    """Whether most lines are within quotes as a whole, though they hold delimiters."""
    if not dialect.quote or not dialect.delimiter:
        return False
    lines = [line.strip() for line in text[:_GLANCE].splitlines()[:50] if line.strip()]
    quote, between = dialect.quote, f"{dialect.quote}{dialect.delimiter}{dialect.quote}"
    within = sum(
        len(line) > 1
        and line[0] == line[-1] == quote
        and dialect.delimiter in line
        and between not in line.replace(quote * 2, "")
        for line in lines
    )
    return within > len(lines) // 2


def _returns(text: str, known: Declared) -> list[bool]:
    if "returns" in known:
        return [known["returns"]]
    if not re.search(r"\r(?!\n)", text.removesuffix("\r")):
        return [False]
    return [False, True] if "\n" in text else [True]


def _delimiters(text: str, known: Declared) -> Iterator[tuple[str | None, bool]]:
    if "delimiter" in known:
        yield known["delimiter"], known.get("runs", False)
        return
    counts = Counter(text)
    found = [char for char in counts if _may_delimit(char)]
    found.sort(key=lambda char: (-likelihood(char), USUAL.index(char) if char in USUAL else 9))
    for char in found[:_MOST]:
        if char in _TWICE and text.count(char * 2) * 2 == counts[char]:
            yield char * 2, False
            continue
        yield char, False
        if char == " " and "  " in text:
            yield char, True
    yield None, False


def _may_delimit(char: str) -> bool:
    if char in _NEVER:
        return False
    return char in USUAL or unicodedata.category(char) in _CATEGORIES


def _quotes(text: str, delimiter: str | None, known: Declared) -> list[str | None]:
    if "quote" in known:
        return [known["quote"]]
    quotes: list[str | None] = [None] if delimiter == '"' else ['"']
    if '"' in text and delimiter != '"':
        quotes.append(None)
    if "'" in text and delimiter != "'":
        mark = re.escape(delimiter or "\n")
        if re.search(rf"(?:^|{mark}) *'[^'\r\n]*' *(?:$|{mark})", text, re.MULTILINE):
            quotes.append("'")
    return quotes


def _escapes(
    text: str, quote: str | None, delimiter: str | None, known: Declared
) -> list[str | None]:
    if "escape" in known:
        return [known["escape"]]
    escaped = [f"\\{mark}" for mark in (quote, delimiter) if mark]
    return [None, "\\"] if any(pair in text for pair in escaped) else [None]
