"""What a ref or generation holds, read from its catalog alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sluicegate.lake.inventory import data_files
from sluicegate.lake.lake import Lake
from sluicegate.lake.refs import Move
from sluicegate.lake.schema import read_schema


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table or view; of a table, its rows, its files and their bytes."""

    name: str
    kind: str
    rows: int
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A ref or generation, as it is.

    Attributes:
        name: what was asked for.
        generation: the generation behind it; None for a refused run.
        refs: every ref that shows it now.
        published: how it first came to be shown, if a log still tells.
    """

    name: str
    generation: str | None
    refs: list[str]
    published: Move | None
    tables: list[ShownTable]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def show(lake: Lake, name: str) -> Shown:
    """Look at what is behind a name.

    Raises:
        UnknownName: there is no such ref, generation or refused run.
    """
    catalog = lake.resolve(name)
    if name.startswith("refused/"):
        return Shown(name, None, [], None, _tables(catalog))
    generation = lake.generation(name)
    refs, first = [], None
    for ref in lake.refs.names():
        moves = [move for move in lake.refs.log(ref) if move.generation == generation]
        if lake.refs.require(ref).generation == generation:
            refs.append(ref)
        # The log is newest first.
        if moves and (first is None or moves[-1].at < first.at):
            first = moves[-1]
    return Shown(name, generation, refs, first, _tables(catalog))


def _tables(catalog: Path) -> list[ShownTable]:
    rows: Counter[str] = Counter()
    files: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for file in data_files(catalog, current=True):
        rows[file.table] += file.rows
        files[file.table] += 1
        size[file.table] += file.size
    schema = read_schema(catalog)
    kinds = dict.fromkeys(schema.tables, "table") | dict.fromkeys(schema.views, "view")
    return [
        ShownTable(name, kind, rows[name], files[name], size[name])
        for name, kind in sorted(kinds.items())
    ]
