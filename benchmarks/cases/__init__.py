"""The cases, one a module: each prepares two sides and says what it compares."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from benchmarks.case import Case
from benchmarks.cases import (
    audit,
    cold,
    diff,
    environment,
    ingest,
    large,
    messy,
    noop,
    pipeline,
    validate,
    warehouse,
    year,
)

Prepare = Callable[[int], AbstractContextManager[Case]]
"""Makes a case ready for some number of payments, and cleans up at the end."""

CASES: dict[str, Prepare] = {
    "pipeline": pipeline.prepared,
    "noop": noop.prepared,
    "cold": cold.prepared,
    "dbt": warehouse.prepared,
    "diff": diff.prepared,
    "environment": environment.prepared,
    "year": year.prepared,
    "validate": validate.prepared,
    "validate_dirty": validate.prepared_dirty,
    "audit": audit.prepared,
    "ingest_csv": ingest.prepared_csv,
    "ingest_ndjson": ingest.prepared_ndjson,
    "large": large.prepared,
    "messy": messy.prepared,
}
"""What ``CASE=`` may say."""
