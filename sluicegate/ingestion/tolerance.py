"""Tolerance: how many rows of a batch may be rejected before all of it is refused."""

from __future__ import annotations

from sluicegate.errors import BatchRefused
from sluicegate.ingestion.drift import RULE
from sluicegate.ingestion.receipt import Receipt
from sluicegate.sources import Source


def over_tolerance(source: Source, receipt: Receipt) -> BatchRefused | None:
    """What refuses a batch; None if it is within what its source tolerates, or waits as a whole."""
    if receipt.quarantined <= source.tolerate * receipt.rows_in or RULE in receipt.rejections:
        return None
    worst = sorted(receipt.rejections.items(), key=lambda rule: -rule[1])
    listed = ", ".join(f"{rule} {count:,}" for rule, count in worst[:3])
    listed += f" and {len(worst) - 3} more rules" if len(worst) > 3 else ""
    return BatchRefused(
        f"{receipt.quarantined:,} of {receipt.rows_in:,} rows were rejected "
        f"({receipt.quarantined / receipt.rows_in:.1%}), tolerated are {source.tolerate:.1%}: "
        f"{listed}.",
        where=receipt.name,
        hint="have the provider send it again, or correct the contract",
    )
