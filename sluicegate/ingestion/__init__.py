"""Ingestion: from batches to rows of a branch, quarantine and receipts that close."""

from sluicegate.ingestion.carry import Aside, carry
from sluicegate.ingestion.ingest import Intake, Refusal, ingest
from sluicegate.ingestion.quarantine import Selection
from sluicegate.ingestion.receipt import Fate, Receipt, total
from sluicegate.ingestion.replay import replay
from sluicegate.ingestion.table import create, grow, raw_table

__all__ = [
    "Aside",
    "Fate",
    "Intake",
    "Receipt",
    "Refusal",
    "Selection",
    "carry",
    "create",
    "grow",
    "ingest",
    "raw_table",
    "replay",
    "total",
]
