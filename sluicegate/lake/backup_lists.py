"""The lists of backups: what belongs to each, and where the folder of backups has it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.lake.denylist import PLACE as DENIED

LISTS = "backups"
FORMAT = 2
_READABLE = (1, FORMAT)
COLLECTED = "collected/"
PINS = "pins/"
BEFORE = ("ledger/", "refs/", PINS, DENIED)
"""What is copied before the catalogs, in this order: see ``backup``."""
NUMBERED = ("ledger/", "refs/", COLLECTED, DENIED)
"""Logs: what has a number there never changes."""
_PREFIXES = frozenset({"archive/", "catalogs/", "evidence/", "files/", *BEFORE, COLLECTED})
LOGS = (*BEFORE, COLLECTED)
"""What is no file that is named after its content, or by chance."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup, as its list tells.

    Attributes:
        name: of the list, by time; the greatest name is the newest backup.
        objects: key → size and SHA-256.
        heads: ref → generation, at that moment.
        copied: how many of the objects were copied now; the others were there already.
        left_out: refused runs of which the lake has lost a data file; their catalogs are not in it.
        damaged: newer backups of the folder whose lists cannot be read.
    """

    folder: Path
    name: str
    objects: dict[str, tuple[int, str]]
    heads: dict[str, str]
    copied: int = 0
    left_out: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    def file(self, key: str) -> Path:
        """Where the folder has an object."""
        file = self.folder / place_of(key, self.objects[key][1])
        # Format 1 had one place for all pins that were called the same.
        return file if file.is_file() else self.folder / key

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(size for size, _ in self.objects.values())

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "folder": str(self.folder),
            "name": self.name,
            "objects": len(self.objects),
            "bytes": self.size,
            "copied": self.copied,
            "left_out": list(self.left_out),
            "damaged": list(self.damaged),
            "heads": self.heads,
        }


def newest(folder: Path) -> Backup | None:
    """The newest backup in a folder whose list can be read; None if there is none."""
    return newest_of(folder)[0]


def newest_of(folder: Path) -> tuple[Backup | None, tuple[str, ...]]:
    """The same, and the names of newer ones: one damaged list must not be the end of backups."""
    damaged: list[str] = []
    for name in reversed(backups(folder)):
        try:
            return _read(folder, name), tuple(damaged)
        except EnvironmentFailed:
            damaged.append(name)
    return None, tuple(damaged)


def backups(folder: Path) -> list[str]:
    """Names of the backups in a folder, oldest first."""
    return sorted(file.stem for file in (folder / LISTS).glob("[0-9]*.json"))


def chosen(folder: Path, name: str | None) -> Backup:
    """One of the backups of a folder; by default the newest.

    Raises:
        ConfigurationError: there is none, or none of that name.
        EnvironmentFailed: its list is damaged.
    """
    names = backups(folder)
    if not names:
        raise ConfigurationError(
            "There is no backup in this folder.",
            where=str(folder),
            hint="make one: sluicegate lake backup <folder>",
        )
    if name is not None and name not in names:
        raise UnknownName.of("backup", name, names, where=str(folder))
    try:
        return _read(folder, name or names[-1])
    except EnvironmentFailed as error:
        # Nobody is given an older state than he asked for; he may ask for it.
        other = newest(folder)
        error.hint = f"restore an older one: --name {other.name}" if other else "there is no other"
        raise


def _read(folder: Path, name: str) -> Backup:
    file = folder / LISTS / f"{name}.json"
    try:
        content = json.loads(file.read_bytes())
        objects = {
            _safe(key): (int(size), str(digest))
            for key, (size, digest) in content["objects"].items()
        }
        heads = {str(ref): str(generation) for ref, generation in content["heads"].items()}
        whole = content.get("digest") in (None, digest_of(heads, objects))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file) from error
    if not whole:
        raise _damaged(file)
    if content.get("format") not in _READABLE:
        raise ConfigurationError(
            f"The backup was written by version {content.get('version')}, in another format.",
            where=str(file),
            hint="restore it with that version",
        )
    return Backup(folder, name, objects, heads)


def _damaged(file: Path) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"The list of the backup {file.stem} is damaged.",
        where=str(file),
        hint="another backup of the folder may be whole; name it with --name",
    )


def _safe(key: str) -> str:
    """A key that stays inside its folder, whoever wrote the list."""
    parts = key.split("/")
    if f"{parts[0]}/" not in _PREFIXES:
        raise ValueError(key)
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError(key)
    return key


def place_of(key: str, digest: str) -> str:
    """Where a folder of backups has an object.

    A pin may be removed, and its name be given to another one: each backup has its own.
    """
    return f"{key}.{digest[:16]}" if key.startswith(PINS) else key


def digest_of(heads: dict[str, str], objects: Any) -> str:
    """What tells that a list is as it was written."""
    listed = json.dumps([heads, objects], sort_keys=True)
    return hashlib.sha256(listed.encode()).hexdigest()
