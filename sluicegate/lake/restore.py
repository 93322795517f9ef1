"""Restoring a backup: an empty lake shows what another one showed, all of it or nothing.

What points comes after what it points at. A restore that is cut short leaves a mark, and nobody
reads or writes in the lake until the restore is taken up again, by doing it once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.backup import copy, is_catalog
from sluicegate.lake.backup_lists import LOGS, Backup, chosen
from sluicegate.lake.lake import Lake
from sluicegate.lake.locks import deciding
from sluicegate.lake.points import reached
from sluicegate.lake.restoring import mark, marked, unmark
from sluicegate.lake.store import Folder


def restore(folder: Path, lake: Lake, name: str | None = None) -> Backup:
    """Copy a backup into an empty lake; readers see it when all is there.

    A restore that was cut short is taken up again, and what is damaged in the lake is replaced; if
    all is there already, nothing is copied.

    Args:
        name: one of the backups of the folder; by default the newest.

    Raises:
        ConfigurationError: there is a lake already, or no backup in the folder.
        EnvironmentFailed: the backup is damaged, or the lake cannot be written.
    """
    backup = chosen(folder, name)
    _require_empty(lake, backup)
    lake.store.prepare()
    logs = [key for key in backup.objects if key.startswith(LOGS)]
    copied = 0
    # Nobody on this machine publishes, collects or looks until all is there.
    with deciding(lake.root):
        _require_empty(lake, backup)
        # They are few and small: if one is damaged, it shows before anything is there.
        entries = {key: _read_checked(backup, key) for key in sorted(logs, key=_refs_last)}
        if not all(lake.store.exists(key) for key in logs):
            # A lake that has them all is whole, or is mended file by file.
            mark(lake.store, str(folder), backup.name)
            reached("restore begun")
        for key in sorted(backup.objects.keys() - entries.keys(), key=_catalogs_last):
            copied += _put(backup, key, lake)
            reached("object restored")
        reached("restore before logs")
        for key, entry in entries.items():
            copied += _create(lake, key, entry)
            reached("entry restored")
        if marked(lake.store):
            unmark(lake.store)
            reached("restore ended")
    return Backup(folder, backup.name, backup.objects, backup.heads, copied)


def _require_empty(lake: Lake, backup: Backup) -> None:
    """Refuse a lake that somebody has worked in, unless all that it tells is of this backup."""
    for prefix in LOGS:
        for stored in lake.store.list(prefix):
            _require_same(lake, stored.key, backup.objects.get(stored.key))


def _require_same(lake: Lake, key: str, listed: tuple[int, str] | None) -> None:
    if listed != _facts(lake.store.read(key)):
        hint = "name another place: SLUICEGATE_LAKE__ROOT=<folder>"
        if marked(lake.store):
            hint = f"finish the restore that was cut short in it, or {hint}"
        raise ConfigurationError(
            "A backup is restored into an empty lake only, and there is one already:"
            f" {key} is not what the backup has.",
            where=lake.store.address,
            hint=hint,
        )


def _catalogs_last(key: str) -> tuple[bool, str]:
    return is_catalog(key), key


def _refs_last(key: str) -> tuple[bool, str]:
    return key.startswith("refs/"), key


def _put(backup: Backup, key: str, lake: Lake) -> int:
    """Have an object in the lake as it was backed up; one that is there and damaged is replaced."""
    if lake.store.exists(key) and digested(lake.store.stream(key)) == backup.objects[key]:
        # A restore that was cut short is taken up again.
        return 0
    place = lake.store.workspace / "restore"
    with durable.written(place), durable.drafted(durable.make_folder(place)) as draft:
        file = backup.file(key)
        try:
            found = copy(Folder(file.parent).stream(file.name), draft)
        except FileNotFoundError:
            found = None
        _require_sound(backup, key, found)
        lake.store.settle(draft, key)
    return 1


def _create(lake: Lake, key: str, content: bytes) -> int:
    """Make an entry of a log, if it is not there; somebody else's is never replaced."""
    if lake.store.create(key, content):
        return 1
    _require_same(lake, key, _facts(content))
    return 0


def _read_checked(backup: Backup, key: str) -> bytes:
    try:
        content = backup.file(key).read_bytes()
    except FileNotFoundError:
        content = None
    _require_sound(backup, key, None if content is None else _facts(content))
    return content or b""


def _require_sound(backup: Backup, key: str, found: tuple[int, str] | None) -> None:
    if found != backup.objects[key]:
        what = "missing" if found is None else "not what was backed up"
        raise EnvironmentFailed(
            f"The backup is damaged: {key} is {what}.",
            where=str(backup.file(key)),
            hint="restore another backup of the folder, with --name",
        )


def digested(pieces: Iterable[bytes]) -> tuple[int, str]:
    """Size and SHA-256 of a content that is read piece by piece."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def _facts(content: bytes) -> tuple[int, str]:
    return len(content), hashlib.sha256(content).hexdigest()
