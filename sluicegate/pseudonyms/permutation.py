"""A keyed permutation of the numbers below any bound.

Exchanging values must not merge two of them, so it has to be one-to-one; a hash that is cut to
size is not. This is a Feistel network over pairs, with numbers that fall out of the bound sent
through it again (J. Black, P. Rogaway: Ciphers with Arbitrary Finite Domains, 2002).
"""

from __future__ import annotations

import hmac
from math import isqrt

_ROUNDS = 10


def permuted(number: int, size: int, key: bytes, tweak: bytes) -> int:
    """The number that one below ``size`` is exchanged for, also one below ``size``.

    Args:
        tweak: which permutation of the key it is; numbers of different kinds have different ones.
    """
    if size < 2:
        return number
    left = isqrt(size - 1) + 1
    right = -(-size // left)
    while True:
        number = _network(number, left, right, key, tweak)
        # There are fewer than ``left`` numbers too many, so once is nearly always enough.
        if number < size:
            return number


def _network(number: int, left: int, right: int, key: bytes, tweak: bytes) -> int:
    one, other = divmod(number, right)
    for turn in range(_ROUNDS):
        digest = hmac.digest(key, b"%d/%d/" % (turn, other) + tweak, "sha256")
        one, other = other, (one + int.from_bytes(digest, "big")) % left
        left, right = right, left
    return one * right + other
