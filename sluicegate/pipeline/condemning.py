"""Condemning batches: an operator keeps one out, and lets it in again.

What runs make of it is in :mod:`sluicegate.pipeline.denying`. What readers see already stays
until somebody rolls back.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.ingestion import accounts
from sluicegate.ingestion.ingest import count_records
from sluicegate.ingestion.table import rows_of
from sluicegate.lake.denylist import Ruling, Verdict
from sluicegate.pipeline.looks import last_looks
from sluicegate.pipeline.platform import Platform
from sluicegate.settings import Settings
from sluicegate.sources import Batch, Discovery, Files, Known, Load, Source

_FEWEST = 4
"""Digits of an id that are enough to name a batch, if no other begins with them."""


class State(StrEnum):
    """Where a batch is."""

    LOADED = "in the lake"
    HELD = "held"
    """The last run that looked at it refused it."""
    WAITING = "waiting"
    CONDEMNED = "condemned"
    """It would wait, if it did not stay out."""
    GONE = "neither in the lake nor at its source"


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch of a source, as far as it is known.

    Attributes:
        rows: records in it; None if nobody counted them yet.
        run: the run that brought it, of a batch in the lake; that refused it, of one that is held.
        ruling: the one that condemns it; None if none does.
        why: why it is held or waits, as the last run that looked at it has it on record.
        published: rows of it that came into the lake with it; None if it did not.
        quarantined: rows of it that were rejected then.
        corrects: id of the batch that came under the same name before, with other content.
    """

    batch: str
    name: str
    state: State
    rows: int | None = None
    run: str | None = None
    ruling: Ruling | None = None
    why: str | None = None
    published: int | None = None
    quarantined: int | None = None
    corrects: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "batch": self.batch,
            "name": self.name,
            "state": self.state.value,
            "rows": self.rows,
            "published": self.published,
            "quarantined": self.quarantined,
            "run": self.run,
            "why": self.why,
            "corrects": self.corrects,
            "condemned": self.ruling.to_dict() if self.ruling else None,
        }


@dataclass(frozen=True, slots=True)
class Ruled:
    """What was said of a batch, and what that means now.

    Attributes:
        ref: where readers were looked at.
        shown: rows of it that readers see: condemning it does not take them away.
        before: the generation before the one that brought it, to roll back to; None if the log has
            none, or if readers see nothing of it.
        last: whether its rows win, once taken in, over what came since.
    """

    ref: str
    ruling: Ruling
    shown: int = 0
    before: str | None = None
    last: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ref": self.ref,
            **self.ruling.to_dict(),
            "shown": self.shown,
            "before": self.before,
        }


def list_batches(settings: Settings, name: str) -> list[Entry]:
    """All batches of a source: in the lake, waiting, and condemned ones wherever they are.

    Raises:
        UnknownName: there is no such source.
        EnvironmentFailed: the source cannot be reached.
    """
    platform = Platform.open(settings.env, settings.project)
    return [*_Known(platform, platform.catalogue.source(name)).entries().values()]


def condemn(settings: Settings, name: str, batch: str, because: str) -> Ruled:
    """Keep a batch out of the environment until it is released.

    Args:
        batch: its id or how that begins, or its name.

    Raises:
        UnknownName: there is no such source or batch.
        ConfigurationError: several are meant; it is condemned already; or nobody says why.
        EnvironmentFailed: the source cannot be reached.
    """
    if not (reason := " ".join(because.split())):
        raise ConfigurationError(
            "Nobody will know why this batch stays out.", hint='say it: --because "..."'
        )
    platform = Platform.open(settings.env, settings.project)
    known = _Known(platform, platform.catalogue.source(name))
    entry = _meant(name, batch, known.entries())
    ruling = Ruling(
        Verdict.CONDEMNED,
        name,
        entry.batch,
        entry.name,
        known.rows(entry),
        reason,
        _who(),
        datetime.now(UTC),
    )
    known.denylist.condemn(ruling)
    platform.note_rulings()
    # Looked at after it was said: a run that has not seen it by now has moved the ref already, or
    # sees it once it has.
    return Ruled(settings.ref, ruling, *known.shown(entry.batch))


def release(settings: Settings, name: str, batch: str) -> Ruled:
    """Let a condemned batch come in again: the next run takes it, if its source still has it.

    Raises:
        UnknownName: there is no such source, or none of its batches is condemned by that name.
        ConfigurationError: several are meant, or it was released meanwhile.
    """
    platform = Platform.open(settings.env, settings.project)
    source = platform.catalogue.source(name)
    denylist = platform.denylist
    standing = {
        each.batch: Entry(each.batch, each.name, State.GONE, ruling=each)
        for each in denylist.standing(name).values()
    }
    found = _meant(name, batch, standing, kind="condemned batch").ruling
    assert found is not None
    ruling = replace(found, verdict=Verdict.RELEASED, by=_who(), at=datetime.now(UTC))
    denylist.release(ruling)
    platform.note_rulings()
    return Ruled(settings.ref, ruling, last=source.load is not Load.APPEND)


