"""Ingestion: from batches to rows of a branch, quarantine and receipts that close."""

from sluicegate.ingestion.ingest import Intake, Refusal, ingest
from sluicegate.ingestion.load import raw_table
from sluicegate.ingestion.receipt import Fate, Receipt, total

__all__ = ["Fate", "Intake", "Receipt", "Refusal", "ingest", "raw_table", "total"]
