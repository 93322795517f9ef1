"""How far a piece of work is: the library tells it, whoever wants to show it listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told how far a piece of work is. It must be quick, and must not raise."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Take note.

        Args:
            done: how much is done, in a unit of the work's own: bytes, tables, models.
            total: how much there is to do in all.
            what: what is being worked on now, for people; never a value of a row.
        """


def untold(done: int, total: int, what: str) -> None:
    """Nobody listens."""
    del done, total, what
