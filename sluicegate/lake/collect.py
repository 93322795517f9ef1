"""Collecting: what nothing reaches is removed, in two looks, catalogs before files.

**Reachable** are the generations that refs show, that they showed in the last ``keep`` days
(counted from when the ref moved on), that are pinned, that readers of this machine hold a lease of,
and that branches on this machine are copies of. Evidence of refused runs is reachable for ``keep``
days by the age of its catalog; its report and queries stay for good. What is unreachable is
**condemned**; if it still is at a look at least ``grace`` later, its catalog is removed, else it is
pardoned.

A **data file** is removed when no catalog names it that still exists, the development branch's
included, and it is older than ``grace`` and than every branch that is at work on this machine. What
a dbt of one's own is about to write has its age alone. The ledger is never collected; how long the
archive keeps raw files is a matter of contracts (``pipeline/retention.py``).

Why no existing catalog ever names a missing file, at any moment, whoever works beside it and
whenever it is killed:

- Catalogs go before files, and that they are gone is durable before the first file goes. A
  collector that is killed leaves files that nothing names; the next one finds them.
- In a folder, the decision and the removal of catalogs hold the lake's lock alone, and whoever
  makes a catalog or points at one (branch, publish, refusal, rollback, pin, read) holds it shared
  from looking for the catalog until the pointer is there. So nothing becomes reachable between
  decision and removal.
- Files are listed before anything is decided. One of them that no existing catalog names could
  only be named later by a branch that wrote it: that branch either was published before the
  decision, and its catalog exists; or it is at work, and the file is younger than the branch; or
  it began after the listing, and did not write the file. What a branch has of its base, the base
  names, and that is a root.
- On object storage, where no lock reaches the other machines, nobody points at what is condemned
  (rollback, branch and pin refuse it, and a branch that would get such a name takes another one).
  Who saw it uncondemned has the grace period to finish; a branch's files are safe for that long
  too. A grace of 0 is therefore for folders, and for stores that nobody else uses.

On a **full disk** it makes room all the same, because what frees room takes none: a catalog that
was condemned a grace period ago is removed though its removal cannot be put on record; that it is
still condemned stands for that, until the next collector with room puts it on record. What cannot
be condemned is left alone, and tried again once files are removed.

A catalog whose content does not fit its name could name the wrong files: collecting stops at the
first that is damaged, before anything is removed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import durable, leftovers
from sluicegate.lake.branch import CATALOG, GENERATIONS, begun, name_of
from sluicegate.lake.inventory import data_files
from sluicegate.lake.lake import Lake
from sluicegate.lake.locks import collecting, deciding
from sluicegate.lake.points import reached
from sluicegate.lake.roots import Roots
from sluicegate.lake.store import Stored

_REFUSED = "refused/"
_SUFFIX = ".db"


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collector did, or would do.

    Attributes:
        dry_run: whether nothing was changed.
        kept: generation, or ``refused/<run>`` → why.
        condemned: what is unreachable and is removed once the grace period is over → since when.
        pardoned: what was condemned and is reachable again.
        removed: whose catalogs were removed.
        files: data files that were removed.
        leftovers: unfinished files of dead processes that were removed.
        size: bytes that were freed by all that.
    """

    dry_run: bool
    kept: dict[str, str]
    condemned: dict[str, datetime]
    pardoned: list[str]
    removed: list[str]
    files: int
    leftovers: int
    size: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        condemned = {name: at.isoformat() for name, at in self.condemned.items()}
        return {**asdict(self), "condemned": condemned}


def collect(lake: Lake, *, keep: timedelta, grace: timedelta, dry_run: bool = False) -> Collected:
    """Remove what nothing reaches.

    Args:
        keep: how long what a ref showed is kept after the ref moved on.
        grace: how long what is unreachable is left alone.
        dry_run: only tell.

    Raises:
        EnvironmentFailed: what is reachable cannot be read, so nobody knows what is not; nothing
            was removed. Or the lake cannot be written, or there was no room to condemn anything.
    """
    try:
        if not dry_run:
            _prepare(lake)
        with collecting(lake.root):
            return _Collector(lake, keep, grace, dry_run=dry_run).run()
    except OSError as error:
        raise EnvironmentFailed(
            f"Collecting did not end: {error.strerror or error}.",
            where=str(error.filename or lake.root),
            hint="nothing that is reachable was removed; run it again when that is mended",
        ) from error


