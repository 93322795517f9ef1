"""The trial of a proposal: it is loaded as the project would, and its sample is sifted with it."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sluicegate.catalogue import FOLDER, load_catalogue
from sluicegate.ingestion.sift import shape, sift
from sluicegate.ingestion.table import BATCH
from sluicegate.scaffold.sample import taken
from sluicegate.sources import LINE, Batch, Source


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of the records of a sample.

    Attributes:
        rows: records.
        published: rows that keep all rules, each once.
        repeated: equal rows, of which one stays.
        superseded: rows that share their key with a later one, which replaces them.
        quarantined: rows that break a rule, and records that could not be parsed.
        rules: how many break each rule.
        whole: whether the sample is the file.
    """

    rows: int
    published: int
    repeated: int
    superseded: int
    quarantined: int
    rules: dict[str, int]
    whole: bool

    @property
    def share(self) -> float:
        """Share of the records that would be quarantined."""
        return self.quarantined / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, object]:
        """For programs."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        said = [f"of {self.rows:,} rows {self.published:,} would be published"]
        said.append(f"{self.quarantined:,} quarantined")
        if self.rules:
            said[-1] += f" ({', '.join(f'{rule} {n:,}' for rule, n in self.rules.items())})"
        if self.repeated:
            said.append(f"{self.repeated:,} repeat an equal row")
        if self.superseded:
            said.append(
                f"{self.superseded:,} have the key of a later row, which would replace them"
            )
        return ", ".join(said)


def tried(project: Path, name: str, module: str, file: Path, called: str) -> Trial:
    """Load a module among the project's, with all checks of the catalogue, and sift a sample.

    Args:
        module: its text.
        called: name of the file.

    Raises:
        BatchRefused: the batch would be held.
        ContractError: the contract cannot be loaded.
    """
    with TemporaryDirectory(prefix="sluicegate-") as folder:
        contracts = Path(folder) / FOLDER
        contracts.mkdir()
        for each in (project / FOLDER).glob("*.py"):
            shutil.copy(each, contracts)
        (contracts / f"{name}.py").write_text(module, encoding="utf-8")
        source = load_catalogue(Path(folder)).source(name)
    return sifted(source, file, called)


def sifted(source: Source, file: Path, called: str) -> Trial:
    """What would become of the first records of a file.

    Raises:
        BatchRefused: the batch would be held.
    """
    columns = tuple(column.reads for column in source.contract.columns())
    records, whole = taken(source.format, file, called, columns)
    batch = Batch("0" * 16, called, file, file.stat().st_size)
    found = sift(source, [shape(source, batch, records)])
    accepted = found.accepted.drop(BATCH, LINE)
    distinct = accepted.unique()
    keys = distinct.select(source.contract.key()).n_unique()
    broken = Counter(rule for rules in found.rejected["rules"].to_list() for rule in rules)
    return Trial(
        rows=records.count,
        published=keys,
        repeated=accepted.height - distinct.height,
        superseded=distinct.height - keys,
        quarantined=found.rejected.height,
        rules=dict(broken.most_common()),
        whole=whole,
    )
