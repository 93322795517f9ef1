"""Backups: lake and ledger as one consistent set, in a folder of its own.

Everything in a lake is immutable, so a backup beside a running platform needs no lock, only an
order. The ledger is copied before the refs: a run's last line is written after its ref has moved,
so whatever the copied ledger calls published, the copied refs show. Refs are copied before the
catalogs they point at, and a catalog, a refused run's included, after the data files it names. What
was collected meanwhile is on record by then, so the record is copied after the catalogs. The list
of what belongs to the backup is written last; without it there is none. A later backup into the
same folder copies what is new, and what a look at the folder shows to be damaged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sluicegate import __version__
from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.backup_lists import (
    BEFORE,
    COLLECTED,
    FORMAT,
    LISTS,
    LOGS,
    NUMBERED,
    Backup,
    digest_of,
    newest_of,
    place_of,
)
from sluicegate.lake.branch import CATALOG, GENERATIONS, key_of
from sluicegate.lake.checksums import recorded
from sluicegate.lake.inventory import data_files
from sluicegate.lake.lake import Lake
from sluicegate.lake.log import HINT, parsed, text
from sluicegate.lake.points import reached
from sluicegate.lake.store import Folder

_DRAFTS = "drafts"
_UNKNOWN: Mapping[str, str] = {}


def back_up(lake: Lake, folder: Path) -> Backup:
    """Copy a lake into a folder, beside whatever runs and reads.

    Raises:
        ConfigurationError: the folder holds something else, or is inside the lake.
        EnvironmentFailed: the lake lost something that it needs, or has it damaged; or the disk is
            full.
    """
    _require_place(lake, folder)
    last, damaged = newest_of(folder)
    known = dict(last.objects) if last else {}
    copier = _Copier(lake, folder, known)
    try:
        for place in (_DRAFTS, LISTS):
            durable.sweep_drafts(durable.make_folder(folder / place))
        reached("backup begun")
        for prefix in BEFORE:
            copier.take(_keys(lake, prefix))
        heads = _heads(copier)
        for generation in _generations(lake, copier):
            _take_generation(lake, copier, generation, needed=generation in heads.values())
        for key in _keys(lake, "archive/"):
            # One that is old enough may be removed meanwhile.
            with suppress(FileNotFoundError):
                copier.take([key])
        left_out = _take_evidence(lake, copier)
        copier.take(_keys(lake, COLLECTED))
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
        content = {
            "format": FORMAT,
            "version": __version__,
            "heads": heads,
            "objects": copier.objects,
            "digest": digest_of(heads, copier.objects),
        }
        listed = json.dumps(content, indent=0, sort_keys=True).encode()
        durable.create(folder / LISTS / f"{name}.json", listed)
        reached("backup listed")
    except OSError as error:
        raise EnvironmentFailed(
            f"The backup cannot be written: {error.strerror or error}.",
            where=str(folder),
            hint="an earlier backup in the folder is as it was; run it again",
        ) from error
    left = tuple(left_out)
    return Backup(folder, name, copier.objects, heads, copier.copied, left, damaged)


class _Copier:
    """Copies objects into a folder, once each."""

    def __init__(self, lake: Lake, folder: Path, known: dict[str, tuple[int, str]]) -> None:
        self.objects: dict[str, tuple[int, str]] = {}
        self.copied = 0
        self._lake = lake
        self._folder = folder
        self._known = known

    def take(self, keys: Iterable[str], digests: Mapping[str, str] = _UNKNOWN) -> None:
        """Copy objects; those of an earlier backup are there already.

        Args:
            digests: key → how the SHA-256 that it was published with begins, where that is known.

        Raises:
            FileNotFoundError: there is no such object.
            EnvironmentFailed: one is not what was published.
        """
        folders = set()
        for key in keys:
            if key in self.objects:
                # Catalogs share most of their files.
                continue
            published = digests.get(key, "")
            there = self._there(key)
            if there is not None and there[1].startswith(published):
                self.objects[key] = there
                continue
            with durable.drafted(self._folder / _DRAFTS) as draft:
                facts = copy(self._lake.store.stream(key), draft)
                if not facts[1].startswith(published):
                    raise self._damaged(key)
                durable.sync_file(draft)
                reached("object copied")
                place = self._folder / place_of(key, facts[1])
                durable.make_folder(place.parent)
                draft.replace(place)
            reached("object backed up")
            self.objects[key] = facts
            self.copied += 1
            folders.add(place.parent)
        for folder in folders:
            durable.sync_folder(folder)

    def _there(self, key: str) -> tuple[int, str] | None:
        """Size and digest of an object that the folder has already, and as it should be."""
        known, place = self._known.get(key), self._folder / key
        if not key.startswith(LOGS):
            # Its name is given once, and what it holds is not read again for every backup.
            same = known and place.is_file() and place.stat().st_size == known[0]
            return known if same else None
        content = self._lake.store.read(key)
        facts = len(content), hashlib.sha256(content).hexdigest()
        place = self._folder / place_of(key, facts[1])
        if not place.is_file():
            if known and known != facts and key.startswith(NUMBERED):
                raise self._another_lake(key)
            return None
        if place.read_bytes() == content:
            return facts
        # What was backed up is still in the lake, so it is the folder that lost it.
        if known != facts and key.startswith(NUMBERED):
            raise self._another_lake(key)
        return None

    def _damaged(self, key: str) -> EnvironmentFailed:
        return EnvironmentFailed(
            f"{key} is not what was published: it is damaged, and would be backed up so.",
            where=self._lake.store.where(key),
            hint="restore it from another backup; sluicegate lake verify --deep names all damage",
        )

    def _another_lake(self, key: str) -> ConfigurationError:
        # Names in logs are numbers, which every lake has; all other names tell their content.
        return ConfigurationError(
            f"This folder holds backups of another lake: {key} is not the same there.",
            where=str(self._folder),
            hint="name a folder of its own for each lake",
        )

    def read(self, key: str) -> Any:
        """Content of a copied entry of a log, or pin.

        Raises:
            EnvironmentFailed: it is damaged, so nobody knows what belongs to the backup.
        """
        try:
            entry = parsed((self._folder / place_of(key, self.objects[key][1])).read_bytes())
            return {"action": None, **entry, "generation": text(entry["generation"])}
        except (ValueError, KeyError) as error:
            raise EnvironmentFailed(
                f"{key} is damaged: nobody can say what belongs to a backup.",
                where=self._lake.store.where(key),
                hint=HINT,
            ) from error


def copy(pieces: Iterable[bytes], draft: Path) -> tuple[int, str]:
    """Write a file piece by piece; its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with draft.open("wb") as write:
        for piece in pieces:
            digest.update(piece)
            size += write.write(piece)
    return size, digest.hexdigest()


