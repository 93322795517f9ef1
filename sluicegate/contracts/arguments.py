"""Arguments of declarations: what is given is of the kind that is taken.

Python lets ``pii="direct"`` pass, and what compares it later finds nothing, or the wrong thing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from sluicegate.errors import ContractError

Choice = TypeVar("Choice", bound=StrEnum)

_CALLED: dict[type, tuple[str, str]] = {
    str: ("a text", "write it in quotes"),
    bool: ("True or False", "write True, or leave it out"),
}


def one_of(choices: type[Choice], argument: str, given: Any) -> Choice:
    """The choice that is meant, by itself or by its value.

    Raises:
        ContractError: it is none of them.
    """
    try:
        return choices(given)
    except ValueError as error:
        known = ", ".join(f"{choices.__name__}.{choice.name}" for choice in choices)
        raise ContractError(
            f"{argument}={given!r} is no {choices.__name__}.", hint=f"known: {known}"
        ) from error


def require_kind(kind: type, **arguments: Any) -> None:
    """Refuse arguments of another type; those that are None are not given.

    Args:
        kind: ``str`` or ``bool``.

    Raises:
        ContractError: it is not of the kind.
    """
    called, hint = _CALLED[kind]
    for name, given in arguments.items():
        if given is not None and not isinstance(given, kind):
            raise ContractError(f"{name}={given!r} is not {called}.", hint=hint)