class _Known:
    """What there is to know of a source's batches, wherever they are."""

    def __init__(self, platform: Platform, source: Source) -> None:
        self.denylist = platform.denylist
        self._platform = platform
        self._source = source
        self._head = platform.lake.refs.head(platform.settings.ref)
        self._found = Discovery()
        self._look = last_looks(platform.ledger.entries()).get(source.name)

    def entries(self) -> dict[str, Entry]:
        """Batch id → what is known of it; those in the lake first, oldest first."""
        found = {entry.batch: entry for entry in self._loaded()}
        for batch in self._found.new:
            found[batch.id] = self._new(batch)
        for (_, condemned), ruling in self.denylist.standing(self._source.name).items():
            known = found.get(condemned, Entry(condemned, ruling.name, State.GONE))
            state = known.state if known.state in (State.LOADED, State.GONE) else State.CONDEMNED
            found[condemned] = replace(
                known, state=state, rows=ruling.rows, ruling=ruling, why=None
            )
        return found

    def _new(self, batch: Batch) -> Entry:
        """A batch that the lake does not have, as the last run that looked at it found it."""
        look, name = self._look, batch.name
        known = Entry(batch.id, name, State.WAITING, corrects=batch.corrects)
        if look is None:
            return known
        # Other content under the name of a batch that was refused was not looked at yet.
        if name in look.held and look.batches.get(name) == batch.id:
            rows, why = look.rows.get(name), look.held[name]
            return replace(known, state=State.HELD, rows=rows, run=look.run, why=why)
        return replace(known, why=look.waiting.get(name))

    def rows(self, entry: Entry) -> int:
        """How many records a batch has."""
        # Of what was held, how it is read may have been mended since.
        if entry.rows is not None and entry.state is not State.HELD:
            return entry.rows
        (batch,) = (each for each in self._found.new if each.id == entry.batch)
        return count_records(self._source, batch)

    def shown(self, batch: str) -> tuple[int, str | None]:
        """Rows of a batch that readers see by now, and the generation before it came."""
        lake = self._platform.lake
        head = lake.refs.head(self._platform.settings.ref)
        if head is None:
            return 0, None
        with lake.read(head.generation) as session:
            origin = accounts.origins(session, self._source.name).get(batch)
            if origin is None:
                return 0, None
            rows = rows_of(self._source, batch, session)
        moves = (move for move in lake.refs.log(head.ref) if move.run == origin.run)
        move = next(moves, None)
        return rows, move.previous if move else None

    def _loaded(self) -> Iterator[Entry]:
        platform, name = self._platform, self._source.name
        manifest: dict[str, Known] = {}
        rows: dict[str, accounts.Origin] = {}
        if self._head is not None:
            with platform.lake.read(self._head.generation) as session:
                manifest, rows = accounts.manifest(session, name), accounts.origins(session, name)
        self._found = self._source.discover(platform.settings, manifest, platform.archive)
        # Answers of an API may have one name; only a file that comes again corrects another.
        files, former = isinstance(self._source, Files), dict[str, str]()
        for batch, known in manifest.items():
            origin = rows[batch]
            yield Entry(
                batch,
                known.name,
                State.LOADED,
                origin.rows_in,
                origin.run,
                published=origin.published,
                quarantined=origin.quarantined,
                corrects=former.get(known.name) if files else None,
            )
            former[known.name] = batch


def _meant(source: str, asked: str, known: Mapping[str, Entry], kind: str = "batch") -> Entry:
    """The batch of a source that somebody means by an id, by how it begins, or by a name."""
    found = [
        entry
        for entry in known.values()
        if entry.name == asked or (len(asked) >= _FEWEST and entry.batch.startswith(asked))
    ]
    if asked in known:
        return known[asked]
    if not found:
        names = [name for entry in known.values() for name in (entry.name, entry.batch)]
        raise UnknownName.of(f"{kind} of {source!r}", asked, names)
    if len(found) > 1:
        told = ", ".join(f"{entry.batch} ({entry.state.value})" for entry in found)
        raise ConfigurationError(
            f"{asked!r} means {len(found)} batches of {source!r}.",
            hint=f"name one by its id: {told}",
        )
    return found[0]


def _who() -> str:
    """Whoever is at work, as this machine knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
