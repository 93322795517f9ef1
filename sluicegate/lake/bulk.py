"""Many rows at once: polars writes the data file, and DuckLake is told of it.

DuckDB's writer takes three times the CPU for the same rows. A file of ours is like one of its own:
in the folder of its table, with the ids of columns in it, and nobody's until the transaction that
names it has ended.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import polars as pl
from arro3.core import RecordBatchReader, Schema

from sluicegate.errors import Bug, EnvironmentFailed
from sluicegate.lake.connection import ALIAS
from sluicegate.lake.points import reached
from sluicegate.lake.store import DataFiles

if TYPE_CHECKING:
    from sluicegate.lake.session import Session, Table

MANY = 50_000
"""Rows from which on it is worth it: fewer are written as quickly by DuckDB."""

LEVEL = 1
"""Of zstd: a third of the bytes that DuckDB's own files have, for a fifth more of polars' time."""

_METADATA = f'"__ducklake_metadata_{ALIAS}"'
_TABLE = f"""
SELECT t.table_id, s.path || t.path
FROM {_METADATA}.ducklake_table AS t
JOIN {_METADATA}.ducklake_schema AS s USING (schema_id)
WHERE s.schema_name = $1 AND t.table_name = $2
  AND t.end_snapshot IS NULL AND s.end_snapshot IS NULL
  AND t.path_is_relative AND s.path_is_relative
  AND t.table_id NOT IN (
    SELECT table_id FROM {_METADATA}.ducklake_partition_info WHERE end_snapshot IS NULL)
"""
_COLUMNS = f"""
SELECT column_name, column_id, nulls_allowed FROM {_METADATA}.ducklake_column
WHERE table_id = $1 AND end_snapshot IS NULL AND parent_column IS NULL
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A table of the lake that takes files as we write them.

    Attributes:
        folder: where its data files are.
        ids: column → its id, in the catalog and in files.
        required: columns that cannot be null.
    """

    table: Table
    folder: Path
    ids: dict[str, int]
    required: frozenset[str]

    def takes(self, frame: pl.DataFrame) -> bool:
        """Whether a frame has all its columns, no other, and none whose parts have ids as well."""
        nested = any(dtype.is_nested() for dtype in frame.dtypes)
        return self.ids.keys() == set(frame.columns) and not nested


def target(session: Session, table: Table, files: DataFiles) -> Target | None:
    """What is to be known of a table to write a file of it.

    None where that is for DuckDB: on object storage, of which it has the credentials; of a table
    that is parted, or that the transaction at hand has made or changed.
    """
    if files.remote:
        return None
    found = session.settled(_TABLE, [table.schema, table.name])
    if not found:
        return None
    ((number, path),) = found
    columns = session.settled(_COLUMNS, [number])
    required = frozenset(name for name, _, optional in columns if not optional)
    if [name for name, *_ in columns] != list(session.types(table)):
        return None
    if required != session.required(table):
        return None
    return Target(
        table,
        Path(files.path) / path,
        {name: identity for name, identity, _ in columns},
        required,
    )


def append(session: Session, there: Target, frame: pl.DataFrame) -> None:
    """Append rows as one data file.

    Raises:
        EnvironmentFailed: the disk is full, or fails.
        Bug: a column has no value that must have one.
    """
    for name in there.required:
        if frame[name].null_count():
            raise Bug(f"The column {name!r} of a row has no value.", where=str(there.table))
    file = there.folder / f"sluicegate-{uuid4()}.parquet"
    try:
        there.folder.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(
            file, compression="zstd", compression_level=LEVEL, arrow_schema=_schema(frame, there)
        )
    except OSError as error:
        with suppress(OSError):
            file.unlink()
        raise EnvironmentFailed(
            f"The lake cannot be written: {error.strerror or error}.",
            where=str(file),
            hint="look at the disk and its free space; nothing was published, run again after that",
        ) from error
    reached("file written")
    session.execute(
        f"CALL ducklake_add_data_files('{ALIAS}', $1, $2, schema => $3)",
        [there.table.name, str(file), there.table.schema],
    )


def _schema(frame: pl.DataFrame, there: Target) -> Schema:
    """The columns of a frame with their ids, which go into the file with them."""
    plain = RecordBatchReader.from_stream(frame.clear()).schema
    return Schema(
        [
            plain.field(name).with_metadata({"PARQUET:field_id": str(there.ids[name])})
            for name in frame.columns
        ]
    )
