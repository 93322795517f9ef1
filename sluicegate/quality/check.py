"""Checks of an audit: each looked at something, and each can fail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What a check says."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    """A rule that only warns is broken: no pass, and nothing that stops a publish."""
    IDLE = "idle"
    """A rule had no value to judge, in a table that has rows: no pass, and stops nothing."""
    FAIL = "fail"
    ERROR = "error"
    """It could not answer, or looked at nothing: never a pass."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of an audit, with its answer.

    Attributes:
        name: what was checked.
        on: table or source that it is about.
        outcome: its answer.
        looked_at: rows (or batches) it looked at; of a rule, those that it says something of.
        failures: how many of them broke it.
        message: for people; empty for a pass.
        rows: keys of some of the rows that broke it, never personal data.
        sql: query that finds all rows that broke it, where there is one.
    """

    name: str
    on: str
    outcome: Outcome
    looked_at: int
    failures: int = 0
    message: str = ""
    rows: tuple[str, ...] = ()
    sql: str = ""

    @property
    def blocks(self) -> bool:
        """Whether nothing may be published because of it."""
        return self.outcome in (Outcome.FAIL, Outcome.ERROR)

    def narrowed(self, rows: int) -> Check:
        """The same of a rule that says something of so many of the rows: of none, it is idle."""
        if self.outcome is Outcome.PASS and rows == 0 < self.looked_at:
            nothing = f"none of {self.looked_at:,} rows has a value to judge"
            return replace(self, outcome=Outcome.IDLE, looked_at=0, message=nothing)
        return replace(self, looked_at=rows)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the query stays in the evidence."""
        return {
            "name": self.name,
            "on": self.on,
            "outcome": self.outcome.value,
            "looked_at": self.looked_at,
            "failures": self.failures,
            "message": self.message,
            "rows": list(self.rows),
        }


def verdict_of(
    name: str,
    on: str,
    *,
    looked_at: int,
    failures: int,
    message: str,
    may_be_empty: bool = False,
    rows: tuple[str, ...] = (),
    sql: str = "",
    warns: bool = False,
) -> Check:
    """The check that follows from what was counted: nothing looked at is an error.

    Args:
        warns: whether failures of it only warn.
    """
    if looked_at == 0 and not may_be_empty:
        return Check(name, on, Outcome.ERROR, 0, message="it looked at nothing")
    if failures:
        outcome = Outcome.WARN if warns else Outcome.FAIL
        return Check(name, on, outcome, looked_at, failures, message, rows, sql)
    return Check(name, on, Outcome.PASS, looked_at)
