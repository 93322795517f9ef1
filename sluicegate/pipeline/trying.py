"""Trying a contract on a file: what a run would make of its records, without a lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sluicegate.catalogue import load_catalogue
from sluicegate.csv_files import told
from sluicegate.ingestion.drift import Observed
from sluicegate.ingestion.sift import Sifted, shaped, sift
from sluicegate.pipeline.quarantine import shown_as
from sluicegate.sources import LINE, Batch, Source
from sluicegate.sources.members import place_of


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that would be quarantined, fit to be shown.

    Attributes:
        place: where in the file it stands, in words.
        values: as in :class:`~sluicegate.pipeline.quarantine.Rejected`, and so is ``text``.
    """

    place: str
    rules: list[str]
    values: dict[str, str | None] | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What would become of the records of a file.

    Attributes:
        valid: records that keep every rule. Whether others have their key, or lack what they
            name, only a lake can tell.
        rules: how many break each rule; a record that breaks two counts under both.
        broken: the first of them.
        drift: how the file differs from the contract, in words.
    """

    source: str
    file: str
    rows_in: int
    valid: int
    quarantined: int
    rules: dict[str, int]
    broken: list[Broken]
    drift: list[str]

    def to_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def attempt(project: Path, name: str, file: Path, most: int) -> Attempt:
    """Read a file by the format and the contract of a source.

    Args:
        name: of the source.
        most: records that break a rule to show.

    Raises:
        UnknownName: there is no such source.
        BatchRefused: the file would be held, whatever its records are.
        ConfigurationError: there is no such file.
    """
    source = load_catalogue(project).source(name)
    with told(file):
        batch = Batch("0" * 16, str(file), file, file.stat().st_size)
        rows_in = valid = 0
        rules: Counter[str] = Counter()
        broken: list[Broken] = []
        seen = Observed()
        for part in shaped(source, batch):
            sifted = sift(source, [part])
            rows_in += part.rows_in
            valid += sifted.accepted.height
            for each in sifted.rejected["rules"].to_list():
                rules.update(each)
            broken += _shown(source, sifted, most - len(broken), file)
            seen += sifted.observed[batch.id]
    quarantined, drift = rows_in - valid, [*map(str, seen.drift(source))]
    told_rules = dict(rules.most_common())
    return Attempt(name, str(file), rows_in, valid, quarantined, told_rules, broken, drift)


def _shown(source: Source, sifted: Sifted, most: int, file: Path) -> Iterator[Broken]:
    first = sifted.rejected.sort(LINE).head(most)
    for line, rules, record in first.select(LINE, "rules", "record").iter_rows():
        values, text = shown_as(record, rules, source.contract)
        yield Broken(place_of(line, lambda: file), rules, values, text)
