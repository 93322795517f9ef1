"""The committed snapshot of the contracts: it is what they say, and a weaker check is noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sluicegate.catalogue import load_catalogue
from sluicegate.errors import ConfigurationError, ContractError
from sluicegate.versions import compare, described
from sluicegate.versions.rules import Rules
from sluicegate.versions.snapshot import RULES, rules_of, stale, text_of, write
from tests.support import ROOT
from tests.unit.made import bound, of_column


def test_snapshot_is_what_the_contracts_say() -> None:
    """A check that was removed, disabled or weakened is seen here, if nowhere else.

    If the change is meant: `sluicegate contracts snapshot` writes it down, to be committed with it.
    """
    rules = described(load_catalogue(ROOT))
    assert len(rules) > 20
    assert stale(ROOT, rules) == [], "is that meant? then: sluicegate contracts snapshot"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the contracts and their snapshot."""
    made = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts", ignore=made)
    return tmp_path


PAYMENTS, CUSTOMERS = "payments.py", "customers.py"


@pytest.mark.parametrize(
    ("file", "text", "instead", "tables"),
    [
        (PAYMENTS, "    @rule\n    def settles", "    def settles", 0),
        (PAYMENTS, 'col("settled_at") >=', 'col("settled_at") !=', ["raw.payments"]),
        (PAYMENTS, "gt=0", "ge=0", ["raw.payments"]),
        (PAYMENTS, "gt=0, ", "", ["raw.payments"]),
        (PAYMENTS, "isin=ISO_4217, ", "", ["raw.payments"]),
        (PAYMENTS, "isin=ISO_4217", 'isin=ISO_4217 | {"XXX"}', ["raw.payments"]),
        (PAYMENTS, 'tolerate="5 %"', 'tolerate="50 %"', ["raw.payments"]),
        (PAYMENTS, '    fresh=daily(by="06:00", tz="Europe/Berlin"),\n', "", ["raw.payments"]),
        (PAYMENTS, "or_iban: str = field(\n        check=iban,", "or_iban: str = field(", 0),
        (PAYMENTS, "    @rule\n", "    class Config:\n        strict = False\n\n    @rule\n", 0),
        (CUSTOMERS, 'matches="C[0-9]{7}"', 'matches="C[0-9]*"', 0),
        (CUSTOMERS, 'matches="[A-Z]{2}"', 'matches="[A-Z]*"', ["raw.customers"]),
        (CUSTOMERS, "name: str = field(", "name: str = field(nullable=True, ", ["raw.customers"]),
        (CUSTOMERS, 'may_shrink="5 %"', 'may_shrink="90 %"', ["raw.customers"]),
        ("histories.py", "contract=MerchantsHistory", "contract=MerchantsHistory, unique=False", 1),
        ("marts_reversals.py", "contract=PaymentsNet", "contract=PaymentsNet, unique=False", 1),
    ],
)  # fmt: skip
def test_weaker_check_is_noticed(
    project: Path, file: str, text: str, instead: str, tables: Any
) -> None:
    """Taking one away, in whichever way, makes the snapshot another one, and breaks readers."""
    source = project / "contracts" / file
    whole = source.read_text()
    assert text in whole
    before = described(load_catalogue(ROOT))
    source.write_text(whole.replace(text, instead, 1))
    if not tables:
        # It is no contract any more: that is refused before anything is compared.
        with pytest.raises(ContractError):
            load_catalogue(project)
        return
    after = described(load_catalogue(project))
    found = stale(project, after)
    assert (found == tables) if isinstance(tables, list) else (len(found) == tables)
    assert [each.table for each in compare(before, after)] == found
    assert all("readers" in each.verdict for each in compare(before, after))


def test_contract_that_is_gone_is_noticed(project: Path) -> None:
    """With its file, which nobody remembers to delete along."""
    (project / "contracts" / "fx_rates.py").unlink()
    assert stale(project, described(load_catalogue(project))) == ["raw.fx_rates"]


def test_descriptions_and_comments_are_no_promise(project: Path) -> None:
    """What people read may be corrected; so may the layout of a rule."""
    source = project / "contracts" / PAYMENTS
    text = source.read_text()
    text = text.replace("Number that the processor gave the payment.", "Its number.")
    text = text.replace("Money cannot arrive before it was sent.", "First sent, then there.")
    said = 'return pl.col("settled_at") >= pl.col("booked_at")'
    assert said in text
    source.write_text(text.replace(said, f"# Equal is fine.\n        {said[:-1]}\n        )"))
    assert stale(project, described(load_catalogue(project))) == []


def test_write_adds_replaces_and_removes(project: Path) -> None:
    """Afterwards the snapshot is what the contracts say; writing again changes nothing."""
    rules = described(load_catalogue(project))
    folder = project / RULES
    (folder / "raw.payments.json").unlink()
    (folder / "raw.gone.json").write_text("{}")
    (folder / "raw.refunds.json").write_text("{}")
    assert write(project, rules) == ["raw.gone", "raw.payments", "raw.refunds"]
    assert not (folder / "raw.gone.json").exists()
    assert write(project, rules) == []


def test_every_rule_comes_back_as_it_was() -> None:
    """From what was written, for every contract of the project."""
    for rules in described(load_catalogue(ROOT)).values():
        assert rules_of(text_of(rules), "here") == rules


WRITTEN = json.loads(text_of(bound(of_column(int))))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"format": 2}, "has the format 2, not 1"),
        ({"colour": "blue"}, "nobody knows what 'colour' means"),
        ({"columns": [{"name": "id", "type": "int", "reads": "id", "odd": 1}]}, "'odd'"),
        ({"columns": [{"name": "id", "type": "int"}]}, "does not say 'reads'"),
        ({"columns": [{"name": "id", "type": "int", "reads": "id", "key": "yes"}]}, "'key' is not"),
        ({"columns": [{"name": "id", "type": "int", "reads": "id", "isin": [1]}]}, "'isin' is not"),
        ({"columns": {}}, "there is a dict for a list"),
        ({"source": {"kind": "Files"}}, "does not say 'origin'"),
        ({"rules": {"r": {"expression": "x"}}}, "does not say 'code'"),
    ],
)
def test_what_cannot_be_read_is_refused(wrong: dict[str, Any], message: str) -> None:
    """An unknown word could be a promise: a comparison without it would be too lenient."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        rules_of(json.dumps(WRITTEN | wrong), "main:contracts/rules/raw.made.json")
    assert caught.value.where == "main:contracts/rules/raw.made.json"
    assert caught.value.hint


def test_what_is_not_json_is_refused() -> None:
    """Such as a file with the marks of a merge in it."""
    with pytest.raises(ConfigurationError, match="is not JSON"):
        rules_of("<<<<<<< HEAD", "here")
    with pytest.raises(ConfigurationError, match="format None"):
        rules_of("[]", "here")


def test_tables_are_files() -> None:
    """A table that could not be the name of a file is refused."""
    assert isinstance(bound(of_column(int)), Rules)
    catalogue = load_catalogue(ROOT)
    name, model = next(iter(catalogue.models.items()))
    object.__setattr__(model, "table", "../payments")
    with pytest.raises(ContractError, match="cannot be the name of a table"):
        described(catalogue)
    object.__setattr__(model, "table", name)