def _keys(lake: Lake, prefix: str) -> list[str]:
    return sorted(stored.key for stored in lake.store.list(prefix))


def _heads(copier: _Copier) -> dict[str, str]:
    """Where each ref points, by the entries that were copied."""
    last: dict[str, str] = {}
    for key in sorted(key for key in copier.objects if key.startswith("refs/")):
        last[key.removeprefix("refs/").rpartition("/")[0]] = key
    entries = {ref: copier.read(key) for ref, key in last.items()}
    return {
        ref: entry["generation"] for ref, entry in entries.items() if entry["action"] != "delete"
    }


def _generations(lake: Lake, copier: _Copier) -> Iterator[str]:
    """Every generation that a copied log or pin names and that is still kept, heads first."""
    heads = set(_heads(copier).values())
    yield from sorted(heads)
    kept = set(lake.generations())
    logs = (key for key in copier.objects if key.startswith(("refs/", "pins/")))
    named = {copier.read(key)["generation"] for key in logs}
    yield from sorted((named & kept) - heads)


def _take_generation(lake: Lake, copier: _Copier, generation: str, *, needed: bool) -> None:
    key = key_of(generation)
    try:
        _take_catalog(lake, copier, key)
    except (FileNotFoundError, EnvironmentFailed) as error:
        if not needed and not lake.store.exists(key):
            # Collected meanwhile: nobody can go back to it any more.
            return
        if isinstance(error, EnvironmentFailed):
            raise
        raise EnvironmentFailed(
            f"The lake has lost a file of generation {generation}: {error}.",
            where=lake.store.address,
            hint="look for other damage: sluicegate lake verify",
        ) from error


def _take_evidence(lake: Lake, copier: _Copier) -> list[str]:
    """What refused runs left behind; whose catalog is left out, because a file of it is lost.

    Their catalogs name files that no generation does. That one is lost is no reason to have no
    backup of what was published.
    """
    keys = _keys(lake, "evidence/")
    catalogs = [key for key in keys if is_catalog(key)]
    copier.take(sorted(set(keys) - set(catalogs)))
    left_out = []
    for key in catalogs:
        try:
            _take_catalog(lake, copier, key)
        except (FileNotFoundError, EnvironmentFailed) as error:
            # Else it was collected meanwhile.
            if lake.store.exists(key):
                if isinstance(error, EnvironmentFailed):
                    raise
                left_out.append(f"refused/{key.split('/')[1]}")
    return left_out


def is_catalog(key: str) -> bool:
    """Whether an object is a catalog: a generation, or what a refused run left behind."""
    evidence = key.startswith("evidence/") and key.endswith(f"/{CATALOG}")
    return evidence or key.startswith(GENERATIONS)


def _take_catalog(lake: Lake, copier: _Copier, key: str) -> None:
    """Copy a catalog after the data files that it names.

    What is copied is hashed anyway: that it is what was published costs nothing to know.

    Raises:
        FileNotFoundError: one of them is lost.
        EnvironmentFailed: one of them is damaged.
    """
    catalog = lake.store.local(key)
    files = {file.key for file in data_files(catalog)}
    digests = {}
    if key.startswith(GENERATIONS):
        digests = {file: digest.hex() for file, digest in recorded(catalog).items()}
        digests[key] = key.removeprefix(f"{GENERATIONS}g").removesuffix(".db")
    copier.take(files, digests)
    copier.take([key], digests)


def _require_place(lake: Lake, folder: Path) -> None:
    if not lake.refs.all_names():
        raise ConfigurationError(
            "There is nothing to back up: nothing was published yet.", where=lake.store.address
        )
    inside = folder.resolve()
    if isinstance(lake.store, Folder) and inside.is_relative_to(lake.store.root.resolve()):
        raise ConfigurationError(
            "A backup does not go into the lake that it is a backup of.", where=str(folder)
        )
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LISTS).is_dir():
        raise ConfigurationError(
            "This folder holds something else than backups.",
            where=str(folder),
            hint="name a new folder, or one that has backups of this lake",
        )
    try:
        durable.make_folder(folder / LISTS)
    except OSError as error:
        raise EnvironmentFailed(
            f"The backup cannot be written: {error.strerror or error}.", where=str(folder)
        ) from error
