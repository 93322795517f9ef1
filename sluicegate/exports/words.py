"""The rules of a dataset in words: for people, and where a format cannot tell them otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sluicegate.contracts import kinds
from sluicegate.contracts.dimension import Dimension, Severity
from sluicegate.exports.dataset import Dataset
from sluicegate.versions.rules import ColumnRules

MANY = 24
"""So many values of a list are told; of more, the first ones."""

_WORDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
BOUNDS = {bound.kind: (check, _WORDS[bound.kind]) for check, bound in kinds.BOUNDS.items()}
"""Bounds of a column: the name of the check, and how it is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """One rule.

    Attributes:
        rule: its name, as it stands in quarantine: ``amount:greater_than``.
        words: what it asks for: ``greater than 0``.
        column: it is about; None for several.
        check: what it is called within the column; of a rule over several, its name.
        dimension: of quality.
        warns: whether rows that break it are published all the same; its words say so.
    """

    rule: str
    words: str
    column: str | None
    check: str
    dimension: Dimension
    warns: bool


def rules_of(dataset: Dataset) -> tuple[Told, ...]:
    """Every rule that a row of the dataset can break."""
    rules = dataset.rules
    columns = [told for column in rules.columns for told in of_column(column, dataset)]
    key = "+".join(rules.key)
    unique = []
    if dataset.unique:
        unique.append(_told(f"{key}:unique", _unique(rules.key), dataset, None, "unique"))
    return (
        *unique,
        *columns,
        *(_told(name, _row(name, dataset), dataset, None, name) for name in rules.rules),
        *(
            Told(f"agrees: {each}", each, None, "agrees", Dimension.CONSISTENCY, warns=False)
            for each in _agreements(dataset)
        ),
    )


def of_column(column: ColumnRules, dataset: Dataset) -> Iterator[Told]:
    """The rules about one column."""

    def told(check: str, words: str) -> Told:
        return _told(f"{column.name}:{check}", words, dataset, column.name, check)

    if not column.nullable:
        yield told("not_null", "never absent")
    for bound, (check, words) in BOUNDS.items():
        if (value := getattr(column, bound)) is not None:
            yield told(check, f"{words} {value}")
    if column.isin is not None:
        yield told("isin", _listed(column.isin))
    for check in column.checks:
        yield told(check, _own(check, column, dataset))
    if column.matches is not None:
        yield told("matches", f"all of it matches {code(column.matches)}")
    if column.references is not None:
        when = "" if dataset.rules.source is None else ", when it arrives"
        yield told("references", f"stands in {code(column.references)}{when}")


def _told(rule: str, words: str, dataset: Dataset, column: str | None, check: str) -> Told:
    promise = dataset.promises[rule]
    warns = promise.severity is Severity.WARN
    said = f"{words} (only warns)" if warns else words
    return Told(rule, said, column, check, promise.dimension, warns)


def code(text: str) -> str:
    """A text as code in Markdown, whatever quotes are in it."""
    fence = "`"
    while fence in text:
        fence += "`"
    pad = " " if text[:1] == "`" or text[-1:] == "`" or not text.strip() else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _agreements(dataset: Dataset) -> tuple[str, ...]:
    return dataset.rules.model.agrees if dataset.rules.model else ()


def _listed(values: tuple[str, ...]) -> str:
    shown = ", ".join(code(value) for value in values[:MANY])
    more = f" and {len(values) - MANY} more" if len(values) > MANY else ""
    return f"one of {shown}{more}"


def _own(check: str, column: ColumnRules, dataset: Dataset) -> str:
    if check == "iban" and column.name in dataset.ibans:
        return "an IBAN whose check digits are right"
    # A digest of code says nothing to people.
    parts = column.checks[check].split(", ")
    given = [part for part in parts if not part.startswith("code ") and not part.endswith("=None")]
    return f"passes the check {code(check)}" + (f" ({', '.join(given)})" if given else "")


def _row(name: str, dataset: Dataset) -> str:
    words = " ".join(dataset.row_rules.get(name, "").split("\n\n")[0].split())
    return words or dataset.rules.rules[name].expression or f"passes the check {code(name)}"


def _unique(key: tuple[str, ...]) -> str:
    return f"no two rows have the same {' and '.join(map(code, key))}"
