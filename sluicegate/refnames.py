"""What a ref may be called: what else has a name in a lake is told from it by its look."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*\Z")
_GENERATION = re.compile(r"g[0-9a-f]{12}\Z")
_REFUSED = "refused/"
_ENTRIES = (".json", ".lock")


LONGEST = 120
"""Letters of a new name: folders and files are called so, and they cannot be of any length."""

_LONGEST_PART = 255


def objection(name: str) -> str | None:
    """Why a new ref cannot have this name; None if it can."""
    if len(name) > LONGEST:
        return f"it has {len(name)} letters; take one of at most {LONGEST}, such as feature/fees"
    if not _NAME.match(name):
        return (
            "use lower-case letters, digits, '.', '_' and '-', in parts joined by '/',"
            " such as feature/fees"
        )
    if _GENERATION.match(name):
        return "it would be taken for a generation; take another name, such as feature/fees"
    if any(part.endswith(_ENTRIES) for part in name.split("/")):
        return "no part of it ends in .json or .lock, as entries of logs do; such as feature/fees"
    if name.startswith(_REFUSED):
        return "names below refused/ are those of refused runs; take another, such as feature/fees"
    return None


def is_name(name: str) -> bool:
    """Whether a ref of this name could have a place in a lake."""
    parts = name.split("/")
    return _NAME.match(name) is not None and max(map(len, parts)) <= _LONGEST_PART
