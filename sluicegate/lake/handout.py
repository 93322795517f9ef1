"""What readers of an environment see, handed out: as a connection, or as a file of its own."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb

from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.connection import (
    ALIAS,
    MARTS,
    Connection,
    attach,
    connect,
    identifier,
    literal,
    machine_failed,
    use,
    when_closed,
)
from sluicegate.lake.lake import Lake
from sluicegate.lake.leases import Lease
from sluicegate.lake.names import full_name, parts
from sluicegate.lake.views import create_view
from sluicegate.settings import Settings

_UNWRITTEN = (duckdb.IOException, duckdb.TransactionException, duckdb.OutOfMemoryException)
"""What DuckDB raises where the disk is full: for a file, its log, or what it spills."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file of marts, or of other tables.

    Attributes:
        file: where it is.
        generation: what it shows.
        tables: name → rows; the name of one that is no mart has its schema.
        views: names of those that are views on the lake's data files.
    """

    file: Path
    generation: str
    tables: dict[str, int]
    views: frozenset[str] = frozenset()


def reader(settings: Settings, ref: str | None = None) -> Connection:
    """A read-only connection to what an environment's readers see now, ``lake`` being its default.

    It keeps its view for as long as it is there, or a cursor of it, whatever is published or
    collected meanwhile.

    Args:
        settings: of the environment.
        ref: a generation, or another name of the lake, instead.

    Raises:
        UnknownName: nothing was published there yet, or there is no such ref.
    """
    lake = Lake.of(settings)
    connection = connect()
    lease = lake.lease(settings.ref if ref is None else ref)
    when_closed(connection, lease.release)
    attach(connection, lease.catalog, lake.files, read_only=True)
    use(connection, MARTS)
    return connection


def export_marts(
    settings: Settings,
    file: Path,
    *,
    views: bool = False,
    tables: Collection[str] | None = None,
) -> Export:
    """Write every mart that readers see into one DuckDB file, which appears whole or not at all.

    Any DuckDB driver opens it (JDBC, ODBC, Python, R): it needs neither the lake nor extensions.
    The marts are in its main schema: in a file called marts, a schema marts would be ambiguous.
    A file that is there is replaced; who has it open keeps what he has.

    Args:
        settings: of the environment.
        file: where to write it.
        views: let marts be views on the lake's own data files, where they can be. Nothing is
            copied then, and the file is good for as long as the generation is kept.
        tables: export these instead, ``schema.name``, each in a schema of its own name; those that
            are not published yet are left out.

    Raises:
        UnknownName: nothing was published yet.
        ConfigurationError: the place is no file that could be written, or views are asked for of
            a lake on object storage.
    """
    lake = Lake.of(settings)
    _require_place(file, lake, settings, tables)
    if views and lake.files.remote:
        raise ConfigurationError(
            "Views on object storage would have to know its keys.",
            where=lake.store.address,
            hint="export without --views: the file holds the marts themselves then",
        )
    lake.refs.require(settings.ref)
    draft = file.with_name(f".{file.name}.{uuid4().hex}")
    try:
        durable.make_folder(file.parent)
        with lake.held(settings.ref) as lease, _reading(lake, lease):
            written, seen = _write(lake, lease.catalog, draft, tables, views=views)
        # Left by somebody who died writing to the export before: DuckDB would replay it into ours.
        file.with_name(file.name + ".wal").unlink(missing_ok=True)
        os.replace(draft, file)  # noqa: PTH105 - the target may be there
    except (OSError, *_UNWRITTEN) as error:
        if isinstance(error, duckdb.Error) and "HTTP" in str(error):
            raise machine_failed(error) from error
        raise EnvironmentFailed(
            f"The file cannot be written: {str(error).splitlines()[0]}", where=str(file)
        ) from error
    finally:
        for left in (draft, draft.with_name(draft.name + ".wal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)
    return Export(file, lease.name, written, seen)


def _require_place(
    file: Path, lake: Lake, settings: Settings, tables: Collection[str] | None
) -> None:
    if file.suffix not in {".duckdb", ".db"} or file.is_dir():
        raise ConfigurationError(
            "The marts are written to a DuckDB file.", where=str(file), hint="call it *.duckdb"
        )
    if "?" in str(file.absolute()):
        raise ConfigurationError(
            "DuckDB takes what follows a '?' in a path for no part of it.",
            where=str(file),
            hint="choose a place without one",
        )
    if file.stem in {parts(name)[0] for name in tables or ()}:
        raise ConfigurationError(
            f"In a file called {file.stem!r}, the schema of that name would be ambiguous.",
            where=str(file),
            hint="call it otherwise, such as contracts.duckdb",
        )
    for ours in (lake.root, settings.state):
        if file.resolve().is_relative_to(ours.resolve()):
            raise ConfigurationError(
                "An export does not go where the lake and its services keep their own files.",
                where=str(file),
                hint="choose a place outside, such as data/marts.duckdb",
            )


@contextmanager
def _reading(lake: Lake, lease: Lease) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        if told := lake.gone(lease, error):
            raise told from error
        raise


def _write(
    lake: Lake, catalog: Path, draft: Path, tables: Collection[str] | None, *, views: bool
) -> tuple[dict[str, int], frozenset[str]]:
    connection = connect()
    try:
        attach(connection, catalog, lake.files, read_only=True)
        connection.execute(f"ATTACH {literal(str(draft))} AS target")
        written, seen = {}, set()
        for schema, name in _there(connection):
            full = full_name(schema, name)
            if full not in tables if tables is not None else schema != MARTS:
                continue
            here = f"target.{identifier(name)}"
            if tables is not None:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS target.{identifier(schema)}")
                here = f"target.{identifier(schema)}.{identifier(name)}"
            told = name if tables is None else full
            if views and create_view(connection, catalog, lake.files, (schema, name), here):
                seen.add(told)
            else:
                there = f"{ALIAS}.{identifier(schema)}.{identifier(name)}"
                connection.execute(f"CREATE TABLE {here} AS FROM {there}")
            counted = connection.execute(f"SELECT count(*) FROM {here}").fetchone()
            written[told] = int(counted[0]) if counted else 0
        connection.execute("DETACH target")
    finally:
        connection.close()
    return written, frozenset(seen)


def _there(connection: Connection) -> list[tuple[str, str]]:
    sql = (
        "SELECT table_schema, table_name FROM information_schema.tables"
        " WHERE table_catalog = $1 ORDER BY ALL"
    )
    return connection.execute(sql, [ALIAS]).fetchall()
