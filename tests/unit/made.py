"""Contracts made on the fly, to be compared."""

from __future__ import annotations

from typing import Any

from sluicegate.contracts import Contract, Model, field, key
from sluicegate.contracts.readings import require_readable
from sluicegate.errors import ContractError
from sluicegate.sources import Delimited, Files, Load
from sluicegate.versions import Change, Rules, compare
from sluicegate.versions.describe import of_model, of_source


def contract(columns: dict[str, tuple[Any, Any]], **rules: Any) -> type[Contract]:
    """A contract with these columns: name → type and field; and the rules over them."""
    annotations = {name: kind for name, (kind, _) in columns.items()}
    fields = {name: declared for name, (_, declared) in columns.items()}
    space = {"__annotations__": annotations, "__module__": __name__, **fields, **rules}
    return type(Contract)("Made", (Contract,), space)


def of_column(kind: Any, declared: Any = None, **rules: Any) -> type[Contract]:
    """A contract with a key and one more column, ``x``."""
    declared = field() if declared is None else declared
    return contract({"id": (int, key()), "x": (kind, declared)}, **rules)


def bound(made: type[Contract], **options: Any) -> Rules:
    """The rules of a source of it; anything about the source can be chosen.

    Of a model, where it has a column of a type that only dbt makes.
    """
    try:
        require_readable(made)
    except ContractError:
        return of_model(Model("marts.made", contract=made))
    chosen: dict[str, Any] = {
        "match": "made/*.csv",
        "format": Delimited(),
        "load": Load.APPEND,
        "tolerate": "2 %",
        "owner": "somebody",
        **options,
    }
    return of_source(Files("made", contract=made, **chosen))


def changes(old: Rules, new: Rules) -> tuple[Change, ...]:
    """What is different."""
    compared = compare({old.table: old}, {new.table: new})
    return compared[0].changes if compared else ()


def broken(old: Rules, new: Rules) -> str:
    """Whom the difference breaks: ``""``, ``"readers"``, ``"writers"`` or ``"readers writers"``."""
    found = changes(old, new)
    sides = [any(c.readers for c in found), any(c.writers for c in found)]
    return " ".join(n for n, on in zip(("readers", "writers"), sides, strict=True) if on)
