"""What every source has in common, and what it yields: batches with an identity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Required, TypedDict, Unpack

from sluicegate.contracts import Contract, Reference
from sluicegate.contracts.arguments import one_of
from sluicegate.contracts.readings import require_readable
from sluicegate.errors import ContractError
from sluicegate.packing import Stream
from sluicegate.sources import members
from sluicegate.sources.excel import Excel
from sluicegate.sources.fresh import Expectation
from sluicegate.sources.records import Format, Records
from sluicegate.sources.window import ALWAYS, Window

if TYPE_CHECKING:
    from sluicegate.settings import Settings

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*\Z")

ROWS_AT_ONCE = 250_000
"""Rows that are read, validated and written together: what bounds memory, whatever the volume."""


class Load(StrEnum):
    """What a row does to what is published."""

    APPEND = "append"
    """It is added. A key that is taken stays with the row that came first."""
    MERGE = "merge"
    """It replaces the published row of the same key: a correction supersedes."""
    REPLACE = "replace"
    """Its batch is the whole: what the newest one no longer has was deleted at the source, and
    leaves. A row that is rejected leaves the one before it in place."""


class Drift(StrEnum):
    """What becomes of a batch whose columns are not those that its contract reads.

    Without it, a batch that lacks a column is refused, and every other difference is put on record.
    """

    REFUSE = "refuse"
    """It is held, with every difference named."""
    QUARANTINE = "quarantine"
    """All its records go to quarantine, and come back by a replay once the contract fits."""
    EVOLVE = "evolve"
    """It is taken in: what is new stays in the archive, a nullable column that is missing is
    absent. All differences are put on record."""


class Hold(StrEnum):
    """What waits when a batch is refused."""

    RUN = "run"
    """The run: nothing of it is published until the batch is mended or gone."""
    BATCH = "batch"
    """The batch alone, which the next run tries again; and where rows correct each other, those
    that come after it, for they must not be overtaken."""


@dataclass(frozen=True, slots=True)
class Known:
    """A batch that the lake has taken in already, as its manifest remembers it."""

    batch: str
    name: str
    size: int
    modified_ns: int | None
    cursor: str | None
    at: datetime
    """When it was taken in."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One unit of input.

    Attributes:
        id: first 16 hex digits of the SHA-256 of its raw bytes; what else its records say, such as
            the values of folders, follows behind a hyphen. Equal content is the same batch.
        name: file name or request, for people.
        content: where its raw bytes are kept; reading never goes back to the source.
        size: number of raw bytes.
        modified_ns: when the source last changed it, where that is known.
        cursor: where the next batch of the same source begins, where the source has one.
        corrects: id of the batch that came under the same name before, with other content.
    """

    id: str
    name: str
    content: Path
    size: int
    modified_ns: int | None = None
    cursor: str | None = None
    corrects: str | None = None


@dataclass(slots=True)
class Discovery:
    """What a source has to offer now.

    Attributes:
        new: batches that the lake does not have yet, in the order to load them.
        waiting: names left for the next run, with the reason.
        known: how many batches the lake had already.
        vanished: batches that the lake has, and whose source does not any more.
        outside: days of new files that are not about the days that were asked for, a day each.
    """

    new: list[Batch] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    known: int = 0
    vanished: list[Known] = field(default_factory=list)
    outside: list[date] = field(default_factory=list)


class Archive(Protocol):
    """Keeps raw bytes by content."""

    def keep_stream(self, content: Stream) -> tuple[str, Path, int]:
        """Keep bytes piece by piece; returns the batch id, the place and the size.

        Raises:
            OSError: they cannot be read.
        """

    def keep_bytes(self, content: bytes) -> tuple[str, Path, int]:
        """Keep bytes; returns the batch id, the place and the size."""


class Terms(TypedDict, total=False):
    """What every source is declared with, wherever its batches come from."""

    contract: Required[type[Contract]]
    """What every row promises."""
    load: Required[Load]
    """What a row does to what is published."""
    tolerate: Required[str]
    """Share of rejected rows above which a whole batch is refused (``"2 %"``)."""
    owner: Required[str]
    """Team to ask."""
    may_be_empty: bool
    """Whether a batch, or the table, without a single row is an answer; otherwise it is refused."""
    may_shrink: str
    """For ``Load.REPLACE``, and required there: share of the published rows that a batch may lack.
    One that lacks more is refused: half an export deletes nothing."""
    holds: Hold
    """What waits when a batch is refused; by default the run."""
    drift: Drift
    """What becomes of a batch whose columns are not those that its contract reads."""
    ignore: tuple[str, ...]
    """Columns of the source that are left in the archive on purpose."""
    fresh: Expectation
    """When there must be something new; without it, nobody waits for anything."""
    reference: Reference
    """What says whether its rows are accurate; without it, nobody can tell."""


# Written down again: under postponed annotations a TypedDict does not know what it requires.
_REQUIRED = frozenset({"contract", "load", "tolerate", "owner"})


class Source:
    """Base of the declarations. What a subclass adds is where batches come from.

    Args:
        name: of the source and of its table in the lake, ``raw.<name>``.
        format: how its batches are read.
        terms: see :class:`Terms`.

    Raises:
        ContractError: the declaration cannot mean what it says.
    """

    def __init__(self, name: str, format: Format, **terms: Unpack[Terms]) -> None:  # noqa: A002
        _require_terms(name, terms)
        _require_kinds(name, terms, format)
        contract = terms["contract"]
        if not _NAME.match(name):
            raise ContractError(
                f"{name!r} cannot be the name of a source.",
                where=contract.place(),
                hint="use lower-case letters, digits and '_'",
            )
        self.name = name
        self.contract = contract
        self.load = one_of(Load, "load", terms["load"])
        self.tolerate = _share(terms["tolerate"], f"The source {name!r} tolerates")
        self.owner = terms["owner"]
        self.format = format
        self.may_be_empty = terms.get("may_be_empty", False)
        self.holds = one_of(Hold, "holds", terms.get("holds", Hold.RUN))
        self.drift = one_of(Drift, "drift", terms["drift"]) if "drift" in terms else None
        self.ignore = frozenset(terms.get("ignore", ()))
        self.fresh = terms.get("fresh")
        self.reference = terms.get("reference")
        if not contract.key():
            raise ContractError(
                f"The contract of source {name!r} has no key.",
                where=contract.place(),
                hint="declare the columns that identify a row with key()",
            )
        require_readable(contract)
        if isinstance(format, Excel):
            format.require_read([each.reads for each in contract.columns()], contract.place())
        if (self.load is Load.REPLACE) != ("may_shrink" in terms):
            raise ContractError(
                f"The source {name!r} must say how far a batch may shrink if its batches replace "
                "everything, and only then.",
                where=contract.place(),
                hint='load=Load.REPLACE, may_shrink="10 %"',
            )
        shrink = terms.get("may_shrink", "0 %")
        self.may_shrink = _share(shrink, f"A batch of the source {name!r} may shrink")

    @property
    def in_order(self) -> bool:
        """Whether a batch may not be taken in before one that is held, which would correct it."""
        return self.holds is Hold.BATCH and self.load is not Load.APPEND

    def read(self, batch: Batch, most: int = ROWS_AT_ONCE) -> Iterator[Records]:
        """Read a batch's archived bytes as records, in parts of at most so many rows.

        Raises:
            BatchRefused: it cannot be read as a whole; parts of it may have been read by then.
        """
        return members.read(
            self.format, batch.content, name=batch.name, columns=self.reads(), most=most
        )

    def count(self, batch: Batch) -> int:
        """Records that a batch which cannot be read must have meant to send."""
        return members.count(self.format, batch.content)

    def reads(self) -> list[str]:
        """Names that the contract reads from a batch, in its order."""
        return [column.reads for column in self.contract.columns()]

    def discover(
        self,
        settings: Settings,
        manifest: Mapping[str, Known],
        archive: Archive,
        window: Window = ALWAYS,
    ) -> Discovery:
        """Look for batches that are not in the manifest, and archive their bytes.

        Args:
            manifest: batch id → what the lake knows of it, oldest first.
            window: days that the batches must be about. An API is asked for them anew, and where
                the next batch begins stays what it was.

        Raises:
            EnvironmentFailed: the source cannot be reached.
            ConfigurationError: it cannot be asked for such days.
        """
        raise NotImplementedError


def _require_terms(name: str, terms: Mapping[str, object]) -> None:
    """Say by name what a declaration has too much, and what it lacks."""
    if unknown := sorted(terms.keys() - Terms.__annotations__.keys()):
        near = get_close_matches(unknown[0], Terms.__annotations__, n=1)
        known = ", ".join(sorted(Terms.__annotations__))
        raise ContractError(
            f"The source {name!r} is declared with {unknown[0]!r}, which no source knows.",
            hint=f"did you mean {near[0]!r}?" if near else f"known: {known}",
        )
    if missing := sorted(_REQUIRED - terms.keys()):
        raise ContractError(
            f"The source {name!r} is declared without {', '.join(missing)}.",
            hint="say it beside its contract; docs/contracts.md tells what it means",
        )


def _require_kinds(name: str, terms: Mapping[str, object], records: object) -> None:
    """Refuse what only the run that needs it would notice, or nobody."""
    contract, owner, ignored = terms["contract"], terms["owner"], terms.get("ignore", ())
    fresh, reference = terms.get("fresh"), terms.get("reference")
    empty = terms.get("may_be_empty", False)
    for argument, given, right, hint in (
        (
            "contract",
            contract,
            isinstance(contract, type) and issubclass(contract, Contract),
            "give the class itself, without quotes: contract=Orders",
        ),
        ("owner", owner, isinstance(owner, str) and owner.strip(), 'write owner="payments"'),
        ("may_be_empty", empty, isinstance(empty, bool), "write True, or leave it out"),
        ("ignore", ignored, not isinstance(ignored, str), f"write ignore=({ignored!r},)"),
        ("fresh", fresh, fresh is None or hasattr(fresh, "since"), 'write fresh=within("36 h")'),
        (
            "reference",
            reference,
            isinstance(reference, Reference | None),
            'write reference=Reference("raw.codes", on={"code": "code"})',
        ),
        ("format", records, hasattr(records, "read"), "write format=Ndjson(), for one"),
    ):
        if not right:
            raise ContractError(
                f"The source {name!r} is declared with {argument}={given!r}, which is none.",
                hint=hint,
            )


def _share(text: object, what: str) -> Decimal:
    match = _PERCENT.match(text) if isinstance(text, str) else None
    if not match or Decimal(match[1]) > 100:
        raise ContractError(
            f"{what} {text!r}, which is not a share.",
            hint='write a percentage, like "2 %"',
        )
    return Decimal(match[1]) / 100
