"""The digest of code: other when what it does may be other, and only then."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluicegate.catalogue import load_catalogue
from sluicegate.contracts import checks, iban
from sluicegate.versions import described
from sluicegate.versions.code import digest_of

HEAD = """
import polars as pl
import pandera.polars as pa
from sluicegate.contracts import Contract, field, key, rule
from sluicegate.sources import Files, Load

LIMIT = 3
CODES = {"a", "b", "c"}

def helper(column):
    return column < LIMIT

def around(limit):
    def inner(data):
        return data.lazyframe.select(pl.col(data.key) < limit)
    return inner

class Base(Contract):
    _most = 7

    @classmethod
    def _text(cls):
        return pl.col("order_id").is_in(sorted(CODES))

class Orders(Base):
    order_id: str = key()
    n: int = field(check=pa.Check(around(5), name="around"))

    @rule
    def small(self):
        \"\"\"Small.\"\"\"
        return helper(pl.col("n")) & (pl.col("n") < self._most)

    @rule
    def coded(self):
        return self._text()

source = Files(
    "orders", contract=Orders, match="*.csv", load=Load.APPEND, tolerate="1 %", owner="x"
)
"""


def digests(project: Path, text: str) -> dict[str, str]:
    """The digests of a module's rules and check."""
    (project / "contracts").mkdir(parents=True)
    (project / "contracts" / "orders.py").write_text(text)
    (rules,) = described(load_catalogue(project)).values()
    found = {name: rule.code for name, rule in rules.rules.items()}
    return {**found, **dict(rules.columns[1].checks)}


@pytest.mark.parametrize(
    ("text", "instead", "changed"),
    [
        ("LIMIT = 3", "LIMIT = 4", {"small"}),
        ("column < LIMIT", "column <= LIMIT", {"small"}),
        ("_most = 7", "_most = 8", {"small"}),
        ('"c"}', '"c", "d"}', {"coded"}),
        ('"a", "b", "c"', '"c", "b", "a"', set()),
        ("around(5)", "around(6)", {"around"}),
        ("(data.key) < limit", "(data.key) > limit", {"around"}),
        ("@rule\n    def small", "@rule(severity='warn')\n    def small", set()),
        ('"""Small."""', '"""Little."""', set()),
        ('        """Small."""\n', "        # Little.\n\n", set()),
        ("return column < LIMIT", "return (\n        column  <  LIMIT\n    )", set()),
    ],
)
def test_changes_with_what_it_names(
    tmp_path: Path, text: str, instead: str, changed: set[str]
) -> None:
    """Helpers, constants, what encloses it and what its class has; not words and layout."""
    assert text in HEAD
    # In folders of their own: Python tells files apart by their second and size.
    before = digests(tmp_path / "before", HEAD)
    after = digests(tmp_path / "after", HEAD.replace(text, instead))
    assert {name for name in before if before[name] != after[name]} == changed


def test_our_own_checks_are_covered_to_the_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an IBAN looks like stands three steps below the check."""
    before = digest_of(iban._check_fn)
    monkeypatch.setattr(checks, "_IBAN", ".*")
    assert digest_of(iban._check_fn) != before


def _decorated(limit: int) -> Callable[..., Any]:
    def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(value: int) -> bool:
            return bool(function(value)) and value < limit

        return wrapper

    return decorator


def _strict(limit: int) -> Callable[..., Any]:
    def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(value: int) -> bool:
            return bool(function(value)) and value <= limit

        return wrapper

    return decorator


def test_wrappers_partials_and_objects() -> None:
    """What is given along counts too."""

    def check(value: int, least: int = 0) -> bool:
        return value > least

    class Checker:
        def __call__(self, value: int) -> bool:
            return value > 0

    wrapped = [digest_of(_decorated(limit)(check)) for limit in (1, 2)]
    partials = [digest_of(functools.partial(check, least=least)) for least in (1, 2)]
    stricter = digest_of(_strict(1)(check))
    found = {*wrapped, *partials, stricter, digest_of(check), digest_of(Checker())}
    assert len(found) == 7
    assert digest_of(check) == digest_of(check)
    # Sets have no order: these two are told in different ones.
    sets = [frozenset(numbers) for numbers in ((0, 8), (8, 0))]
    assert list(sets[0]) != list(sets[1])
    assert len({digest_of(functools.partial(check, least=each)) for each in sets}) == 1
    assert digest_of(len) != digest_of(sum)
