"""Patterns of contracts, as other engines read them.

Contracts are matched by Rust's regex crate. JSON Schema speaks of ECMA-262, its validators use
whatever their language has, and DuckDB uses RE2. A pattern is handed on if it means the same to
all of them, and is told in words otherwise.
"""

from __future__ import annotations

import re

_LITERAL = r"[A-Za-z0-9 _,:;/@#%&=~!<>'\"-]"
_ESCAPED = r"\\[.+*?()|\[\]{}^$/\\]"
_MEMBER = r"(?:[A-Za-z0-9 _,:;/@#%=!<>'\"+*?(){}.|$]|\\[.+*?()|\[\]{}^$/\\-])"
_CLASS = rf"\[\^?-?{_MEMBER}(?:-?{_MEMBER})*-?\]"
_TIMES = r"(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})?"
_PORTABLE = re.compile(rf"(?:(?:{_LITERAL}|{_ESCAPED}|{_CLASS}){_TIMES}|\){_TIMES}|\((?:\?:)?|\|)*")
"""ASCII letters, classes of them and groups: no ``.``, no ``\\d``, no anchors, no flags."""

IBAN = "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}"
"""What an account number looks like; whether its check digits are right is more than a pattern."""


def portable(pattern: str) -> bool:
    """Whether a pattern means the same to every engine it is handed to."""
    return _PORTABLE.fullmatch(pattern) is not None


def whole(pattern: str) -> str:
    """The pattern of texts all of which matches a pattern."""
    return f"^(?:{pattern})$"
