"""Marts as views on the lake's own data files, in one DuckDB file: for BI tools, without a copy.

The file needs neither the lake's catalog nor extensions, but it needs the data files: on this
machine, at their place, for as long as the generation is kept (``lake.keep_days``).
"""

from __future__ import annotations

from pathlib import Path

from sluicegate.lake.connection import ALIAS, Connection, identifier, literal
from sluicegate.lake.inventory import data_files
from sluicegate.lake.store import DataFiles


def create_view(
    connection: Connection,
    catalog: Path,
    files: DataFiles,
    table: tuple[str, str],
    target: str,
) -> bool:
    """Create a view that reads what a table's newest snapshot reads; false if none can.

    None can where rows were deleted since a file was written, where a file has other columns than
    the table by now, and where there is no file at all.

    Args:
        connection: with the catalog attached as the lake.
        catalog: of the generation.
        files: where its data files are.
        table: schema and name.
        target: full, quoted name of the view.
    """
    schema, name = table
    mine = [file for file in data_files(catalog, current=True) if file.table == f"{schema}.{name}"]
    if not mine or any(file.rows < 0 for file in mine):
        return False
    root = Path(files.path).parent
    places = [literal(str(root / file.key)) for file in mine]
    wanted = _columns(connection, f"{ALIAS}.{identifier(schema)}.{identifier(name)}")
    if any(_columns(connection, f"read_parquet({place})") != wanted for place in places):
        return False
    connection.execute(f"CREATE VIEW {target} AS SELECT * FROM read_parquet([{', '.join(places)}])")
    return True


def _columns(connection: Connection, relation: str) -> list[tuple[str, str]]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return [(name, kind) for name, kind, *_ in rows]
