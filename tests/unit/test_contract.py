"""Contracts and sources that cannot mean what they say are refused before any data move."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sluicegate.contracts import PII, Contract, Model, Money, field, key, rule
from sluicegate.errors import ContractError
from tests.unit.kit import Orders, source


class Keyless(Contract):
    """Nothing tells its rows apart."""

    n: int = field()


def test_columns_are_what_was_declared() -> None:
    """Type, key, name at the source, privacy and age of each column, in order."""

    class Payments(Contract):
        """One row a payment."""

        payment_id: str = key(reads="ID")
        amount: Money = field(nullable=True)
        iban: str = field(pii=PII.DIRECT)
        channel: str = field(since="2026-10-16")

    found = {column.name: column for column in Payments.columns()}
    assert list(found) == ["payment_id", "amount", "iban", "channel"]
    assert (found["payment_id"].reads, found["payment_id"].key) == ("ID", True)
    assert (found["amount"].dtype, found["amount"].nullable) == (pl.Decimal(18, 2), True)
    assert found["iban"].pii is PII.DIRECT
    assert (found["channel"].since, found["channel"].nullable) == ("2026-10-16", True)
    assert Payments.key() == ("payment_id",)
    assert Payments.unique_rule() == "payment_id:unique"


def test_contract_inherits_columns_and_rules() -> None:
    """A contract that extends another keeps its promises, and changes nothing about it."""

    class Refunds(Orders):
        """Orders that were paid back."""

        reason: str = field()

        @rule
        def reasoned(self) -> pl.Expr:
            """There is a text."""
            return pl.col("reason").str.len_chars() > 0

    assert set(Refunds.rules()) == {*Orders.rules(), "reason:not_null", "reasoned"}
    assert "reason" not in {column.name for column in Orders.columns()}


def test_contract_stays_an_ordinary_pandera_model() -> None:
    """What people know of pandera works on it."""
    frame = pl.DataFrame({"n": [1, 2]})
    assert Keyless.validate(frame).equals(frame)


def _rule(expression: Any) -> type[Contract]:
    class Ruled(Contract):
        """A contract with one rule."""

        name: str = key()
        amount: Money = field()

        @rule
        def broken(self) -> pl.Expr:
            """Whatever is being tested."""
            return expression

    return Ruled


def _bare() -> type[Contract]:
    class Bare(Contract):
        """A column that pandera knows and we do not."""

        name: str = key()
        amount: Money

    return Bare


@pytest.mark.parametrize(
    ("contract", "message", "hint"),
    [
        (_rule(pl.col("amuont") > 0), "'broken' names the column 'amuont'", "mean 'amount'"),
        (_rule(pl.col("zzz") > 0), "'broken' names the column 'zzz'", "columns: "),
        (_rule(pl.lit(value=True)), "'broken' looks at no column", None),
        (_rule(True), "'broken' must return a polars expression", "pl.col"),
        (_bare(), "column 'amount' is not declared with field", "amount: ... = field()"),
    ],
)
def test_contract_that_cannot_mean_what_it_says(
    contract: type[Contract], message: str, hint: str | None
) -> None:
    """The error names contract, rule and column, and what was probably meant."""
    with pytest.raises(ContractError, match=message) as caught:
        contract.columns()
    assert contract.__name__ in str(caught.value.where)
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("[A-Z", "unclosed"), (")|(", "unopened"), (")(", "unopened"), ("(?=a)", "look-around")],
)
def test_pattern_that_is_none_is_refused(pattern: str, why: str) -> None:
    """A pattern is compiled with the contract, and by itself: it may not open its anchors."""
    with pytest.raises(ContractError, match=f"is not a regular expression: {why}"):
        field(matches=pattern)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"contract": Keyless}, "has no key"),
        ({"tolerate": "2"}, "'2', which is not a share"),
        ({"tolerate": "-1 %"}, "not a share"),
        ({"tolerate": "101 %"}, "not a share"),
        ({"tolerate": "two %"}, "not a share"),
        ({"name": "Orders"}, "'Orders' cannot be the name of a source"),
        ({"name": "1st"}, "cannot be the name"),
        ({"name": "orders; drop table x"}, "cannot be the name"),
        ({"name": "x" * 64}, "cannot be the name"),
    ],
)
def test_source_that_cannot_mean_what_it_says(options: dict[str, Any], message: str) -> None:
    """A declaration is checked when it is made."""
    with pytest.raises(ContractError, match=message):
        source(**options)


@pytest.mark.parametrize(
    ("text", "share"), [("0 %", "0"), ("2%", "0.02"), (" 0.5 % ", "0.005"), ("100 %", "1")]
)
def test_tolerance_is_a_percentage(text: str, share: str) -> None:
    """It is kept exactly, so that a batch at its limit is within it."""
    assert source(tolerate=text).tolerate == Decimal(share)


def test_model_needs_a_key_too() -> None:
    """Without one, no row that breaks a rule could be named."""
    with pytest.raises(ContractError, match=r"model 'marts\.numbers' has no key"):
        Model("marts.numbers", contract=Keyless)
