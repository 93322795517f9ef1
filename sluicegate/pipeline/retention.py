"""Retention of raw files: how long the archive keeps what was taken in, by what is in it.

A raw file is needed as long as a replay may read it: by records in quarantine of any generation
that is reachable and, where the order of batches decides, by those before it. It is needed as long
as a rollback may go back behind it, because the next run takes it in again. All that is younger, or
that no reachable generation names, such as a batch that is held, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sluicegate.catalogue import Catalogue, load_catalogue
from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.ingestion import accounts, quarantine
from sluicegate.lake import Lake, Session
from sluicegate.lake.archive import ID_DIGITS
from sluicegate.lake.branch import begun
from sluicegate.lake.locks import collecting
from sluicegate.settings import Settings
from sluicegate.sources import Load

_FOLDER = "archive/"


@dataclass(frozen=True, slots=True)
class Expired:
    """What became of raw files that are older than they are kept.

    Attributes:
        dry_run: whether nothing was changed.
        files: how many were removed.
        size: their bytes.
        needed: how many are as old and stay, because records in quarantine need them.
        busy: whether they were all left alone, because a run was at work.
    """

    dry_run: bool
    files: int = 0
    size: int = 0
    needed: int = 0
    busy: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(slots=True)
class _Raw:
    """What generations say of one raw file."""

    at: datetime
    sources: set[str] = field(default_factory=set)


def expire(
    settings: Settings, lake: Lake, reachable: Iterable[str], *, dry_run: bool
) -> Expired | None:
    """Remove raw files that are older than the settings keep them; None where they say for good.

    Args:
        reachable: generations that a ref may show again, and refused runs.

    Raises:
        ConfigurationError: they are kept for less than a rollback may go back.
        EnvironmentFailed: a generation cannot be read. Nothing was removed.
    """
    if not settings.archive.ends:
        return None
    _require_rollback(settings)
    catalogue = load_catalogue(settings.project)
    with collecting(lake.root):
        if not dry_run and begun(lake.branches):
            return Expired(dry_run, busy=True)
        found, needed = _look(lake, reachable, catalogue)
        old = {raw for raw, told in found.items() if _is_old(told, settings, catalogue)}
        due = [
            stored
            for stored in lake.store.list(_FOLDER)
            if stored.key.rpartition("/")[2][:ID_DIGITS] in old - needed
        ]
        for stored in due if not dry_run else ():
            lake.store.remove(stored.key)
    return Expired(dry_run, len(due), sum(each.size for each in due), len(old & needed))


def _require_rollback(settings: Settings) -> None:
    for personal in (True, False):
        keep = settings.archive.keep(personal=personal)
        if keep is not None and keep < settings.lake.keep:
            raise ConfigurationError(
                f"Raw files would be kept for {keep.days} days, and a rollback can go back "
                f"{settings.lake.keep.days}: what it takes back could not be taken in again.",
                where="archive.keep_personal_days, archive.keep_other_days",
                hint="keep raw files at least as long as lake.keep_days",
            )


def _is_old(raw: _Raw, settings: Settings, catalogue: Catalogue) -> bool:
    known = [catalogue.sources[name] for name in raw.sources if name in catalogue.sources]
    if any(source.contract.personal() for source in known):
        keep = settings.archive.keep(personal=True)
    elif len(known) == len(raw.sources):
        keep = settings.archive.keep(personal=False)
    else:
        # Nobody knows what is in it: the longer of the two.
        both = [settings.archive.keep(personal=personal) for personal in (True, False)]
        keep = None if None in both else max(each for each in both if each is not None)
    return keep is not None and raw.at < datetime.now(UTC) - keep


def _look(
    lake: Lake, names: Iterable[str], catalogue: Catalogue
) -> tuple[dict[str, _Raw], set[str]]:
    """Raw files that generations name, and those of them that records in quarantine need."""
    found: dict[str, _Raw] = {}
    needed: set[str] = set()
    for name in names:
        try:
            with lake.read(name) as session:
                _take(session, found, needed, catalogue)
        except EnvironmentFailed as error:
            raise EnvironmentFailed(
                f"{error.message} Nobody can say which raw files it needs, and none was removed.",
                where=error.where,
                hint=error.hint,
            ) from error
    return found, needed


def _take(session: Session, found: dict[str, _Raw], needed: set[str], catalogue: Catalogue) -> None:
    since: dict[str, datetime] = {}
    rejected = quarantine.batches(session)
    for source, batch, at in accounts.loaded(session):
        raw = found.setdefault(batch[:ID_DIGITS], _Raw(at))
        raw.at = max(raw.at, at)
        raw.sources.add(source)
        if (source, batch) in rejected:
            since.setdefault(source, at)
            needed.add(batch[:ID_DIGITS])
        elif source in since and _in_order(source, catalogue):
            # What came later may have said what a record in quarantine says.
            needed.add(batch[:ID_DIGITS])


def _in_order(source: str, catalogue: Catalogue) -> bool:
    sources: Mapping[str, Any] = catalogue.sources
    return source not in sources or sources[source].load is not Load.APPEND
