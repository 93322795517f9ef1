"""Names: of sources, and of columns that are called otherwise by those who send them."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence

from sluicegate.contracts import Contract
from sluicegate.errors import ConfigurationError

_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_LONGEST = 60
_TAKEN = frozenset({"_batch", "_line", "line_no"})
_CLASSES = frozenset(
    {"Contract", "Date", "Delimited", "Detected", "Excel", "Files", "Json", "Load", "Mask"}
    | {"Money", "Ndjson", "Parquet", "Rate", "UtcTimestamp"}
)


def require_name(name: str) -> None:
    """Refuse what cannot be the name of a source.

    Raises:
        ConfigurationError: it cannot be.
    """
    if not _SOURCE.match(name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of a source.",
            hint="begin with a letter, and use lower-case letters, digits and '_'",
        )


def class_of(name: str) -> str:
    """The name of a contract's class."""
    called = "".join(part.capitalize() for part in name.split("_") if part)
    return f"{called}Rows" if called in _CLASSES else called


def words_of(sent: str) -> list[str]:
    """The words of a name, in small letters: ``CustomerID`` is two."""
    text = unicodedata.normalize("NFKD", sent)
    text = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", text)
    text = text.encode("ascii", "ignore").decode().lower()
    return [word for word in re.split("[^a-z0-9]+", text) if word]


def columns_of(sent: Sequence[str]) -> list[str]:
    """Names that a contract can give to columns, each once, by how they are sent."""
    found: dict[str, None] = {}
    for place, name in enumerate(sent, 1):
        made = "_".join(words_of(name))[:_LONGEST].strip("_") or f"column_{place}"
        if made[0].isdigit():
            made = f"c_{made}"
        if keyword.iskeyword(made) or keyword.issoftkeyword(made) or hasattr(Contract, made):
            made = f"{made}_value"
        found[_free(made, found)] = None
    return list(found)


def _free(name: str, taken: Iterable[str]) -> str:
    """The name, or with a number behind it the first that nobody has."""
    others = {*taken, *_TAKEN}
    number, made = 1, name
    while made in others:
        number += 1
        made = f"{name}_{number}"
    return made
