"""The tree of errors: exit codes, what they say, and that they cross a process."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from sluicegate import errors
from sluicegate.errors import SluicegateError, UnknownName

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, SluicegateError)
]
CODES = {
    "SluicegateError": 1,
    "DataRefused": 3,
    "BatchRefused": 3,
    "AuditFailed": 3,
    "ConfigurationError": 2,
    "UnknownName": 2,
    "ContractError": 2,
    "EnvironmentFailed": 4,
    "ProviderFailed": 4,
    "BranchBusy": 4,
    "RefMoved": 4,
    "GateRefused": 5,
    "Bug": 1,
}


def test_exit_codes_are_the_agreed_ones() -> None:
    """Each error ends the console command with the number that others build on."""
    assert {kind.__name__: kind.exit_code for kind in KINDS} == CODES


def test_tree_is_drawn_as_it_is() -> None:
    """The drawing at the top of the module names every error, once."""
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted({kind.__name__ for kind in KINDS} - {"SluicegateError"})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "It broke."),
        ({"where": "a.csv"}, "It broke.\n  where: a.csv"),
        ({"where": "a.csv", "hint": "mend it"}, "It broke.\n  where: a.csv\n  next:  mend it"),
    ],
)
def test_says_what_where_and_what_next(options: dict[str, str], text: str) -> None:
    """One line each, and none that is empty."""
    assert str(SluicegateError("It broke.", **options)) == text


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_crosses_a_process(kind: type[SluicegateError]) -> None:
    """Nothing of an error is lost on its way through a worker."""
    sent = kind("It broke.", where="a.csv", hint="mend it", result={"found": [1]})
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is kind
    assert (str(received), received.result) == (str(sent), sent.result)


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        (["prod", "dev"], "did you mean 'prod'?"),
        (["a", "b"], "known: a, b"),
        (["b", "a", "b"], "known: a, b"),
        (["prod", "prod"], "did you mean 'prod'?"),
        ([*"abcefghijklmno"], "known: a, b, c, e, f, g, h, i, j, k, l, m, … and 2 more"),
        ([], "there is no environment yet"),
    ],
)
def test_unknown_name_helps(known: list[str], hint: str) -> None:
    """By what is near, else by what there is."""
    error = UnknownName.of("environment", "prd", known)
    assert error.message == "There is no environment called 'prd'."
    assert error.hint == hint
