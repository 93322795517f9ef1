"""Synthetic IBANs: right length and check digits for their country, nobody's account.

Bank and account numbers are random digits. National check digits inside the account number are
not computed; ISO 13616 asks only for the length and for the two digits checked modulo 97.
"""

from __future__ import annotations

from random import Random

SHAPES: dict[str, tuple[int, int]] = {
    "DE": (0, 18),
    "FR": (0, 23),
    "ES": (0, 20),
    "IT": (1, 22),
    "NL": (4, 10),
    "BE": (0, 12),
    "AT": (0, 16),
    "PL": (0, 24),
    "SE": (0, 20),
    "IE": (4, 14),
    "PT": (0, 21),
    "FI": (0, 14),
    "GB": (4, 14),
    "CZ": (0, 20),
}
"""Country to (letters, digits) of the part that follows the check digits."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_AS_DIGITS = str.maketrans({letter: str(10 + place) for place, letter in enumerate(_LETTERS)})


def check_digits(country: str, account: str) -> int:
    """Compute the check digits (2 to 98) that make the IBAN's remainder modulo 97 equal to 1."""
    return 98 - int((account + country + "00").translate(_AS_DIGITS)) % 97


def make_iban(rng: Random) -> str:
    """Make one valid synthetic IBAN, 18 to 28 characters without blanks."""
    country = rng.choice(tuple(SHAPES))
    letters, digits = SHAPES[country]
    bank = "".join(rng.choices(_LETTERS, k=letters))
    account = f"{bank}{rng.randrange(10**digits):0{digits}d}"
    return f"{country}{check_digits(country, account):02d}{account}"


def break_iban(iban: str, rng: Random) -> str:
    """Change the check digits so that the IBAN fails, for certain, modulo 97."""
    right = int(iban[2:4])
    # 2 to 98 are 97 neighbours: a different one of them has a different remainder.
    wrong = (right - 2 + rng.randrange(1, 97)) % 97 + 2
    return f"{iban[:2]}{wrong:02d}{iban[4:]}"
