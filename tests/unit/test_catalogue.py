"""The catalogue: what a project declares, and declarations that cannot be loaded."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from sluicegate.catalogue import load_catalogue
from sluicegate.contracts import PII
from sluicegate.errors import ContractError, UnknownName
from sluicegate.sources import Load

HEAD = """
import polars as pl
from sluicegate.contracts import Contract, Model, Reference, field, key, rule
from sluicegate.sources import Files, Load

class Orders(Contract):
    order_id: str = key()

def orders(name="orders", **options):
    given = dict(contract=Orders, match="*.csv", load=Load.APPEND, tolerate="1 %", owner="x")
    return Files(name, **(given | options))
"""

BAD = "class Bad(Orders):\n    @rule\n    def r(self):\n        return {}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without contracts."""
    (tmp_path / "contracts").mkdir()
    return tmp_path


def declare(project: Path, text: str, file: str = "orders.py") -> None:
    """Write a module of contracts."""
    (project / "contracts" / file).write_text(HEAD + dedent(text))


def test_finds_sources_and_models(project: Path) -> None:
    """In every module of the folder but those with a leading underscore."""
    declare(project, "source = orders()\nmodel = Model('marts.orders', contract=Orders)")
    declare(project, "first, second = orders('refunds'), orders('returns')", "more.py")
    declare(project, "source = orders()", "_draft.py")
    catalogue = load_catalogue(project)
    assert sorted(catalogue.sources) == ["orders", "refunds", "returns"]
    assert list(catalogue.models) == ["marts.orders"]
    assert catalogue.source("orders").name == "orders"
    with pytest.raises(UnknownName, match="no source called 'ordres'") as caught:
        catalogue.source("ordres")
    assert "orders" in str(caught.value.hint)


@pytest.mark.parametrize("binding", ["", "models = [Model('marts.totals', contract=Totals)]"])
def test_contract_that_nothing_is_held_to_is_refused(project: Path, binding: str) -> None:
    """A contract that no source and no model is bound to could never fail."""
    text = f"class Totals(Contract):\n    n: int = key()\n\nsource = orders()\n{binding}\n"
    (project / "contracts" / "orders.py").write_text(HEAD + text)
    with pytest.raises(ContractError, match="Totals is written down, and nothing is held to it"):
        load_catalogue(project)


def test_our_own_contracts_load() -> None:
    """The reference domain is declared without a fault."""
    catalogue = load_catalogue(Path(__file__).parents[2])
    assert {"payments", "fx_rates"} <= catalogue.sources.keys()
    assert {"marts.payments_eur", "staging.stg_fx_rates"} <= catalogue.models.keys()


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("source = orders(", "SyntaxError: '.' was never closed", 12),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named", 12),
        ("source = 1 / 0", "ZeroDivisionError: division by zero", 12),
        ("source = Files('x', match='*', contract=Orders)", "without load, owner, tolerate", None),
        ("source = orders(tolerate=0.05)", "tolerates 0.05, which is not a share", None),
        ("source = orders(colour='blue')", "declared with 'colour', which no source knows", 11),
        ("source = orders(load='upsert')", "load='upsert' is no Load", 11),
        ("source = orders(load='replace')", "must say how far a batch may shrink", None),
        ("source = orders(tolerate='lots')", "tolerates 'lots'", None),
        (
            "class Bad(Contract):\n    a: int = key(tolerate='2 %')",
            r"TypeError: key\(\) got an unexpected keyword argument 'tolerate'",
            13,
        ),
        ("source = orders('Orders')", "cannot be the name of a source", None),
        (
            BAD.format("pl.col('x') > 1") + "source = orders(contract=Bad)",
            "names the column 'x'",
            None,
        ),
        (
            BAD.format("self.nonsense") + "model = Model('marts.bad', contract=Bad)",
            "AttributeError",
            15,
        ),
    ],
)
def test_module_that_cannot_be_loaded(
    project: Path, text: str, message: str, line: int | None
) -> None:
    """The error is ours, in a sentence, with file and line: no traceback to read."""
    declare(project, text)
    with pytest.raises(ContractError, match=message) as caught:
        load_catalogue(project)
    if line is not None:
        assert caught.value.where == f"{project}/contracts/orders.py, line {line}"
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("source = orders()", "source = orders()", "share the source name 'orders'"),
        (
            "source = orders()\nmodel = Model('marts.a', contract=Orders)",
            "model = Model('marts.a', contract=Orders)",
            "share the model name 'marts.a'",
        ),
        (
            "source = orders()",
            "model = Model('raw.orders', contract=Orders)",
            "share the model name 'raw.orders'",
        ),
    ],
)
def test_names_are_declared_once(project: Path, first: str, second: str, message: str) -> None:
    """A name is one table; both places are named."""
    declare(project, first, "a.py")
    declare(project, second, "b.py")
    with pytest.raises(ContractError, match=message) as caught:
        load_catalogue(project)
    assert f"{project}/contracts/a.py and {project}/contracts/b.py" in str(caught.value.where)


