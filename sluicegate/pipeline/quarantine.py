"""Looking into quarantine: what was rejected, why, and what became of it; personal data masked."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from sluicegate.catalogue import Catalogue, load_catalogue
from sluicegate.contracts import Contract
from sluicegate.errors import UnknownName
from sluicegate.ingestion import Selection, accounts, quarantine
from sluicegate.lake import Archive, Lake, Session
from sluicegate.pipeline.diffing import personal_columns
from sluicegate.settings import Settings
from sluicegate.sources.members import place_of

HIDDEN = "***"
UNPARSED = "record:"
"""How the rules begin that a record breaks as a whole: it is kept as the text that it is."""
_LETTER, _DIGIT = re.compile(r"[^\W\d_]"), re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Heap:
    """Records of one source that break one rule."""

    source: str
    rule: str
    rows: int
    batches: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Stocktaking:
    """What is in quarantine.

    Attributes:
        ref: where it was looked at.
        heaps: by source and rule; a record that breaks two rules is on two of them.
        totals: source → records.
    """

    ref: str
    heaps: list[Heap]
    totals: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        heaps = [{**asdict(heap), "oldest": heap.oldest.isoformat()} for heap in self.heaps]
        return {"ref": self.ref, "quarantine": heaps, "totals": self.totals}


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record in quarantine, fit to be shown.

    Attributes:
        values: column → text as it was written, where the record could be parsed. Personal values
            are hidden; of a value that breaks a rule its shape is shown.
        text: the record as it was written, where it could not be parsed; its shape, if some of the
            contract's columns are personal.
        place: where in its batch it stands, in words.
        masked: whether anything of it is not shown as it was written.
    """

    file: str
    line: int
    rules: list[str]
    run: str
    at: datetime
    values: dict[str, str | None] | None
    text: str | None
    place: str
    masked: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Tried:
    """What a replay made of one record.

    Attributes:
        outcome: ``published``; ``copy``, an equal row is published; ``outdated``, a later batch has
            corrected it; or ``quarantined``, by other rules than before.
    """

    run: str
    at: datetime
    file: str
    line: int
    outcome: str
    before: list[str]
    after: list[str] | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Shown:
    """Some records of one source, and how many there are."""

    ref: str
    source: str
    total: int
    records: list[Rejected]
    history: list[Tried]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ref": self.ref,
            "source": self.source,
            "total": self.total,
            "records": [record.to_dict() for record in self.records],
            "history": [tried.to_dict() for tried in self.history],
        }


def take_stock(settings: Settings, ref: str, selection: Selection) -> Stocktaking:
    """Count what is in quarantine, by source and rule.

    Args:
        ref: a ref, a generation, or ``refused/<run>`` for what a refused run rejected.

    Raises:
        UnknownName: there is no such ref, or the project declares no such source.
    """
    with Lake.of(settings).read(ref) as session:
        if selection.narrows:
            require_known(load_catalogue(settings.project), session, selection)
        totals = quarantine.counted(session, selection)
        if not totals:
            return Stocktaking(ref, [], {})
        heaps = [Heap(*row) for row in quarantine.heaps(session, selection)]
    return Stocktaking(ref, heaps, totals)


def show(settings: Settings, ref: str, selection: Selection, most: int) -> Shown:
    """Show records of one source, oldest batches first, and what replays have made of others.

    Args:
        ref: as for :func:`take_stock`.
        selection: of exactly one source.
        most: records, and entries of the history, to show at most.

    Raises:
        UnknownName: there is no such ref; neither project nor quarantine has such a source; or
            there is no such rule or batch.
    """
    (name,) = selection.sources
    catalogue = load_catalogue(settings.project)
    lake = Lake.of(settings)
    with lake.read(ref) as session:
        total = quarantine.counted(session, selection).get(name, 0)
        if not total and name not in catalogue.sources:
            raise UnknownName.of("source", name, catalogue.sources)
        if not total:
            require_known(catalogue, session, selection)
        records = (
            _records(session, Archive(lake.store), catalogue, selection, most) if total else []
        )
        return Shown(
            ref,
            name,
            total,
            records,
            [Tried(*row) for row in quarantine.history(session, name, most)],
        )


def require_known(catalogue: Catalogue, session: Session, selection: Selection) -> None:
    """Make sure that what a selection names is there, or could be.

    Raises:
        UnknownName: a source, a rule or a batch that there is not.
    """
    sources = [catalogue.source(name) for name in selection.sources or catalogue.sources]
    if selection.rules:
        rules = {rule for source in sources for rule in source.contract.rules()}
        rules |= set(quarantine.rules(session, selection.sources))
        for rule in selection.rules:
            if rule not in rules:
                raise UnknownName.of("rule", rule, rules)
    if selection.files:
        known = [accounts.manifest(session, source.name).values() for source in sources]
        files = {batch.name for batches in known for batch in batches}
        for file in selection.files:
            if file not in files:
                raise UnknownName.of("batch", file, files)


def _records(
    session: Session, archive: Archive, catalogue: Catalogue, selection: Selection, most: int
) -> list[Rejected]:
    (name,) = selection.sources
    source = catalogue.sources.get(name)
    rows = quarantine.records(session, selection, most)
    contract = source.contract if source else None
    find = cache(archive.find)
    return [
        _rejected(*row, contract=contract, place=place_of(row[1], partial(find, batch)))
        for batch, *row in rows
    ]


def _rejected(
    file: str,
    line: int,
    rules: list[str],
    run: str,
    at: datetime,
    record: str,
    *,
    contract: type[Contract] | None,
    place: str,
) -> Rejected:
    values, text = shown_as(record, rules, contract)
    hides = text != record if values is None else values != _parsed(record)
    return Rejected(file, line, rules, run, at, values, text, place, hides)


def shown_as(
    record: str, rules: Collection[str], contract: type[Contract] | None
) -> tuple[dict[str, str | None] | None, str | None]:
    """Values or text of a record, fit to be shown; see :class:`Rejected`."""
    parsed = None if any(rule.startswith(UNPARSED) for rule in rules) else _parsed(record)
    if parsed is not None:
        return masked(parsed, rules, contract), None
    harmless = contract is not None and not personal_columns(contract)
    return None, record if harmless else shape_of(record)


def _parsed(record: str) -> dict[str, str | None] | None:
    """The texts of a record; None in a masked branch, where a pseudonym stands in their place."""
    try:
        texts = json.loads(record)
    except ValueError:
        return None
    return texts if isinstance(texts, dict) else None


def masked(
    record: Mapping[str, str | None], rules: Collection[str], contract: type[Contract] | None
) -> dict[str, str | None]:
    """A rejected record without what is personal in it.

    A value that its column does not accept may have slipped out of a personal one: where there are
    such columns, its shape is shown. Without a contract everything is hidden.
    """
    if contract is None:
        return {name: value and HIDDEN for name, value in record.items()}
    personal = personal_columns(contract)
    known = {column.name for column in contract.columns()}
    broken = {rule.partition(":")[0] for rule in rules}
    return {
        name: value
        and (
            HIDDEN
            if name in personal or name not in known
            else shape_of(value)
            if personal and name in broken
            else value
        )
        for name, value in record.items()
    }


def shape_of(text: str) -> str:
    """A text with its letters and digits hidden: delimiters, quotes and lengths stay.

    >>> shape_of("DE89 3704,99")
    'xx99 9999,99'
    """
    return _DIGIT.sub("9", _LETTER.sub("x", text))
