"""The only door to DuckDB: connections with the lake attached under its one name, ``lake``.

DuckDB's extensions are loaded from their wheels by path. Nothing is downloaded or installed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from weakref import finalize

import duckdb

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.inventory import require_alone
from sluicegate.lake.store import DataFiles

Connection = duckdb.DuckDBPyConnection
"""A connection, for those who are handed one and must not open any."""

ALIAS = "lake"
"""What every connection calls the lake."""

MARTS = "marts"
"""The schema whose tables readers name without it."""

KEYRING = "sluicegate_lake"
"""What a connection calls the credentials of a lake on object storage; it shows them to nobody."""

_EXTENSIONS = ("ducklake", "sqlite_scanner", "icu")


_SCHEMAS = "SELECT count(*) FROM duckdb_schemas() WHERE database_name = $1"


def connect() -> Connection:
    """A private connection that can attach a lake.

    Raises:
        EnvironmentFailed: an extension is missing.
    """
    connection = duckdb.connect(":memory:")
    prepare(connection)
    return connection


def in_memory() -> Connection:
    """A private connection to which an empty database in memory is the lake.

    Raises:
        EnvironmentFailed: an extension is missing.
    """
    connection = duckdb.connect(":memory:")
    connection.execute(f"LOAD {literal(str(extension_file('icu')))}")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"ATTACH ':memory:' AS {identifier(ALIAS)}")
    return connection


def prepare(connection: Connection) -> None:
    """Make any connection able to attach a lake; most of what opening one costs.

    Raises:
        EnvironmentFailed: an extension is missing.
    """
    for extension in _EXTENSIONS:
        connection.execute(f"LOAD {literal(str(extension_file(extension)))}")
    # Dates must not depend on where the machine stands.
    connection.execute("SET TimeZone = 'UTC'")


def attach(
    connection: Connection,
    catalog: Path,
    files: DataFiles,
    *,
    read_only: bool,
    alias: str = ALIAS,
) -> None:
    """Attach a catalog of the lake as ``lake``; a missing catalog is created when writable.

    Only who compares two catalogs calls one of them something else.

    Raises:
        EnvironmentFailed: the catalog cannot be opened, or a journal lies beside what is only read.
    """
    if files.remote:
        _let_in(connection, files)
    # What does not fit into memory is spilled beside the lake, not into somebody's working folder.
    connection.execute(f"SET temp_directory = {literal(str(files.spill))}")
    options = f"DATA_PATH {literal(files.path)}, OVERRIDE_DATA_PATH true"
    # Inlined rows would live in the catalog, where a branch could not share them as files.
    options += ", DATA_INLINING_ROW_LIMIT 0"
    if read_only:
        require_alone(catalog)
        options += ", READ_ONLY"
    source = literal(f"ducklake:sqlite:{catalog}")
    try:
        connection.execute(f"ATTACH {source} AS {identifier(alias)} ({options})")
        # DuckLake reads what there is when it is first asked: damage shows now, not in a query.
        connection.execute(_SCHEMAS, [alias])
    except duckdb.Error as error:
        raise EnvironmentFailed(
            f"The catalog cannot be opened: {str(error).splitlines()[0]}", where=str(catalog)
        ) from error


def _let_in(connection: Connection, files: DataFiles) -> None:
    """Give a connection what it takes to reach data files on object storage, and nothing else."""
    connection.execute(f"LOAD {literal(str(extension_file('httpfs')))}")
    options = ", ".join(f"{name} {literal(value)}" for name, value in files.access)
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMPORARY SECRET {KEYRING}"
            f" (TYPE s3, PROVIDER config, SCOPE {literal(files.path)}, {options})"
        )
    except duckdb.Error:
        # Its message may quote the statement, and with it the secret.
        raise EnvironmentFailed(
            "DuckDB does not take the credentials of the object storage.",
            where=files.path,
            hint="check the lake's endpoint, region, key_id and secret",
        ) from None


def machine_failed(error: duckdb.Error) -> EnvironmentFailed:
    """What to tell people when DuckDB cannot read or write: a disk, memory, or the network."""
    what = str(error).splitlines()[0]
    look = "the network and the object storage" if "HTTP" in what else "the disk and its free space"
    return EnvironmentFailed(
        f"The lake cannot be read or written: {what}",
        hint=f"look at {look}; nothing was published, run again after that",
    )


def detach(connection: Connection) -> None:
    """Let go of the lake; its catalog file is complete and closed after this."""
    connection.execute(f"DETACH {ALIAS}")


def open_read_only(
    catalog: Path, files: DataFiles, *, first: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that sees one generation, may change nothing and reaches no other file.

    Args:
        first: schema whose tables need not be named with it, if there is such a schema.
    """
    connection = connect()
    attach(connection, catalog, files, read_only=True)
    use(connection, first)
    connection.execute(f"SET allowed_directories = [{literal(files.path)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def use(connection: Connection, first: str | None) -> None:
    """Let tables of the lake be named without it, and those of a schema without that."""
    named = f"{ALIAS}.{identifier(first)}" if first and _has(connection, first) else ALIAS
    connection.execute(f"USE {named}")


def _has(connection: Connection, schema: str) -> bool:
    sql = "SELECT 1 FROM duckdb_schemas() WHERE (database_name, schema_name) = ($1, $2)"
    return bool(connection.execute(sql, [ALIAS, schema]).fetchall())


def when_closed(connection: Connection, call: Callable[[], object]) -> None:
    """Have something called once nobody can query any more.

    That is when the connection and all its cursors are closed or gone, and all that is derived from
    them. A cursor does not keep its connection alive, but the database, and that keeps what is
    registered with it.
    """
    # It takes long to load, and only this needs it.
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

    class Held(AbstractFileSystem):  # type: ignore[misc]
        """A file system that nobody uses, for as long as the database is there."""

        protocol = "sluicegate-held"
        cachable = False

    held = Held()
    finalize(held, call)
    connection.register_filesystem(held)


@cache
def extension_file(extension: str) -> Path:
    """Where an extension's wheel put its library.

    Raises:
        EnvironmentFailed: the wheel is not installed, or is of another DuckDB version.
    """
    module = f"duckdb_extension_{extension}"
    spec = find_spec(module)
    if spec is not None and spec.origin is not None:
        version = f"v{duckdb.__version__}"
        file = Path(spec.origin).parent / "extensions" / version
        file /= f"{extension}.duckdb_extension"
        if file.is_file():
            return file
    raise EnvironmentFailed(
        f"DuckDB's extension {extension!r} for DuckDB {duckdb.__version__} is not installed.",
        hint="install the project from its lock: make run and make test do so",
    )


def literal(text: str) -> str:
    """Quote a text as an SQL literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Quote a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
