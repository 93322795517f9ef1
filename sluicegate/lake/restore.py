"""Restoring a backup: an empty lake shows what another one showed, all of a ref or nothing of it.

What points comes after what it points at, so that a restore that is cut short shows nothing that is
not there; it is taken up again by doing it once more.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.backup import LOGS, Backup, chosen, copy, is_catalog
from sluicegate.lake.lake import Lake
from sluicegate.lake.locks import deciding
from sluicegate.lake.points import reached
from sluicegate.lake.store import Folder


def restore(folder: Path, lake: Lake, name: str | None = None) -> Backup:
    """Copy a backup into an empty lake; readers see its heads when all the rest is there.

    A restore that was cut short is taken up again; if all is there already, nothing is copied.

    Args:
        name: one of the backups of the folder; by default the newest.

    Raises:
        ConfigurationError: there is a lake already, or no backup in the folder.
        EnvironmentFailed: the backup is damaged, or the lake cannot be written.
    """
    backup = chosen(folder, name)
    _require_empty(lake, backup)
    lake.store.prepare()
    copied = 0
    refs = {key for key in backup.objects if key.startswith("refs/")}
    # Nobody on this machine publishes, collects or looks until all is there.
    with deciding(lake.root):
        _require_empty(lake, backup)
        for key in sorted(backup.objects.keys() - refs, key=_catalogs_last):
            copied += _put(backup, key, lake)
            reached("object restored")
        # All are looked at before the first is there: if one is damaged, readers see nothing.
        # The newest of a ref comes first: the ref points there or nowhere, never to the past.
        entries = {key: _read_checked(backup, key) for key in sorted(refs, reverse=True)}
        reached("restore before refs")
        for key, entry in entries.items():
            copied += _create(lake, key, entry)
            reached("ref restored")
    return Backup(folder, backup.name, backup.objects, backup.heads, copied)


def _require_empty(lake: Lake, backup: Backup) -> None:
    """Refuse a lake that was published to, unless all that it shows comes from this backup."""
    for stored in lake.store.list("refs/"):
        _require_same(lake, stored.key, backup.objects.get(stored.key))


def _require_same(lake: Lake, key: str, listed: tuple[int, str] | None) -> None:
    if listed != _facts(lake.store.read(key)):
        raise ConfigurationError(
            "A backup is restored into an empty lake only, and there is one already.",
            where=lake.store.address,
            hint="name another place: SLUICEGATE_LAKE__ROOT=<folder>",
        )


def _catalogs_last(key: str) -> tuple[bool, str]:
    return is_catalog(key), key


def _put(backup: Backup, key: str, lake: Lake) -> int:
    if lake.store.exists(key):
        # A restore that was cut short is taken up again.
        return 0
    if key.startswith(LOGS):
        return _create(lake, key, _read_checked(backup, key))
    place = lake.store.workspace / "restore"
    with durable.written(place), durable.drafted(durable.make_folder(place)) as draft:
        try:
            found = copy(Folder(backup.folder).stream(key), draft)
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
        content = (backup.folder / key).read_bytes()
    except FileNotFoundError:
        content = None
    _require_sound(backup, key, None if content is None else _facts(content))
    return content or b""


def _require_sound(backup: Backup, key: str, found: tuple[int, str] | None) -> None:
    if found != backup.objects[key]:
        what = "missing" if found is None else "not what was backed up"
        raise EnvironmentFailed(
            f"The backup is damaged: {key} is {what}.",
            where=str(backup.folder / key),
            hint="restore another backup of the folder, with --name",
        )


def _facts(content: bytes) -> tuple[int, str]:
    return len(content), hashlib.sha256(content).hexdigest()
