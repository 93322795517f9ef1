"""What stands in the body of a contract: columns and rules, and nothing that nobody would read."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pandera.api.dataframe.model_components import FieldInfo

from sluicegate.contracts.field import is_rule
from sluicegate.errors import ContractError

_SOURCE, _MODEL, _FIELD = "Files(..., {}=...)", "Model(..., {}=...)", "field({}=...)"
_SAID_BY = {
    **dict.fromkeys(
        ("load", "tolerate", "owner", "may_shrink", "ignore", "fresh", "drift"), _SOURCE
    ),
    **dict.fromkeys(("may_be_empty", "unique", "table"), _MODEL),
    **dict.fromkeys(("nullable", "pii", "mask", "domain", "reads", "since", "check"), _FIELD),
    **dict.fromkeys(("gt", "ge", "lt", "le", "isin", "matches", "description"), _FIELD),
    **dict.fromkeys(("references", "severity", "dimension"), _FIELD),
    **dict.fromkeys(("agrees", "reference"), _MODEL),
}
"""What is known of a dataset, and where it is said."""


def require_members_that_count(contract: type, base: type) -> None:
    """Refuse whatever in a contract's body looks like a promise and is none.

    Args:
        base: of all contracts; what it has is not looked at.

    Raises:
        ContractError: a member is ignored, or stands in the way of what contracts do.
    """
    where = f"{contract.__module__}.{contract.__qualname__}"
    for name, member, annotated in _members(contract, base):
        if isinstance(member, FieldInfo):
            _require_column(name, where, annotated=annotated)
        elif not (name.startswith("_") or is_rule(member)):
            _refuse(name, member, where, annotated=annotated)
        if is_rule(member) and annotated:
            raise ContractError(f"{name!r} is a rule and a column.", where=where, hint="rename one")


def require_nothing_replaced(contract: type, base: type) -> None:
    """Refuse a member, a column too, that takes the place of what all contracts do.

    Raises:
        ContractError: there is one.
    """
    for name in vars(contract):
        if hasattr(base, name) and name != "Config" and not name.startswith("__"):
            raise ContractError(
                f"{name!r} is something that every contract has, and cannot be replaced.",
                where=f"{contract.__module__}.{contract.__qualname__}",
                hint=f"call it otherwise; for a column: other_name: ... = field(reads={name!r})",
            )


def _members(contract: type, base: type) -> Iterator[tuple[str, Any, bool]]:
    """Name and value of every member below the base, and whether it has a type of its own."""
    for holder in contract.__mro__:
        if holder is base:
            return
        types = vars(holder).get("__annotations__", {})
        for name, member in vars(holder).items():
            if name != "Config" and not (name.startswith("__") and name.endswith("__")):
                yield name, member, name in types


def _require_column(name: str, where: str, *, annotated: bool) -> None:
    if name.startswith("_"):
        raise ContractError(
            f"The column {name!r} would be ignored: its name begins with an underscore.",
            where=where,
            hint=f"write {name.lstrip('_')}: ... = field(reads={name!r})",
        )
    if not annotated:
        raise ContractError(
            f"The column {name!r} has no type.", where=where, hint=f"write {name}: str = field()"
        )


def _refuse(name: str, member: Any, where: str, *, annotated: bool) -> None:
    if any(hasattr(member, f"__{kind}_config__") for kind in ("check", "dataframe_check")):
        raise ContractError(
            f"{name!r} is a check of pandera's, which no contract has.",
            where=where,
            hint="for one column: field(check=pa.Check(...)); for several: a method with @rule",
        )
    if annotated:
        raise ContractError(
            f"The column {name!r} is not declared with field() or key().",
            where=where,
            hint=f"write {name}: ... = field()",
        )
    if callable(member) or hasattr(member, "__get__"):
        raise ContractError(
            f"{name!r} is no rule: nothing applies it.",
            where=where,
            hint="write @rule above it; what only helps a rule begins with an underscore",
        )
    raise ContractError(
        f"{name!r} says nothing here: nobody reads it.", where=where, hint=_said(name)
    )


def _said(name: str) -> str:
    near = get_close_matches(name, _SAID_BY, n=1)
    if near:
        return f"it is said elsewhere: {_SAID_BY[near[0]].format(near[0])}"
    return "columns have field(); constants stand outside, or begin with an underscore"
