"""Tables and views made what they are in another catalog of the lake."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sluicegate.lake.connection import ALIAS, identifier, literal
from sluicegate.lake.inventory import states
from sluicegate.lake.names import full_name
from sluicegate.lake.schema import read_schema
from sluicegate.lake.session import Session, Table

_CATALOG = "{DUCKLAKE_CATALOG}"
"""What DuckLake writes into a view for the name that its catalog will be attached as."""


class Replica:
    """What another catalog holds, to be taken over into the one that a session writes to.

    Args:
        origin: the other catalog.
        here: the session's own, not opened yet.
    """

    def __init__(self, origin: Path, here: Path) -> None:
        self._theirs, self._mine = read_schema(origin), read_schema(here)
        self._states = states(origin), states(here)

    def take_over(self, session: Session, beside: str, names: Collection[str]) -> None:
        """Make tables and views what they are there: columns, promises, rows and comments.

        Args:
            beside: what the session calls the other catalog.
            names: with their schemas; a view comes after what it reads.
        """
        for name in names:
            if name in self._theirs.views:
                self._view(session, name)
            elif not self._holds(name):
                self._table(session, beside, name)
        self._comments(session, beside, names)

    def _holds(self, name: str) -> bool:
        theirs, mine = (held.get(name) for held in self._states)
        return theirs == mine

    def _view(self, session: Session, name: str) -> None:
        sql, aliases = self._theirs.views[name]
        self._make_room(session, name)
        session.execute(
            f"CREATE VIEW {Table.of(name).sql}{aliases} AS {sql.replace(_CATALOG, ALIAS)}"
        )

    def _table(self, session: Session, beside: str, name: str) -> None:
        table, theirs = Table.of(name), _beside(beside, name)
        self._make_room(session, name)
        columns = ", ".join(
            f"{identifier(column)} {kind}{' NOT NULL' if null == 'NO' else ''}"
            for column, kind, null, *_ in session.rows(f"DESCRIBE {theirs}")
        )
        session.execute(f"CREATE TABLE {table.sql} ({columns})")
        session.execute(f"INSERT INTO {table.sql} SELECT * FROM {theirs}")

    def _make_room(self, session: Session, name: str) -> None:
        table = Table.of(name)
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {ALIAS}.{identifier(table.schema)}")
        if name in self._mine.views:
            session.execute(f"DROP VIEW {table.sql}")
        elif name in self._mine.tables:
            session.execute(f"DROP TABLE {table.sql}")

    def _comments(self, session: Session, beside: str, names: Collection[str]) -> None:
        kinds = {name: "VIEW" if name in self._theirs.views else "TABLE" for name in names}
        told = "schema_name, {}, comment FROM duckdb_{}()"
        told += " WHERE database_name = ? AND comment IS NOT NULL"
        relations = f"SELECT {told.format('table_name', 'tables')}"
        relations += f" UNION ALL SELECT {told.format('view_name', 'views')}"
        for *place, comment in session.rows(relations, [beside, beside]):
            if (name := full_name(*place)) in kinds:
                what = f"{kinds[name]} {Table.of(name).sql}"
                session.execute(f"COMMENT ON {what} IS {literal(comment)}")
        columns = f"SELECT column_name, {told.format('table_name', 'columns')}"
        for column, *place, comment in session.rows(columns, [beside]):
            if kinds.get(name := full_name(*place)) == "TABLE":
                what = f"{Table.of(name).sql}.{identifier(column)}"
                session.execute(f"COMMENT ON COLUMN {what} IS {literal(comment)}")


def _beside(beside: str, name: str) -> str:
    table = Table.of(name)
    return f"{identifier(beside)}.{identifier(table.schema)}.{identifier(table.name)}"
