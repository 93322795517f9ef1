"""A proposal as a module of tests: a record that is let in, and one that breaks each promise."""

from __future__ import annotations

from sluicegate.pseudonyms.spelling import spelled
from sluicegate.scaffold.columns import Proposed
from sluicegate.scaffold.proposal import Proposal
from sluicegate.scaffold.text import call, literal

_MADE_UP = {"int": "1", "Money": "1.00", "Rate": "1.0", "Date": "1990-01-31"}
_IBAN = "DE89370400440532013000"
_NONSENSE = "no such value"
_READ_AS = {"int": "integer", "Money": "decimal", "Rate": "decimal", "Date": "date"}


def suite_of(proposal: Proposal) -> str:
    """The text of the module."""
    record = "".join(
        f"    {literal(each.profile.sent)}: {literal(_text(each))},\n" for each in proposal.columns
    )
    broken = "".join(
        f"{call('', [literal(each.profile.sent), literal(text), literal(rule)], 8, split=True)},\n"
        for each in proposal.columns
        for text, rule in _breaking(each)
    )
    name = proposal.name
    return (
        f'"""What the contract of `{name}` lets in."""\n\n'
        "from __future__ import annotations\n\n"
        + ("import pytest\n\n" if broken else "")
        + "from sluicegate.testing import broken_rules\n\n"
        f"# As a record is sent: values of the sample, made up where they may be personal.\n"
        f"RECORD = {{\n{record}}}\n\n\n"
        "def test_a_record_like_those_of_the_sample_is_let_in() -> None:\n"
        '    """It breaks no rule."""\n'
        f"    assert broken_rules({literal(name)}, RECORD) == set()\n"
        + (_parametrized(name, broken) if broken else "")
    )


def _parametrized(name: str, broken: str) -> str:
    return (
        "\n\n@pytest.mark.parametrize(\n"
        '    ("column", "text", "rule"),\n'
        f"    [\n{broken}    ],\n)\n"
        "def test_a_record_that_breaks_a_promise_is_set_aside("
        "column: str, text: str, rule: str) -> None:\n"
        '    """It is said to break that rule."""\n'
        f"    assert rule in broken_rules({literal(name)}, RECORD | {{column: text}})\n"
    )


def _text(column: Proposed) -> str:
    """A text that keeps every promise of a column: of the sample, unless it may be personal."""
    if column.personal is None:
        return _usual(column)
    if column.personal.iban:
        return _IBAN
    if column.matches is not None:
        return "".join(signs[0] for signs in spelled(column.matches))
    if column.mask is not None and column.mask.name == "EMAIL":
        return "somebody@example.invalid"
    return _MADE_UP.get(column.kind, "somebody")


def _usual(column: Proposed) -> str:
    """The first text of the sample that keeps all promises; none, where it may be absent."""
    if column.isin == "ISO_4217":
        return "EUR"
    if column.isin is not None:
        return str(column.isin[0])
    if column.kind == "str" and column.matches is None:
        # Any text keeps its promises, and theirs may say more of people than a name lets guess.
        return "a text"
    texts, values = column.profile.texts, column.profile.values
    fit = texts.is_not_null() & values.is_not_null()
    if column.ge is not None:
        fit &= values >= column.ge
    if column.matches is not None:
        fit &= texts.str.contains(f"^(?:{column.matches})$")
    found = texts.filter(fit)
    return str(found[0]) if len(found) else ""


def _breaking(column: Proposed) -> list[tuple[str, str]]:
    """Texts that break a rule of a column, each with its name."""
    name = column.name
    found = []
    if not column.nullable:
        found.append(("", f"{name}:not_null"))
    if column.kind in _READ_AS:
        found.append((_NONSENSE, f"{name}:{_READ_AS[column.kind]}"))
    elif column.kind == "UtcTimestamp":
        found.append((_NONSENSE, f"{name}:timestamp"))
    elif column.isin is not None:
        found.append((_NONSENSE, f"{name}:isin"))
    elif column.matches is not None:
        found.append((_NONSENSE, f"{name}:matches"))
    if column.ge is not None:
        found.append((str(int(column.ge) - 1), f"{name}:greater_than_or_equal_to"))
    if column.le is not None:
        found.append((str(int(column.le) + 1), f"{name}:less_than_or_equal_to"))
    return found
