"""Dataframely: the rules of the validation benchmark as one of its schemas.

It runs in an environment of its own, where this project is not installed.
"""

from __future__ import annotations

from datetime import UTC, datetime

import dataframely as dy  # type: ignore[import-not-found] # it is not installed beside the project
import polars as pl

from benchmarks.validating import CHANNELS, COUNTRIES, CURRENCIES, STATES


class Payments(dy.Schema):  # type: ignore[misc] # its base is not known here
    """One row a payment. Lists are checks of their own: its enumerations are another type."""

    payment_id = dy.String(regex=r"^P[0-9]{10}$")
    booked_at = dy.Datetime(
        time_zone="UTC",
        min=datetime(2026, 1, 1, tzinfo=UTC),
        max_exclusive=datetime(2027, 1, 1, tzinfo=UTC),
    )
    settled_at = dy.Datetime(time_zone="UTC", nullable=True)
    amount = dy.Decimal(18, 2, min_exclusive=0, max_exclusive=1_000_000)
    fee = dy.Decimal(18, 2, min=0, max_exclusive=10_000)
    currency = dy.String(check=lambda column: column.is_in(CURRENCIES))
    country = dy.String(check=lambda column: column.is_in(COUNTRIES))
    merchant_id = dy.String(regex=r"^M[0-9]{6}$")
    customer_id = dy.String()
    status = dy.String(check=lambda column: column.is_in(STATES))
    channel = dy.String(nullable=True, check=lambda column: column.is_in(CHANNELS))
    attempts = dy.Int64(min=1, max=9)
    description = dy.String(nullable=True)

    @dy.rule()  # type: ignore[untyped-decorator] # as above
    def settles_after_booking(self) -> pl.Expr:
        """Money cannot arrive before it was sent."""
        return pl.col("settled_at") >= pl.col("booked_at")

    @dy.rule()  # type: ignore[untyped-decorator]
    def fee_below_amount(self) -> pl.Expr:
        """What a payment costs is no more than what is paid."""
        return pl.col("fee") <= pl.col("amount")

    @dy.rule()  # type: ignore[untyped-decorator]
    def failed_never_settles(self) -> pl.Expr:
        """Money that was not sent does not arrive."""
        return (pl.col("status") != "failed") | pl.col("settled_at").is_null()

    @dy.rule()  # type: ignore[untyped-decorator]
    def settled_has_a_moment(self) -> pl.Expr:
        """What arrived did so at some moment."""
        return (pl.col("status") != "settled") | pl.col("settled_at").is_not_null()


def filtered(frame: pl.DataFrame) -> tuple[int, int, dict[str, int]]:
    """Split a frame: how many rows keep all rules, how many do not, and how many break each."""
    good, failures = Payments.filter(frame)
    return good.height, failures.invalid().height, failures.counts()
