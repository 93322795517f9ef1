"""Bounded growth: what a branch's catalog need not remember is forgotten before it is published.

A generation is read at its newest snapshot only; earlier states are earlier generations. So the
older snapshots inside a catalog, and the versions of tables that only they see, are expired. Small
files are merged once a table has more than a few of a size, and files that are deleted from are
rewritten, so that the files of a table, and what the catalog knows of each, stay bounded too.

Nothing here removes a data file: other generations name the same files. DuckLake's list of files
to be deleted is emptied, never worked through; :mod:`sluicegate.lake.collect` removes what no
catalog names any more. What is expired goes with its commit messages: the run that published is in
the ref's log, the batches that it loaded are in the manifest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from sluicegate.errors import Bug
from sluicegate.lake.connection import ALIAS, literal
from sluicegate.lake.inventory import data_files, read_catalog, write_catalog
from sluicegate.lake.session import Session, Table

FEW = 8
"""Files of one size class that a table may have; merging eight costs less than reading them."""

SIZES = (256 << 10, 4 << 20, 64 << 20)
"""Upper bounds of the size classes, in bytes; larger files stay as they are.

Each class is 16 times the one below, so a row is copied a few times in its life, not every time.
"""

DELETED = 0.25
"""Share of a file's rows that may be deleted before the rest is written anew."""

_SNAPSHOTS = "SELECT snapshot_id FROM ducklake_snapshot ORDER BY snapshot_id"

_CURRENT = """
SELECT s.schema_name, t.table_name, f.file_size_bytes, f.record_count, sum(d.delete_count),
       (SELECT max(v.begin_snapshot) FROM ducklake_schema_versions AS v
        WHERE v.table_id = f.table_id AND v.begin_snapshot <= f.begin_snapshot),
       p.place
FROM ducklake_data_file AS f
JOIN ducklake_table AS t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
JOIN ducklake_schema AS s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
LEFT JOIN ducklake_delete_file AS d
  ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
LEFT JOIN (
  SELECT data_file_id,
         group_concat(partition_key_index || '=' || coalesce(partition_value, ''), '/') AS place
  FROM (SELECT * FROM ducklake_file_partition_value ORDER BY data_file_id, partition_key_index)
  GROUP BY data_file_id
) AS p USING (data_file_id)
WHERE f.end_snapshot IS NULL
GROUP BY f.data_file_id
"""
# The values are joined, not looked up: nothing there has an index, and files may be 10,000.
# DuckLake merges files of one partition that were written under one version of the table; another
# way to part it is another version.


@dataclass(frozen=True, slots=True)
class _File:
    size: int
    deleted: float
    group: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done about one table.

    Attributes:
        rewrite: rewrite files with at least this share of rows deleted; None for none of them.
        merge: size classes to merge, from and below so many bytes.
    """

    table: Table
    rewrite: float | None
    merge: tuple[tuple[int, int], ...]


def compact(
    catalog: Path, session: Callable[[], AbstractContextManager[Session]]
) -> frozenset[str] | None:
    """Bound what a branch's catalog holds; tell which data files were written anew.

    A catalog with nothing to forget keeps its bytes, and so its name: None tells so. Every table
    keeps its rows.

    Args:
        catalog: of a branch that nobody has open.
        session: opens that branch.

    Raises:
        EnvironmentFailed: a data file cannot be read, or the disk is full.
        Bug: a table had other rows after it. The branch must not be published.
    """
    with read_catalog(catalog) as connection:
        *old, _ = (number for (number,) in connection.execute(_SNAPSHOTS))
    work = list(_work(catalog))
    if not old and not work:
        return None
    before, files = _rows(catalog)
    with session() as opened:
        _expire(opened, old)
        if work:
            with opened.transaction():
                for each in work:
                    _compact_table(opened, each)
            # That was work in snapshots of its own.
            found = opened.rows(f"SELECT snapshot_id FROM ducklake_snapshots('{ALIAS}') ORDER BY 1")
            _expire(opened, [number for (number,) in found[:-1]])
    after, left = _rows(catalog)
    _require_equal(before, after, catalog)
    with write_catalog(catalog) as connection:
        connection.execute("DELETE FROM ducklake_files_scheduled_for_deletion")
    return files - left


def vacuum(catalog: Path) -> None:
    """Give back the space of what was forgotten: SQLite keeps it, with its content, until then."""
    with write_catalog(catalog) as connection:
        connection.execute("VACUUM")


def touch(catalog: Path) -> None:
    """Make a catalog's content, and so its name, another one, and nothing else."""
    with write_catalog(catalog) as connection:
        ((number,),) = connection.execute("PRAGMA user_version")
        connection.execute(f"PRAGMA user_version = {number + 1}")


def _work(catalog: Path) -> Iterator[_Work]:
    tables: defaultdict[Table, list[_File]] = defaultdict(list)
    with read_catalog(catalog) as connection:
        for schema, name, size, rows, deleted, *group in connection.execute(_CURRENT):
            share = (deleted or 0) / rows if rows else 0.0
            tables[Table(schema, name)].append(_File(size, share, tuple(group)))
    for table, files in tables.items():
        work = _Work(table, _rewrite(files), tuple(_merge(files)))
        if work.rewrite is not None or work.merge:
            yield work


def _rewrite(files: list[_File]) -> float | None:
    """From which share of deleted rows on files are rewritten.

    Small files wait for each other as those that are merged do: DuckLake merges none that has rows
    deleted, so they would pile up.
    """
    small = [file.deleted for file in files if file.deleted and file.size < SIZES[-1]]
    if len(small) > FEW:
        return min(*small, DELETED)
    return DELETED if any(file.deleted >= DELETED for file in files) else None


def _merge(files: list[_File]) -> Iterator[tuple[int, int]]:
    whole = [file for file in files if not file.deleted]
    for low, high in pairwise((0, *SIZES)):
        groups = Counter(file.group for file in whole if low <= file.size < high)
        if any(count > FEW for count in groups.values()):
            yield low, high


def _expire(session: Session, snapshots: list[int]) -> None:
    if snapshots:
        listed = ", ".join(map(str, snapshots))
        session.execute(f"CALL ducklake_expire_snapshots('{ALIAS}', versions => [{listed}])")


def _compact_table(session: Session, work: _Work) -> None:
    name = f"'{ALIAS}', {literal(work.table.name)}, schema => {literal(work.table.schema)}"
    if work.rewrite is not None:
        # A little less, because the share is computed there once more.
        threshold = f"delete_threshold => {work.rewrite * (1 - 1e-9):.12f}"
        session.execute(f"CALL ducklake_rewrite_data_files({name}, {threshold})")
    for low, high in work.merge:
        sizes = f"min_file_size => {low}, max_file_size => {high}"
        session.execute(f"CALL ducklake_merge_adjacent_files({name}, {sizes})")


def _rows(catalog: Path) -> tuple[Counter[str], frozenset[str]]:
    """How many rows each table has, and the keys of all files that they are in."""
    rows: Counter[str] = Counter()
    keys = set()
    for file in data_files(catalog, current=True):
        rows[file.table] += file.rows
        keys.add(file.key)
    return +rows, frozenset(keys)


def _require_equal(before: Counter[str], after: Counter[str], catalog: Path) -> None:
    if changed := sorted(table for table in before | after if before[table] != after[table]):
        raise Bug(
            f"Merging files changed the number of rows of {', '.join(changed)}.",
            where=str(catalog),
            hint="nothing was published; please report it",
        )