@pytest.mark.parametrize(
    ("declared", "meant"),
    [
        ("key(match='a')", "did you mean 'matches'?"),
        ("field(nulable=True)", "did you mean 'nullable'?"),
        ("field(zzz=True)", "field() takes nullable, pii, "),
    ],
)
def test_argument_that_nobody_knows(project: Path, declared: str, meant: str) -> None:
    """What was probably meant is told."""
    declare(project, f"class Bad(Contract):\n    a: int = {declared}")
    with pytest.raises(ContractError, match="got an unexpected keyword argument") as caught:
        load_catalogue(project)
    assert meant in str(caught.value.hint)


@pytest.mark.parametrize(
    ("declared", "message", "hint"),
    [
        ("field(pii='secret')", "pii='secret' is no PII", "PII.DIRECT"),
        ("field(pii=PII.DIRECT, mask='mail')", "mask='mail' is no Mask", "Mask.EMAIL"),
        ("field(gt='a', severity='warning')", "severity='warning' is no Severity", "Severity.WARN"),
        ("field(gt='a', dimension='x')", "dimension='x' is no Dimension", "Dimension.VALIDITY"),
        ("field(nullable='no')", "nullable='no' is not True or False", "leave it out"),
        ("field(since=1)", "since=1 is not a text", "quotes"),
        ("field(matches=1)", "matches=1 is not a text", "quotes"),
        ("field(reads=1)", "reads=1 is not a text", "quotes"),
        ("key(description=1)", "description=1 is not a text", "quotes"),
        ("key(references=Orders)", "references=.* is not a text", "quotes"),
    ],
)
def test_argument_of_another_kind(project: Path, declared: str, message: str, hint: str) -> None:
    """It is refused where it is written: a mask that is ignored would leave somebody's name."""
    text = f"from sluicegate.contracts import PII\n\nclass Bad(Contract):\n    a: str = {declared}"
    declare(project, text)
    with pytest.raises(ContractError, match=message) as caught:
        load_catalogue(project)
    assert caught.value.where == f"{project}/contracts/orders.py, line 15"
    assert hint in str(caught.value.hint)


def test_a_choice_may_be_said_by_its_value(project: Path) -> None:
    """It is what its name would have made of it."""
    text = "class More(Orders):\n    name: str = field(pii='direct', mask='text')\n"
    declare(project, text + "source = orders(contract=More, load='append')")
    source = load_catalogue(project).source("orders")
    assert source.load is Load.APPEND
    assert source.contract.columns()[1].pii is PII.DIRECT


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ("contract='Orders'", "contract=Orders"),
        ("owner=' '", "owner="),
        ("may_be_empty='no'", "write True"),
        ("ignore='comment'", "write ignore=('comment',)"),
        ("fresh='36 h'", 'fresh=within("36 h")'),
        ("reference='raw.codes'", "Reference("),
        ("format='csv'", "format=Ndjson()"),
        ("match='/drops/*.csv'", '"payments/*.csv"'),
        ("match='../*.csv'", '"payments/*.csv"'),
        ("match=3", "quotes"),
        ("retries=3", "known: contract, drift"),
    ],
)
def test_term_of_another_kind(project: Path, options: str, hint: str) -> None:
    """Nothing is left for the run that would have needed it."""
    declare(project, f"source = orders({options})")
    with pytest.raises(ContractError) as caught:
        load_catalogue(project)
    assert caught.value.where is not None
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["float", "bool", "pl.Int16", "pl.Time"])
def test_type_that_no_source_has(project: Path, kind: str) -> None:
    """It is refused with its column, before a run; what dbt builds may have it."""
    text = f"class Odd(Orders):\n    share: {kind} = field(nullable=True)\n"
    declare(project, text + "source, model = orders(), Model('marts.odd', contract=Odd)")
    assert load_catalogue(project).models.keys() == {"marts.odd"}
    declare(project, text + "source = orders(contract=Odd)")
    with pytest.raises(ContractError, match=r"column 'share' has the type .*, which nothing is"):
        load_catalogue(project)


def test_project_without_sources_is_told(project: Path) -> None:
    """There would be nothing to do, which nobody means."""
    with pytest.raises(ContractError, match="declares no source"):
        load_catalogue(project)


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("'raw.code', on={'order_id': 'code'}", "table 'raw.code'", "mean 'raw.codes'"),
        ("'raw.codes', on={'order_id': 'cod'}", "column 'cod'", "mean 'code'"),
        ("'raw.codes', on={'order': 'code'}", "column 'order'", "mean 'order_id'"),
        ("'raw.codes', on={'order_id': 'code'}, agree={'order_id': 'n'}", "compares", "one type"),
        ("'raw.codes', on={}", "no columns to find its rows by", "on="),
    ],
)
def test_reference_that_cannot_be_asked(
    project: Path, reference: str, message: str, hint: str
) -> None:
    """What it names has to be there, and to be of one type."""
    codes = "class Codes(Contract):\n    code: str = key()\n    n: int = field()\n"
    codes += "codes = orders('codes', contract=Codes)\n"
    declare(project, f"{codes}source = orders(reference=Reference({reference}))")
    with pytest.raises(ContractError, match=message) as caught:
        load_catalogue(project)
    assert hint in str(caught.value.hint)
