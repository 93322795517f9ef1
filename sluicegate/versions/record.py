"""One change between two versions, and whom it breaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is different.

    Attributes:
        what: is different: ``column amount``, ``rule settles_after_booking``, ``load``.
        how: it changed.
        before: what it was; empty where ``how`` says all there is.
        after: what it is.
        readers: why it breaks readers; empty if it does not.
        writers: why it breaks writers; empty if it does not.
    """

    what: str
    how: str
    before: str = ""
    after: str = ""
    readers: str = ""
    writers: str = ""
