"""How a personal value can be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mask(StrEnum):
    """How the values of a column are replaced. An absent value stays absent under all of them."""

    TEXT = "text"
    """By ``p_`` and 32 hexadecimal digits. The default for texts."""
    EMAIL = "email"
    """By an address below ``example.invalid``, which no mail ever reaches."""
    IBAN = "iban"
    """By an IBAN of the same country and length with right check digits. The default for columns
    with ``check=iban``. Check digits that some countries have within the account are not kept."""
    PATTERN = "pattern"
    """By another text of the column's own pattern: ``C0000123`` becomes some ``C`` and 7 digits."""
    SHAPE = "shape"
    """Digit by digit and letter by letter, so that postal codes keep their look."""
    NUMBER = "number"
    """By a number of as many digits. The default for integers."""
    DAY = "day"
    """By another day of the same year. The default for dates."""
    NULL = "null"
    """By nothing: the value is absent afterwards."""
    KEEP = "keep"
    """Not at all: the value says too little to tell people apart, and the work needs it."""

    @property
    def permutes(self) -> bool:
        """Whether values are exchanged among those of their kind, each for exactly one other."""
        return self in (Mask.IBAN, Mask.PATTERN, Mask.SHAPE, Mask.NUMBER, Mask.DAY)


@dataclass(frozen=True, slots=True)
class Replacement:
    """How the values of a column are replaced, and what they are.

    Two columns with equal replacements give equal values equal pseudonyms, so joins hold.

    Attributes:
        mask: how.
        domain: what the values are, whichever table they stand in; ``customer_id``.
        pattern: of the values, for :attr:`Mask.PATTERN`.
    """

    mask: Mask
    domain: str
    pattern: str | None = None
