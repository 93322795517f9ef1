"""Copying a generation with its personal values replaced: a masked branch.

The copy is a catalog of its own that begins empty, not a copy of the original's. So it holds no
name, statistic, snapshot or file of the original that somebody forgot to take out: what is not put
in is not there. The price is that tables without personal columns are copied too, not shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sluicegate.errors import Bug, ConfigurationError
from sluicegate.lake.branch import Branch
from sluicegate.lake.codebook import Codebooks, type_of
from sluicegate.lake.connection import ALIAS, identifier, literal
from sluicegate.lake.session import BESIDE, Session, Table
from sluicegate.progress import Progress, untold
from sluicegate.pseudonyms import DIGITS, Mask, Pseudonyms, Replacement, affixes

_OWN_OPTIONS = ("version", "created_by", "data_path", "encrypted")


class Fate(StrEnum):
    """What became of a table in a masked branch."""

    REWRITTEN = "rewritten"
    KEPT = "kept"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one table comes along.

    Attributes:
        columns: every column that may, with what its values are replaced by; None: by nothing,
            they say nothing of a person.
        in_part: whether a column that is not named stays behind alone; otherwise the table does.
    """

    columns: Mapping[str, Replacement | None]
    in_part: bool = False


@dataclass(frozen=True, slots=True)
class MaskedTable:
    """What became of one table.

    Attributes:
        rows: that came along.
        masked: column → mask, of those whose values may identify somebody.
        dropped: columns that stayed behind.
        reason: why the table stayed behind, for people.
    """

    name: str
    fate: Fate
    rows: int = 0
    masked: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "fate": self.fate.value, "dropped": list(self.dropped)}


def copy_masked(
    catalog: Path,
    branch: Branch,
    plan: Mapping[Table, Treatment],
    pseudonyms: Pseudonyms,
    progress: Progress = untold,
) -> list[MaskedTable]:
    """Fill a new branch with the tables of a generation, personal values replaced.

    Views stay behind, and so does every table that the plan does not name. The key and what it
    makes of which value are in this process's memory, or spilled encrypted, and nowhere else.

    Args:
        catalog: of the generation.
        branch: one that nothing was written to.
        plan: the tables that may come along.

    Raises:
        ConfigurationError: a column is not of the type that its mask is for.
    """
    with branch.session() as session:
        # What does not fit into memory is spilled, and may be personal.
        session.execute("SET temp_file_encryption = true")
        with session.beside(catalog, branch.files):
            return _copied(session, plan, pseudonyms, progress)


def _copied(
    session: Session, plan: Mapping[Table, Treatment], pseudonyms: Pseudonyms, progress: Progress
) -> list[MaskedTable]:
    _copy_options(session)
    copier = _Copier(session, plan, pseudonyms)
    found = [_left_out(view, "a view is built again") for view in _views(session)]
    with session.transaction("masked"):
        for number, table in enumerate(copier.there):
            progress(number, len(copier.there), str(table))
            found.append(copier.copy(table))
    return sorted(found, key=lambda table: table.name)


