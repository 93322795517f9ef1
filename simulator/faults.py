"""How a provider can fail its clients: faults to order, for the next N data requests."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.ecb import COLUMNS
from simulator.reversal_day import FIELDS

Kind = Literal[
    "unavailable",
    "too_many_requests",
    "truncated",
    "wrong_content_type",
    "renamed_column",
    "added_column",
    "empty_value",
    "slow",
    "unit_shift",
    "duplicate_page",
    "missing_page",
]

MAINTENANCE = (
    "<!DOCTYPE html><html><head><title>Scheduled maintenance</title></head>"
    "<body><h1>We will be back shortly</h1></body></html>"
)


class Fault(BaseModel):
    """One fault, as ``POST /_control/faults`` takes it; fields of other kinds are ignored.

    Attributes:
        kind: what goes wrong.
        times: how many data requests it hits.
        path: only requests whose path starts with this are hit, and others leave it due.
        retry_after: seconds that a client is told to wait (too_many_requests).
        retry_after_form: how it is told: in seconds, as an HTTP date, or not at all.
        seconds: how long the answer is held back (slow).
        keep: share of the body that arrives (truncated).
        column: the column renamed (renamed_column), or added at the end (added_column); of the
            processor's API, the field of its records that is renamed.
        name: the new name (renamed_column).
        text: what stands for a missing value: nothing or NaN (empty_value).
        every: one value in this many is missing, the first included (empty_value).
        currency: the only currency affected (unit_shift); all of them if absent.
        factor: what values are divided by (unit_shift).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    path: Annotated[str, Field(pattern="^/")] = "/"
    retry_after: Annotated[int, Field(ge=0, le=86_400)] = 1
    retry_after_form: Literal["seconds", "date", "none"] = "seconds"
    seconds: Annotated[float, Field(ge=0, le=600)] = 1.0
    keep: Annotated[float, Field(gt=0, lt=1)] = 0.6
    column: str | None = None
    name: str = "OBSERVATION_VALUE"
    text: Literal["", "NaN"] = ""
    every: Annotated[int, Field(ge=1)] = 3
    currency: str | None = None
    factor: Annotated[int, Field(ge=1)] = 1_000_000

    @model_validator(mode="after")
    def _renames_what_exists(self) -> Self:
        known = (None, *COLUMNS, *(name for names in FIELDS.values() for name in names))
        if self.kind == "renamed_column" and self.column not in known:
            raise ValueError(f"there is no column {self.column!r} to rename")
        return self

    def retry_headers(self) -> dict[str, str]:
        """Headers that tell a client when to come back, by the real clock: clients wait by it."""
        if self.retry_after_form == "none":
            return {}
        if self.retry_after_form == "seconds":
            return {"Retry-After": str(self.retry_after)}
        moment = datetime.now(UTC) + timedelta(seconds=self.retry_after)
        return {"Retry-After": format_datetime(moment, usegmt=True)}

    def hits(self, path: str) -> bool:
        """Tell whether a request for this path is hit."""
        return path.startswith(self.path)

    def distort(self, table: pl.DataFrame) -> pl.DataFrame:
        """Change the answer's table, for the faults that do; others return it as it is."""
        if self.kind == "renamed_column":
            # Not strict: an answer with data only has fewer columns.
            return table.rename({self.column or "OBS_VALUE": self.name}, strict=False)
        if self.kind == "added_column":
            return table.with_columns(pl.lit("N").alias(self.column or "OBS_QUALITY"))
        if self.kind == "empty_value":
            missing = pl.lit(self.text or None, dtype=pl.String)
            hit = pl.int_range(pl.len()) % self.every == 0
            value = pl.when(hit).then(missing).otherwise("OBS_VALUE")
            return table.with_columns(value.alias("OBS_VALUE"))
        if self.kind == "unit_shift":
            return self._shifted(table)
        return table

    def rename(self, line: str) -> str:
        """Rename a field of a record in JSON, for the fault that does."""
        if self.kind != "renamed_column":
            return line
        # In JSON only a name is followed by a colon; a quote inside a value would be escaped.
        field = re.compile(rf'"{self.column or "amount"}"(?=\s*:)')
        return field.sub(f'"{self.name}"', line)

    def cut(self, body: bytes) -> bytes:
        """Cut a body within a line, for the fault ``truncated``; others return it as it is."""
        if self.kind != "truncated":
            return body
        end = max(1, int(len(body) * self.keep))
        while body[end - 1 : end] in (b"\r", b"\n") and end > 1:
            end -= 1
        return body[: end - 1]

    def _shifted(self, table: pl.DataFrame) -> pl.DataFrame:
        def shift(value: str) -> str:
            return format((Decimal(value) / self.factor).normalize(), "f")

        shifted = pl.col("OBS_VALUE").map_elements(shift, return_dtype=pl.String)
        if self.currency is None:
            return table.with_columns(shifted)
        chosen = pl.col("CURRENCY") == self.currency
        return table.with_columns(
            pl.when(chosen).then(shifted).otherwise("OBS_VALUE").alias("OBS_VALUE")
        )
