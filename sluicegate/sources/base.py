"""What every source has in common, and what it yields: batches with an identity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sluicegate.contracts import Contract
from sluicegate.errors import ContractError

if TYPE_CHECKING:
    from sluicegate.settings import Settings

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*\Z")


class Load(StrEnum):
    """What a row does to what is published."""

    APPEND = "append"
    """It is added. A key that is taken stays with the row that came first."""
    MERGE = "merge"
    """It replaces the published row of the same key: a correction supersedes."""


@dataclass(frozen=True, slots=True)
class Known:
    """A batch that the lake has taken in already, as its manifest remembers it."""

    batch: str
    name: str
    size: int
    modified_ns: int | None
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """One unit of input.

    Attributes:
        id: first 16 hex digits of the SHA-256 of its raw bytes. Equal content is the same batch.
        name: file name or request, for people.
        content: where its raw bytes are kept; reading never goes back to the source.
        size: number of raw bytes.
        modified_ns: when the source last changed it, where that is known.
        cursor: where the next batch of the same source begins, where the source has one.
    """

    id: str
    name: str
    content: Path
    size: int
    modified_ns: int | None = None
    cursor: str | None = None


@dataclass(slots=True)
class Discovery:
    """What a source has to offer now.

    Attributes:
        new: batches that the lake does not have yet, in the order to load them.
        waiting: names left for the next run, with the reason.
        known: how many batches the lake had already.
    """

    new: list[Batch] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    known: int = 0


class Archive(Protocol):
    """Keeps raw bytes by content."""

    def keep_file(self, file: Path) -> tuple[str, Path, int]:
        """Keep a file's bytes; returns the batch id, the place and the size."""

    def keep_bytes(self, content: bytes) -> tuple[str, Path, int]:
        """Keep bytes; returns the batch id, the place and the size."""


class Source:
    """Base of the declarations. What a subclass adds is where batches come from.

    Args:
        name: of the source and of its table in the lake, ``raw.<name>``.
        contract: what every row promises.
        load: what a row does to what is published.
        tolerate: share of rejected rows above which a whole batch is refused (``"2 %"``).
        owner: team to ask.
        may_be_empty: whether a batch without a single row is an answer; otherwise it is refused.
        ignore: columns of the source that are left in the archive on purpose.

    Raises:
        ContractError: the declaration cannot mean what it says.
    """

    delimiter = ","
    """What separates the fields of its batches."""

    def __init__(
        self,
        name: str,
        *,
        contract: type[Contract],
        load: Load,
        tolerate: str,
        owner: str,
        may_be_empty: bool = False,
        ignore: tuple[str, ...] = (),
    ) -> None:
        if not _NAME.match(name):
            raise ContractError(
                f"{name!r} cannot be the name of a source.",
                where=contract.place(),
                hint="use lower-case letters, digits and '_'",
            )
        self.name = name
        self.contract = contract
        self.load = Load(load)
        self.tolerate = _share(tolerate, name)
        self.owner = owner
        self.may_be_empty = may_be_empty
        self.ignore = frozenset(ignore)
        if not contract.key():
            raise ContractError(
                f"The contract of source {name!r} has no key.",
                where=contract.place(),
                hint="declare the columns that identify a row with key()",
            )

    def discover(
        self, settings: Settings, manifest: Mapping[str, Known], archive: Archive
    ) -> Discovery:
        """Look for batches that are not in the manifest, and archive their bytes.

        Args:
            manifest: batch id → what the lake knows of it, oldest first.

        Raises:
            EnvironmentFailed: the source cannot be reached.
        """
        raise NotImplementedError


def _share(text: str, name: str) -> Decimal:
    match = _PERCENT.match(text)
    if not match or Decimal(match[1]) > 100:
        raise ContractError(
            f"The source {name!r} tolerates {text!r}, which is not a share.",
            hint='write a percentage, like "2 %"',
        )
    return Decimal(match[1]) / 100
