"""A keyed permutation of the numbers below any bound that leaves no number where it is.

Exchanging values must not merge two of them, so it has to be one-to-one; a hash that is cut to
size is not. This is a Feistel network over pairs, with numbers that fall out of the bound sent
through it again (J. Black, P. Rogaway: Ciphers with Arbitrary Finite Domains, 2002).

A network alone leaves one number where it is, on average. So it only says in which order all
numbers stand on a ring, and each is exchanged for the next one there: one-to-one, and no number for
itself.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from math import isqrt

_ROUNDS = 10
"""Even, so that the halves are as long at the end as at the beginning."""


def permuted(number: int, size: int, key: bytes, tweak: bytes) -> int:
    """The number that one below ``size`` is exchanged for: another one below ``size``.

    Of one number there is no other, and of two each stands for the other whatever the key is.

    Args:
        tweak: which permutation of the key it is; numbers of different kinds have different ones.
    """
    if size < 2:
        return number
    left = isqrt(size - 1) + 1
    network = _Network(left, -(-size // left), key, tweak)
    place = _within(network.undo, number, size)
    return _within(network.do, (place + 1) % size, size)


def _within(step: Callable[[int], int], number: int, size: int) -> int:
    while True:
        number = step(number)
        # There are fewer than ``left`` numbers too many, so once is nearly always enough.
        if number < size:
            return number


class _Network:
    """A Feistel network over the pairs of a number below ``left`` and one below ``right``."""

    def __init__(self, left: int, right: int, key: bytes, tweak: bytes) -> None:
        self._sizes = left, right
        self._key = key
        self._tweak = tweak

    def do(self, number: int) -> int:
        """Send a number through."""
        left, right = self._sizes
        one, other = divmod(number, right)
        for turn in range(_ROUNDS):
            one, other = other, (one + self._mix(turn, other)) % left
            left, right = right, left
        return one * right + other

    def undo(self, number: int) -> int:
        """Send it back."""
        left, right = self._sizes
        one, other = divmod(number, right)
        for turn in reversed(range(_ROUNDS)):
            left, right = right, left
            one, other = (other - self._mix(turn, one)) % left, one
        return one * right + other

    def _mix(self, turn: int, half: int) -> int:
        text = b"%d/%d/" % (turn, half) + self._tweak
        return int.from_bytes(hmac.digest(self._key, text, "sha256"), "big")
