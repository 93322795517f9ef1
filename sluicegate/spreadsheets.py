"""Text that no spreadsheet takes for a formula.

A spreadsheet runs what a cell of a CSV file begins with: a name that a customer typed may send the
table elsewhere (OWASP, "CSV Injection"). An apostrophe before it makes a text of it again.
"""

from __future__ import annotations

import re

__all__ = ["as_text"]

_SKIPPED = (
    r"[^\S\t\r\n]|[\"'\x00-\x08\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069"
    r"\ufe0f\ufeff]"
)
"""What a program may skip before a formula: blanks, quotes, controls, marks that nobody sees."""

_NUMBER = r"[+-]?(?:[0-9]++(?:[.,][0-9]++)*+|[.,][0-9]++)(?:[eE][+-]?[0-9]++)?%?"
"""Digits with points and commas between them are no formula; with other marks they are a text."""

_FORMULA = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
"""What begins one, also in the width of Chinese and Japanese type."""

_GUARDED = re.compile(
    # Whoever splits a line at semicolons or tabs, or does not see that a quote spans lines, sees
    # cells within a cell.
    rf"(?:\A|(?<=[;\t\r\n]))(?!(?:{_SKIPPED})*+{_NUMBER}[ ]*+(?:[;\t\r\n]|\Z))"
    rf"(?=(?:{_SKIPPED})*+{_FORMULA})"
    r"|\A(?='*[\t\r\n])"
)


def as_text(cell: str) -> str:
    """A cell that a spreadsheet shows as it is; plain numbers stay numbers.

    Apostrophes are put where a formula could begin, and nothing else is changed. A cell that has
    one there already gets another one, so that taking them away gives back every cell.
    """
    return _GUARDED.sub("'", cell)
