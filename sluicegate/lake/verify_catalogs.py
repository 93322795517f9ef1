"""Verifying catalogs: each can be read, and a generation's is what its name says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.branch import key_of, name_of
from sluicegate.lake.checksums import recorded
from sluicegate.lake.inventory import DataFile, read_catalog, readable_files
from sluicegate.lake.lake import Lake
from sluicegate.lake.problem import Problem

_SHA256 = 32
"""Bytes of a checksum."""


@dataclass(slots=True)
class Catalog:
    """What a catalog says, as far as it can be read.

    Attributes:
        name: the generation, or ``refused/<run>``.
        key: of its object.
        checksums: key of a data file → SHA-256, of those that have one.
    """

    name: str
    key: str
    files: list[DataFile] = field(default_factory=list)
    checksums: dict[str, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def look_into(lake: Lake, name: str, key: str, copy: Path) -> Catalog:
    """Read a catalog, and note everything that is wrong with it.

    Args:
        copy: where to put what the store has: not what was fetched once is to be looked at.
    """
    catalog = Catalog(name, key)
    try:
        copy.write_bytes(lake.store.read(key))
        if key == key_of(name) and name_of(copy) != name:
            _note(lake, catalog, "has another content than its name says")
        with read_catalog(copy) as connection:
            for (told,) in connection.execute("PRAGMA integrity_check(10)").fetchall():
                if told != "ok":
                    _note(lake, catalog, f"is damaged, SQLite says: {told}")
        catalog.files, senseless = readable_files(copy)
        if senseless:
            _note(lake, catalog, f"has {senseless} data files whose values make no sense")
        catalog.checksums = _checksums(lake, catalog, copy)
    except FileNotFoundError:
        _note(lake, catalog, "is missing")
    except OSError as error:
        _note(lake, catalog, f"could not be looked at: {error.strerror or error}")
    except EnvironmentFailed as error:
        _note(lake, catalog, f"cannot be read: {error.message}")
    except (TypeError, ValueError, OverflowError):
        # A number that became text, or text that is no UTF-8 any more.
        _note(lake, catalog, "has values that make no sense")
    return catalog


def _checksums(lake: Lake, catalog: Catalog, copy: Path) -> dict[str, bytes]:
    found: Mapping[Any, Any] = recorded(copy)
    sound = {
        key: digest
        for key, digest in found.items()
        if isinstance(key, str) and isinstance(digest, bytes) and len(digest) == _SHA256
    }
    if senseless := len(found) - len(sound):
        _note(lake, catalog, f"has {senseless} checksums that are none")
    return sound


def _note(lake: Lake, catalog: Catalog, what: str) -> None:
    whose = f"the catalog of {catalog.name} {what}"
    catalog.problems.append(Problem(whose, (catalog.name,), place=lake.store.where(catalog.key)))
