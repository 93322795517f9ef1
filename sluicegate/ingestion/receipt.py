"""Receipts: what happened to every row of a batch. They must close."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sluicegate.errors import Bug
from sluicegate.ingestion.drift import Drifted
from sluicegate.ingestion.tally import Tallies, added, told


class Fate(StrEnum):
    """What can become of a row."""

    PUBLISHED = "published"
    QUARANTINED = "quarantined"
    DEDUPLICATED = "deduplicated"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The account of one batch, or of several added up.

    Attributes:
        rejections: rule → rows that broke it. A row that broke two rules counts under both, so
            these do not add up to ``quarantined``.
        warnings: rule that only warns → rows that break it and are published all the same. As with
            rejections, a batch that is held keeps what was found.
        tallies: what was counted of its rows, by dimension of quality, whatever became of them.
        examples: rule → where one row that broke it stands; a place, never a value.
        unknown_columns: columns that came along and that the contract does not name; they are in
            the archive only.
        removed: published rows that left because their source no longer has them. They came with
            earlier batches, so they are no part of the balance.
        corrects: id of the batch that came under the same name before, with other content.
        drift: how its columns differ from those of the contract.
        left_out: lines that are no records, by what they are: they are no part of the balance. A
            batch that is refused before it was read has none.
    """

    source: str
    batch: str
    name: str
    rows_in: int = 0
    published: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    held: int = 0
    rejections: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    unknown_columns: tuple[str, ...] = ()
    removed: int = 0
    corrects: str | None = None
    drift: tuple[Drifted, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def closes(self) -> bool:
        """Rows in = published + quarantined + deduplicated + held."""
        return self.rows_in == (
            self.published + self.quarantined + self.deduplicated + self.held
        ) and all(count >= 0 for count in self._counts())

    def closed(self) -> Receipt:
        """The same receipt, if it closes.

        Raises:
            Bug: it does not; a row was lost or counted twice.
        """
        if not self.closes:
            raise Bug(
                f"A receipt does not close: {self.rows_in} in, {self._counts()} accounted for.",
                where=f"{self.source}, {self.name}",
            )
        return self

    def hold(self) -> Receipt:
        """The same batch, refused: nothing of it is published, all its rows are held."""
        return replace(
            self, published=0, quarantined=0, deduplicated=0, held=self.rows_in, removed=0
        ).closed()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "source": self.source,
            "batch": self.batch,
            "name": self.name,
            "rows_in": self.rows_in,
            **{fate.value: getattr(self, fate.value) for fate in Fate},
            "rejections": dict(sorted(self.rejections.items())),
            "warnings": dict(sorted(self.warnings.items())),
            "quality": told(self.tallies),
            "unknown_columns": list(self.unknown_columns),
            "removed": self.removed,
            "corrects": self.corrects,
            "drift": [each.to_dict() for each in self.drift],
            "left_out": dict(sorted(self.left_out.items())),
        }

    def _counts(self) -> tuple[int, int, int, int]:
        return self.published, self.quarantined, self.deduplicated, self.held


def together(former: Receipt, part: Receipt) -> Receipt:
    """The account of a batch of which one more part was taken in."""
    unknown = dict.fromkeys([*former.unknown_columns, *part.unknown_columns])
    return replace(
        total(former.source, [former, part]),
        batch=former.batch,
        name=former.name,
        unknown_columns=tuple(unknown),
        corrects=former.corrects,
    ).closed()


def total(source: str, receipts: Iterable[Receipt]) -> Receipt:
    """The account of a source in a run: its batches added up."""
    result = Receipt(source, batch="", name="")
    for receipt in receipts:
        result = replace(
            result,
            rows_in=result.rows_in + receipt.rows_in,
            published=result.published + receipt.published,
            quarantined=result.quarantined + receipt.quarantined,
            deduplicated=result.deduplicated + receipt.deduplicated,
            held=result.held + receipt.held,
            rejections=_sum(result.rejections, receipt.rejections),
            warnings=_sum(result.warnings, receipt.warnings),
            tallies=added([result.tallies, receipt.tallies]),
            removed=result.removed + receipt.removed,
            left_out=_sum(result.left_out, receipt.left_out),
            examples=receipt.examples | result.examples,
        )
    return result


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {rule: one.get(rule, 0) + other.get(rule, 0) for rule in {**one, **other}}