class _Copier:
    """Copies tables, one after the other.

    Attributes:
        there: the tables of the original, with the type of each column and whether it may be null.
    """

    def __init__(
        self, session: Session, plan: Mapping[Table, Treatment], pseudonyms: Pseudonyms
    ) -> None:
        self.there = _tables(session)
        self._session = session
        self._plan = plan
        self._pseudonyms = pseudonyms
        self._codes = Codebooks(session, pseudonyms)

    def copy(self, table: Table) -> MaskedTable:
        """Copy a table, as far as the plan lets it."""
        treatment = self._plan.get(table)
        if treatment is None:
            return _left_out(table, "no contract describes it")
        there = self.there[table]
        unknown = tuple(name for name in there if name not in treatment.columns)
        if unknown and not treatment.in_part:
            listed = ", ".join(unknown)
            return _left_out(table, f"its contract does not describe {listed}", unknown)
        columns = {name: treatment.columns[name] for name in there if name not in unknown}
        masked = {name: each for name, each in columns.items() if each is not None}
        for name, replacement in masked.items():
            _require_type(table, name, there[name][0], replacement)
        rows = self._write(table, {name: (*there[name], columns[name]) for name in columns})
        changed = any(each.mask is not Mask.KEEP for each in masked.values())
        return MaskedTable(
            str(table),
            Fate.REWRITTEN if changed or unknown else Fate.KEPT,
            rows,
            {name: each.mask.value for name, each in masked.items()},
            unknown,
        )

    def _write(
        self, table: Table, columns: Mapping[str, tuple[str, bool, Replacement | None]]
    ) -> int:
        source = _original(table)
        joins: list[str] = []
        values: list[str] = []
        parameters: list[bytes] = []
        for number, (name, (_, _, replacement)) in enumerate(columns.items()):
            value = f"t.{identifier(name)}"
            if replacement is None or replacement.mask is Mask.KEEP:
                values.append(value)
            elif replacement.mask is Mask.NULL:
                values.append("NULL")
            elif replacement.mask.permutes:
                book = self._codes.of(replacement, self._places(replacement))
                joins.append(f"LEFT JOIN {book} AS b{number} ON {value} = b{number}.original")
                values.append(f"b{number}.pseudonym")
            else:
                values.append(_digest(value, replacement, len(parameters)))
                parameters += self._pseudonyms.pads(replacement)
        declared = {
            name: kind if nullable or _is_null(replacement) else f"{kind} NOT NULL"
            for name, (kind, nullable, replacement) in columns.items()
        }
        selected = f"SELECT {', '.join(values)} FROM {source} AS t {' '.join(joins)}"
        self._session.create(table, declared)
        rows = int(self._session.scalar(f"INSERT INTO {table.sql} {selected}", parameters))
        if rows != self._session.scalar(f"SELECT count(*) FROM {source}"):
            raise Bug("A masked table has not as many rows as the original.", where=str(table))
        return rows

    def _places(self, replacement: Replacement) -> Iterator[str]:
        """A query for each column that has values of a kind."""
        for table, columns in self.there.items():
            treatment = self._plan.get(table)
            for column, (kind, _) in columns.items() if treatment else ():
                if treatment and treatment.columns.get(column) == replacement:
                    _require_type(table, column, kind, replacement)
                    yield f"SELECT {identifier(column)} FROM {_original(table)}"


def _digest(value: str, replacement: Replacement, bound: int) -> str:
    """HMAC-SHA-256 in SQL; the blocks are bound, so that no statement shows anything of the key."""
    inner, outer = f"${bound + 1}", f"${bound + 2}"
    digest = f"sha256({outer} || unhex(sha256({inner} || encode({value}))))"
    start, end = affixes(replacement.mask)
    return f"{literal(start)} || left({digest}, {DIGITS}) || {literal(end)}"


def _require_type(table: Table, column: str, kind: str, replacement: Replacement) -> None:
    wanted = type_of(replacement.mask)
    if replacement.mask not in (Mask.NULL, Mask.KEEP) and kind != wanted:
        raise ConfigurationError(
            f"Mask.{replacement.mask.name} replaces values of type {wanted}, and these are {kind}.",
            where=f"{table}, column {column!r}",
            hint="give the column another mask= in its contract",
        )


def _copy_options(session: Session) -> None:
    """Write files the way in which the original's are written."""
    options = session.rows(
        f"SELECT option_name, value FROM {BESIDE}.options() WHERE scope = 'GLOBAL'"
    )
    for name, value in options:
        if name not in _OWN_OPTIONS:
            session.execute(f"CALL {ALIAS}.set_option({literal(name)}, {literal(value)})")


def _tables(session: Session) -> dict[Table, dict[str, tuple[str, bool]]]:
    """Tables of the original, with the type of each column and whether it may be null."""
    rows = session.rows(
        "SELECT schema_name, table_name, column_name, c.data_type, c.is_nullable"
        " FROM duckdb_tables() JOIN duckdb_columns() AS c"
        " USING (database_name, schema_name, table_name) WHERE database_name = $1"
        " ORDER BY schema_name, table_name, column_index",
        [BESIDE],
    )
    found: dict[Table, dict[str, tuple[str, bool]]] = {}
    for schema, name, column, kind, nullable in rows:
        found.setdefault(Table(schema, name), {})[column] = (kind, nullable)
    return found


def _views(session: Session) -> list[Table]:
    rows = session.rows(
        "SELECT schema_name, view_name FROM duckdb_views()"
        " WHERE database_name = $1 AND NOT internal",
        [BESIDE],
    )
    return [Table(schema, name) for schema, name in rows]


def _original(table: Table) -> str:
    return f"{BESIDE}.{identifier(table.schema)}.{identifier(table.name)}"


def _is_null(replacement: Replacement | None) -> bool:
    return replacement is not None and replacement.mask is Mask.NULL


def _left_out(table: Table, reason: str, dropped: tuple[str, ...] = ()) -> MaskedTable:
    return MaskedTable(str(table), Fate.LEFT_OUT, reason=reason, dropped=dropped)