def _prepare(lake: Lake) -> None:
    try:
        lake.store.prepare()
    except EnvironmentFailed as error:
        # Who collects is who makes room.
        if not durable.no_room(error):
            raise
    lake.sweep()


class _Collector:
    def __init__(self, lake: Lake, keep: timedelta, grace: timedelta, *, dry_run: bool) -> None:
        self._lake = lake
        self._store = lake.store
        self._keep = keep
        self._grace = grace
        self._dry_run = dry_run
        self._now = datetime.now(UTC)
        self._roots = Roots(lake, keep)
        self._named: dict[str, tuple[str, ...]] = {}
        self._damaged: dict[str, EnvironmentFailed] = {}
        self._unwritten = False
        self._uncondemned: EnvironmentFailed | None = None

    def run(self) -> Collected:
        """Collect, and once more if something could not be written: there may be room now."""
        first = self._once()
        if not self._unwritten:
            return first
        self._uncondemned = None
        second = self._once()
        done = replace(
            second,
            removed=sorted({*first.removed, *second.removed}),
            files=first.files + second.files,
            leftovers=first.leftovers + second.leftovers,
            size=first.size + second.size,
        )
        if self._uncondemned is not None:
            raise self._still_full(done) from self._uncondemned
        return done

    def _still_full(self, done: Collected) -> EnvironmentFailed:
        return EnvironmentFailed(
            f"The disk is full: {done.size:,} bytes were freed, and there is no room to write down"
            " what else could be removed.",
            where=self._lake.store.address,
            hint="free a few thousand bytes, and run it again",
            result=done.to_dict(),
        )

    def _once(self) -> Collected:
        # In this order: see above.
        files = list(self._store.list("files/"))
        # What takes long is read before others have to wait, and only what is new again later.
        self._roots.read_logs(self._now)
        self._look_into(self._catalogs())
        with deciding(self._lake.root):
            before = min(self._now - self._grace, begun(self._lake.branches) or self._now)
            catalogs = self._catalogs()
            self._look_into(catalogs)
            kept = self._reachable(catalogs)
            condemned, pardoned = self._condemn(catalogs.keys() - kept.keys(), catalogs.keys())
            due = [name for name, at in condemned.items() if at + self._grace <= self._now]
            gone = self._lake.condemned.gone(catalogs.keys())
            self._require_whole(catalogs.keys() - set(due))
            named = self._all_named(catalogs.keys() - set(due))
            self._remove_catalogs({name: catalogs[name] for name in due}, gone)
        unnamed = [file for file in files if file.key not in named and file.modified < before]
        left = list(leftovers.find(self._lake.root, self._now))
        if not self._dry_run:
            for file in unnamed:
                self._store.remove(file.key)
                reached("file removed")
            leftovers.remove(left)
        sizes = [*(catalogs[name].size for name in due), *(file.size for file in unnamed)]
        return Collected(
            dry_run=self._dry_run,
            kept=kept,
            condemned={name: at for name, at in sorted(condemned.items()) if name not in due},
            pardoned=pardoned,
            removed=sorted(due),
            files=len(unnamed),
            leftovers=len(left),
            size=sum(sizes) + sum(each.size for each in left),
        )

    def _catalogs(self) -> dict[str, Stored]:
        """Every catalog of the store: generation, or ``refused/<run>`` → its object."""
        found = {}
        for stored in self._store.list(GENERATIONS):
            if stored.key.endswith(_SUFFIX):
                found[stored.key[len(GENERATIONS) : -len(_SUFFIX)]] = stored
        for stored in self._store.list("evidence/"):
            if stored.key.endswith(f"/{CATALOG}"):
                found[f"{_REFUSED}{stored.key.split('/')[1]}"] = stored
        return found

    def _look_into(self, catalogs: dict[str, Stored]) -> None:
        for name in catalogs.keys() - self._named.keys() - self._damaged.keys():
            try:
                catalog = self._store.local(catalogs[name].key)
                if not name.startswith(_REFUSED):
                    _require_content(catalog, name)
                self._named[name] = _names(catalog)
            except EnvironmentFailed as error:
                self._damaged[name] = error

    def _reachable(self, catalogs: dict[str, Stored]) -> dict[str, str]:
        reachable = self._roots.find(self._now)
        self._require_there(reachable, catalogs)
        for name, stored in catalogs.items():
            if name.startswith(_REFUSED) and stored.modified >= self._now - self._keep:
                reachable.setdefault(name, "evidence of a refused run")
        return {name: reachable[name] for name in sorted(catalogs) if name in reachable}

    def _require_there(self, reachable: dict[str, str], catalogs: dict[str, Stored]) -> None:
        """A root that is missing must not lose its files too: it may be restored."""
        missing = reachable.keys() - catalogs.keys()
        missing -= self._lake.condemned.gone(catalogs.keys())
        if missing and (lost := sorted(missing - self._lake.condemned.removed())):
            raise EnvironmentFailed(
                f"The catalog of {lost[0]} is missing: {reachable[lost[0]]}.",
                where=self._lake.store.address,
                hint="sluicegate lake verify names everything that is lost; restore it from a"
                " backup. Nothing was removed",
            )

    def _condemn(
        self, unreachable: Set[str], catalogs: Set[str]
    ) -> tuple[dict[str, datetime], list[str]]:
        """Condemn what is unreachable, and pardon what is not; when, and whom."""
        condemned = self._lake.condemned
        before = condemned.names()
        pardoned = sorted((before - unreachable) & catalogs)
        since = {name: condemned.at(name) for name in unreachable & before}
        fresh = sorted(unreachable - before)
        if self._dry_run:
            return since | dict.fromkeys(fresh, self._now), pardoned
        for name in pardoned:
            condemned.pardon(name)
        for name in fresh:
            self._uncondemned = self._full(partial(condemned.add, name, self._now))
            if self._uncondemned is not None:
                break
            since[name] = self._now
            reached("catalog condemned")
        return since, pardoned

    def _full(self, write: Callable[[], None]) -> EnvironmentFailed | None:
        """Write something; what is told if there is no room for it."""
        try:
            write()
        except EnvironmentFailed as error:
            if not durable.no_room(error):
                raise
            self._unwritten = True
            return error
        return None

    def _require_whole(self, names: Set[str]) -> None:
        for name in sorted(names & self._damaged.keys()):
            raise self._damaged[name]

    def _all_named(self, names: Set[str]) -> set[str]:
        named = {key for name in names for key in self._named[name]}
        if self._lake.development.is_file():
            try:
                named.update(_names(self._lake.development))
            except EnvironmentFailed as error:
                raise EnvironmentFailed(
                    error.message,
                    where=error.where,
                    hint="if no dbt of yours is at work, remove that folder: it is made anew",
                ) from error
        return named

    def _remove_catalogs(self, doomed: dict[str, Stored], gone: Set[str]) -> None:
        """Remove catalogs; that they, and those that are gone already, were removed goes on record.

        Where there is no room for that, they stay condemned: that is a record too, and an old one.
        """
        if self._dry_run or not (doomed or gone):
            return
        names = {*doomed, *gone}
        condemned = self._lake.condemned
        on_record = not self._full(partial(condemned.put_on_record, names, self._now))
        reached("removal on record")
        for stored in doomed.values():
            self._store.remove(stored.key)
            reached("catalog removed")
        for folder in {(self._lake.root / stored.key).parent for stored in doomed.values()}:
            # Of a store elsewhere there may be a cache here, or nothing.
            if folder.is_dir():
                durable.sync_folder(folder)
        reached("removal durable")
        for name in names if on_record else ():
            condemned.pardon(name)


def _require_content(catalog: Path, name: str) -> None:
    if name_of(catalog) != name:
        raise EnvironmentFailed(
            f"The content of generation {name} is not what its name says: it is damaged.",
            where=str(catalog),
            hint="sluicegate lake verify looks for more; restore it from a backup. Nothing was"
            " removed",
        )


def _names(catalog: Path) -> tuple[str, ...]:
    # Generations name mostly the same files.
    return tuple(sys.intern(file.key) for file in data_files(catalog))
