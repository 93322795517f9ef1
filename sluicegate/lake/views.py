"""Marts as views on the lake's own data files, in one DuckDB file: for BI tools, without a copy.

The file needs neither the lake's catalog nor extensions, but it needs the data files: on this
machine, at their place, for as long as the generation is kept (``lake.keep_days``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sluicegate.lake.connection import ALIAS, Connection, identifier, literal
from sluicegate.lake.inventory import data_files
from sluicegate.lake.names import full_name
from sluicegate.lake.schema import read_schema
from sluicegate.lake.store import DataFiles


def create_view(
    connection: Connection,
    catalog: Path,
    files: DataFiles,
    table: tuple[str, str],
    target: str,
) -> bool:
    """Create a view that reads what a table's newest snapshot reads; false if none can.

    None can where rows were deleted since a file was written, where a file lacks a column of the
    table or has another one of that name, and where there is no file at all.

    Args:
        connection: with the catalog attached as the lake.
        catalog: of the generation.
        files: where its data files are.
        table: schema and name.
        target: full, quoted name of the view.
    """
    schema, name = table
    full = full_name(schema, name)
    mine = [file for file in data_files(catalog, current=True) if file.table == full]
    if not mine or any(file.rows < 0 for file in mine):
        return False
    root = Path(files.path).parent
    places = [literal(_exactly(root / file.key)) for file in mine]
    wanted = _columns(connection, f"{ALIAS}.{identifier(schema)}.{identifier(name)}")
    ids = set(_ids(column.identity for column in read_schema(catalog).tables[full].columns))
    for place in places:
        # A merged file has a column of DuckLake's own too; an old one may have dropped ones.
        there = _columns(connection, f"read_parquet({place})")
        if not wanted.items() <= there.items() or not ids <= _ids_in(connection, place):
            return False
    selected = f"SELECT {', '.join(map(identifier, wanted))}"
    connection.execute(
        f"CREATE VIEW {target} AS {selected} FROM read_parquet([{', '.join(places)}])"
    )
    return True


def _exactly(file: Path) -> str:
    """A pattern that fits this file and no other."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(file))


def _columns(connection: Connection, relation: str) -> dict[str, str]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {name: kind for name, kind, *_ in rows}


def _ids(identities: Iterable[tuple[object, ...]]) -> Iterator[object]:
    """Ids of columns, and of all that is nested in them."""
    for number, *_, nested in identities:
        yield number
        yield from _ids(inner[1:] for inner in nested)  # type: ignore[attr-defined]


def _ids_in(connection: Connection, place: str) -> set[object]:
    """Ids that a file says its columns have: a name may have been given to another one since."""
    rows = connection.execute(f"SELECT field_id FROM parquet_schema({place})").fetchall()
    return {number for (number,) in rows}
