"""Personal columns: what a contract says of them, and masks that cannot be meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluicegate.catalogue import load_catalogue
from sluicegate.contracts import (
    PII,
    Contract,
    Date,
    Mask,
    Money,
    UtcTimestamp,
    field,
    iban,
    key,
    replacements,
)
from sluicegate.errors import ContractError
from sluicegate.pseudonyms import Replacement

ROOT = Path(__file__).parents[2]
D = PII.DIRECT


class People(Contract):
    """Every type that has a default, and some that were told."""

    number: int = key(pii=PII.INDIRECT)
    customer_id: str = field(pii=PII.INDIRECT, mask=Mask.PATTERN, matches="C[0-9]{7}")
    name: str = field(pii=PII.DIRECT)
    debtor: str = field(pii=PII.DIRECT, check=iban, domain="iban")
    born_on: Date = field(pii=PII.DIRECT)
    salary: Money = field(nullable=True, pii=PII.INDIRECT, mask=Mask.NULL)
    amount: Money = field()


def test_a_contract_knows_its_personal_columns() -> None:
    """Their class, how they are replaced, and what they are; the others are not there."""
    assert {name: column.pii for name, column in People.personal().items()} == {
        "number": PII.INDIRECT,
        "customer_id": PII.INDIRECT,
        "name": PII.DIRECT,
        "debtor": PII.DIRECT,
        "born_on": PII.DIRECT,
        "salary": PII.INDIRECT,
    }
    assert [column.replacement for column in People.personal().values()] == [
        Replacement(Mask.NUMBER, "number"),
        Replacement(Mask.PATTERN, "customer_id", "C[0-9]{7}"),
        Replacement(Mask.TEXT, "name"),
        Replacement(Mask.IBAN, "iban"),
        Replacement(Mask.DAY, "born_on"),
        Replacement(Mask.NULL, "salary"),
    ]


def contract(kind: Any, **options: Any) -> type[Contract]:
    """A contract with one more column."""
    body = {"n": key(), "column": field(**options)}
    types = {"__annotations__": {"n": int, "column": kind}, "__module__": __name__}
    return type("One", (Contract,), {**body, **types})


@pytest.mark.parametrize(
    ("kind", "options", "message", "hint"),
    [
        (str, {"mask": Mask.TEXT}, "not that it is personal", "add pii="),
        (str, {"domain": "iban"}, "not that it is personal", "leave mask and domain out"),
        (str, {"pii": D, "mask": Mask.DAY}, "Mask.DAY: that is for Date", "for the default"),
        (str, {"pii": D, "mask": Mask.NUMBER}, "Mask.NUMBER: that is for int", "for the default"),
        (int, {"pii": D, "mask": Mask.TEXT}, "Mask.TEXT: that is for str", "for the default"),
        (Date, {"pii": D, "mask": Mask.IBAN}, "Mask.IBAN: that is for str", "for the default"),
        (str, {"pii": D, "mask": Mask.KEEP}, "identifies a person by itself", "PII.INDIRECT"),
        (str, {"pii": D, "mask": Mask.NULL}, "values may not be absent", "another mask"),
        (Money, {"pii": D}, "nothing says what could stand in its place", "Mask.NULL"),
        (UtcTimestamp, {"pii": D}, "nothing says what could stand in its place", "Mask.KEEP"),
        (int, {"pii": D, "isin": (0, 1)}, "nothing says what could stand", "Mask.KEEP"),
        (str, {"pii": D, "matches": "C[0-9]{7}"}, "nothing says what could", "Mask.PATTERN"),
        (
            str,
            {"pii": D, "matches": "C[0-9]{7}", "mask": Mask.EMAIL},
            "what would stand there breaks its matches=",
            "Mask.PATTERN",
        ),
        (
            str,
            {"pii": D, "matches": "C[0-9]+", "mask": Mask.PATTERN},
            "leaves open how values are spelled",
            "of fixed length",
        ),
        (
            str,
            {"pii": D, "isin": ("a", "b"), "mask": Mask.SHAPE},
            "its values are those of a list",
            "mask=Mask.KEEP",
        ),
    ],
)
def test_mask_that_cannot_be_meant(
    kind: Any, options: dict[str, Any], message: str, hint: str
) -> None:
    """Refused with the contract; the message names column and mask, and what to write instead."""
    with pytest.raises(ContractError, match="The column 'column'") as caught:
        contract(kind, **options).columns()
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "One" in str(caught.value.where)


@pytest.mark.parametrize(
    ("kind", "options", "mask"),
    [
        (str, {"matches": "[^@ ]+@[^@ ]+", "mask": Mask.EMAIL}, Mask.EMAIL),
        (str, {"matches": ".+"}, Mask.TEXT),
        (str, {"isin": ("a", "b"), "mask": Mask.KEEP}, Mask.KEEP),
        (Money, {"nullable": True, "mask": Mask.NULL}, Mask.NULL),
        (UtcTimestamp, {"since": "2026-10-16", "mask": Mask.NULL}, Mask.NULL),
    ],
)
def test_mask_that_can_be_meant(kind: Any, options: dict[str, Any], mask: Mask) -> None:
    """What fits the type, the pattern and the list is taken."""
    personal = contract(kind, pii=PII.INDIRECT, **options).personal()
    assert personal["column"].replacement.mask is mask


def ways(*contracts: type[Contract]) -> dict[str, Replacement]:
    """How values are replaced, over several contracts."""
    return replacements(
        (one.place(), name, column) for one in contracts for name, column in one.personal().items()
    )


def test_a_domain_has_one_pattern_wherever_it_stands() -> None:
    """A column without matches= takes over that of its domain, in whichever order they come."""
    plain = contract(str, pii=PII.INDIRECT, mask=Mask.PATTERN, domain="customer_id")
    expected = Replacement(Mask.PATTERN, "customer_id", "C[0-9]{7}")
    assert ways(People, plain)["customer_id"] == ways(plain, People)["customer_id"] == expected


@pytest.mark.parametrize(
    "options",
    [
        {"mask": Mask.TEXT},
        {"mask": Mask.KEEP},
        {"mask": Mask.PATTERN, "matches": "K[0-9]{7}"},
    ],
)
def test_values_that_would_not_join_are_refused(options: dict[str, Any]) -> None:
    """Columns of one domain with two masks, or one that lets originals stand beside pseudonyms."""
    other = contract(str, pii=PII.INDIRECT, domain="customer_id", **options)
    with pytest.raises(ContractError, match="'customer_id' are masked in two ways") as caught:
        ways(People, other)
    assert "'customer_id'" in str(caught.value.where)
    assert "'column'" in str(caught.value.where)


def test_a_pattern_must_stand_somewhere() -> None:
    """A mask by pattern with no pattern anywhere is refused."""
    with pytest.raises(ContractError, match="No column says which pattern the values of 'column'"):
        ways(contract(str, pii=PII.INDIRECT, mask=Mask.PATTERN))


def test_what_is_absent_joins_with_nothing() -> None:
    """So Mask.NULL agrees with every other mask of its domain."""
    empty = contract(str, pii=D, nullable=True, mask=Mask.NULL, domain="name")
    assert ways(empty, People)["name"].mask is Mask.TEXT


def test_catalogue_refuses_masks_that_disagree(tmp_path: Path) -> None:
    """When the project is loaded, before any data move."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "people.py").write_text(
        "from sluicegate.contracts import PII, Contract, Mask, Model, field, key\n"
        "from sluicegate.sources import Files, Load\n"
        "class One(Contract):\n    who: str = key(pii=PII.INDIRECT)\n"
        "class Two(Contract):\n    who: str = key(pii=PII.INDIRECT, mask=Mask.SHAPE)\n"
        "terms = dict(load=Load.APPEND, tolerate='0 %', owner='x')\n"
        "source = Files('one', contract=One, match='*', **terms)\n"
        "model = Model('marts.two', contract=Two)\n"
    )
    with pytest.raises(ContractError, match="masked in two ways"):
        load_catalogue(tmp_path)


PERSONAL_NAMES = ("name", "email", "iban", "born", "birth", "street", "postal", "city", "phone")


def test_the_reference_contracts_say_what_is_personal() -> None:
    """A column that is called like something personal is, in every contract of the project."""
    catalogue = load_catalogue(ROOT)
    contracts = [one.contract for one in (*catalogue.sources.values(), *catalogue.models.values())]
    plain = {
        f"{contract.__name__}.{column.name}"
        for contract in contracts
        for column in contract.columns()
        if column.pii is PII.NONE
        and (column.name == "customer_id" or any(part in column.name for part in PERSONAL_NAMES))
    }
    # Whether there is one, in a published data set in which nobody is named.
    assert plain == {"GermanCredit.telephone"}
