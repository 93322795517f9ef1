"""Pseudonyms under one key: HMAC-SHA-256, or permutations for what must keep its form.

Without the key nobody can tell which value a pseudonym stands for.
"""

from __future__ import annotations

import hmac
import re
import secrets
from calendar import isleap
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TypeVar

from sluicegate.errors import Bug
from sluicegate.pseudonyms.masks import Mask, Replacement
from sluicegate.pseudonyms.permutation import permuted
from sluicegate.pseudonyms.spelling import Spelling, number_of, shape, size_of, spelled, text_of

Value = TypeVar("Value", str, int, date)

DIGITS = 32
"""Hexadecimal digits of a pseudonym that is a text: 128 bits, so that no two values share one."""


_BLOCK = 64
"""Bytes that SHA-256 takes in at a time, to which HMAC fills up its key."""

_LARGEST = 2**63 - 1
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


def affixes(mask: Mask) -> tuple[str, str]:
    """What stands before and behind the digits of a pseudonym that is made of digits."""
    return ("", "@example.invalid") if mask is Mask.EMAIL else ("p_", "")


class Pseudonyms:
    """What values are replaced by under one key.

    Args:
        key: pseudonyms of the same key agree. By default a random one that is gone with this
            object: then nobody can find out again which value a pseudonym stands for.
    """

    __slots__ = ("_key", "_keys")

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(_BLOCK) if key is None else key
        self._keys: dict[Replacement, bytes] = {}

    def __reduce__(self) -> tuple[object, ...]:
        # Whatever is pickled may be stored: by Prefect, for one.
        raise Bug("The key of pseudonyms was to leave its process.")

    def key_of(self, replacement: Replacement) -> bytes:
        """The key of one kind of values: a customer's number and name have unrelated ones."""
        if replacement not in self._keys:
            parts = (replacement.mask.value, replacement.domain, replacement.pattern or "")
            self._keys[replacement] = hmac.digest(self._key, "\0".join(parts).encode(), "sha256")
        return self._keys[replacement]

    def pads(self, replacement: Replacement) -> tuple[bytes, bytes]:
        """Inner and outer block, so that SHA256(outer + SHA256(inner + value)) is the HMAC."""
        key = self.key_of(replacement).ljust(_BLOCK, b"\0")
        return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)

    def of(self, replacement: Replacement, value: Value) -> Value:
        """The pseudonym of a value.

        A text that is not what its mask expects (no IBAN, not of the pattern) is replaced like
        any text, so that nothing of it remains.
        """
        key = self.key_of(replacement)
        if isinstance(value, date):
            return _other_day(value, key)
        if isinstance(value, int):
            return _other_number(value, key)
        other: str | None = None
        if replacement.mask is Mask.IBAN:
            other = _other_iban(value, key)
        elif replacement.mask is Mask.PATTERN and replacement.pattern is not None:
            other = _respelled(value, _spelled(replacement.pattern), key)
        elif replacement.mask is Mask.SHAPE:
            other = _respelled(value, shape(value), key)
        if other is not None:
            return other
        start, end = affixes(replacement.mask)
        return start + hmac.digest(key, value.encode(), "sha256").hex()[:DIGITS] + end


_spelled = lru_cache(maxsize=64)(spelled)


def _respelled(text: str, spelling: Spelling | None, key: bytes, tweak: str = "") -> str | None:
    if spelling is None:
        return None
    number = number_of(text, spelling)
    if number is None:
        return None
    size, kind = _kind(spelling)
    return text_of(permuted(number, size, key, tweak.encode() + kind), spelling)


@lru_cache(maxsize=1024)
def _kind(spelling: Spelling) -> tuple[int, bytes]:
    """How many texts there are of a spelling, and a name for it."""
    return size_of(spelling), sha256("\0".join(spelling).encode()).digest()


def _other_iban(text: str, key: bytes) -> str | None:
    if _IBAN.fullmatch(text) is None:
        return None
    country, account = text[:2], text[4:]
    other = _respelled(account, shape(account), key, country)
    if other is None:
        return None
    # ISO 13616: letters become 10 ... 35, and the whole leaves remainder 1 when divided by 97.
    whole = "".join(str(int(sign, 36)) for sign in f"{other}{country}00")
    return f"{country}{98 - int(whole) % 97:02}{other}"


def _other_number(number: int, key: bytes) -> int:
    sign, figures = -1 if number < 0 else 1, len(str(abs(number)))
    # There is no -0, and one number more below it than above.
    first = 10 ** (figures - 1) if figures > 1 or number < 0 else 0
    count = min(10**figures, _LARGEST + (2 if number < 0 else 1)) - first
    return sign * (first + permuted(abs(number) - first, count, key, b"%d" % (sign * figures)))


def _other_day(day: date, key: bytes) -> date:
    first = date(day.year, 1, 1)
    days = 366 if isleap(day.year) else 365
    return first + timedelta(permuted((day - first).days, days, key, b"%d" % day.year))
