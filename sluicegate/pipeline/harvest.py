"""What ingestion brought, for the stages that follow."""

from __future__ import annotations

from dataclasses import dataclass, field

from sluicegate.ingestion import Intake
from sluicegate.quality.conservation import Stock


@dataclass(frozen=True, slots=True)
class Harvest:
    """What ingestion brought.

    Attributes:
        intakes: one a source.
        before: the stock before it.
        carried: sources whose intake an earlier attempt of the run made.
    """

    intakes: dict[str, Intake]
    before: dict[str, Stock]
    carried: set[str] = field(default_factory=set)

    @property
    def nothing(self) -> bool:
        """Whether every batch is held: the branch has nothing that readers do not see."""
        return all(
            receipt.held or receipt.name in {refusal.name for refusal in intake.refusals}
            for intake in self.intakes.values()
            for receipt in intake.receipts
        )
