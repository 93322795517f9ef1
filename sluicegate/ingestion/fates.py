"""Which copy of a key wins: what rows are to each other, and to what is published.

Order decides: batches in their order, then lines. An equal copy is deduplicated. Of rows that
differ, what is published keeps the key where batches append, and is superseded where they correct;
within one batch the first row has it, and the others are rejected as not unique.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sluicegate.contracts import Contract, Dimension
from sluicegate.errors import Bug
from sluicegate.ingestion.receipt import Receipt
from sluicegate.ingestion.sift import Sifted, Unsifted, as_records
from sluicegate.ingestion.table import BATCH, raw_table
from sluicegate.ingestion.tally import Tally
from sluicegate.lake import Session, Table
from sluicegate.lake.connection import identifier
from sluicegate.sources import LINE, Load, Source
from sluicegate.sources.members import place_of

_ROW = "_row"
# Names that no column of a contract can have.
_FATE = ":fate"
_WINS = ":wins"
_SUPERSEDES = ":supersedes"
_AGAIN = ":again"

_COPY = "copy"
_CONFLICT = "conflict"
_FRESH = "fresh"
_OUTDATED = "outdated"
_FATES = pl.Enum([_FRESH, _COPY, _CONFLICT, _OUTDATED])


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows that keep their contract, each with its fate."""

    rows: pl.DataFrame

    @property
    def winners(self) -> pl.DataFrame:
        """What is to be written: the contract's columns, ``_batch`` and ``_line``."""
        rows = self.rows if self.rows[_WINS].all() else self.rows.filter(_WINS)
        return rows.drop(_ROW, _FATE, _WINS, _SUPERSEDES, _AGAIN)

    @property
    def superseding(self) -> pl.DataFrame:
        """Rows that replace the published row of their key."""
        return self.rows.filter(_SUPERSEDES)

    @property
    def copies(self) -> pl.DataFrame:
        """Rows that equal one of their key."""
        return self.rows.filter(pl.col(_FATE) == _COPY)

    def outcomes(self) -> pl.DataFrame:
        """What becomes of the rows that are not in conflict: ``_batch``, ``_line``, ``outcome``."""
        names = {_FRESH: "published", _CONFLICT: "published", _COPY: _COPY, _OUTDATED: _OUTDATED}
        settled = self.rows.filter((pl.col(_FATE) != _CONFLICT) | pl.col(_WINS))
        return settled.select(
            BATCH,
            LINE,
            pl.col(_FATE).replace_strict(names, return_dtype=pl.String).alias("outcome"),
        )

    def outdate(self, keys: pl.DataFrame) -> Judged:
        """The same, where rows that would supersede others lose to later ones of these keys."""
        later = self.superseding.join(keys, on=keys.columns, how="semi")
        others = self.rows.join(later, on=[BATCH, LINE], how="anti", maintain_order="left")
        told = later.drop(_ROW, _FATE, _WINS, _SUPERSEDES, _AGAIN)
        losers = _marked(told, pl.lit(_OUTDATED))
        return Judged(pl.concat([others, losers], how="diagonal"))

    def taken(self, written: pl.DataFrame, contract: type[Contract]) -> pl.DataFrame:
        """Rows whose key is taken by a row that came first, as rejected records.

        Args:
            written: the rows as they were written.
        """
        conflicts = self.rows.filter((pl.col(_FATE) == _CONFLICT) & ~pl.col(_WINS))
        rule = pl.lit([contract.unique_rule()], dtype=pl.List(pl.String))
        theirs = written.clear()
        if not conflicts.is_empty():
            theirs = written.join(conflicts, on=[BATCH, LINE], how="semi")
        records = as_records(theirs)
        return records.select(BATCH, LINE, rule.alias("rules"), "record")

    def account(
        self,
        source: Source,
        unsifted: Unsifted,
        sifted: Sifted,
        rejected: pl.DataFrame,
    ) -> Receipt:
        """The receipt of one batch.

        Args:
            sifted: the batch and those that were sifted with it.
            rejected: ``_batch``, ``_line`` and ``rules`` of all of them that were rejected.
        """
        batch = unsifted.batch
        key = [name for name in source.contract.key() if name not in (BATCH, LINE)]
        mine = self.rows.select(*key, BATCH, LINE, _FATE, _WINS, _AGAIN)
        if len(sifted.batches) > 1:
            mine = mine.filter(pl.col(BATCH) == batch.id)
        refused = rejected.filter(pl.col(BATCH) == batch.id)
        told = sifted.warned
        if not told.is_empty():
            told = told.join(mine.filter(_WINS), on=[BATCH, LINE], how="semi")
        rejections, warnings = _by_rule(refused), _by_rule(told)
        places = {rule: first for rule, (_, first) in (rejections | warnings).items()}
        return Receipt(
            source=source.name,
            batch=batch.id,
            name=batch.name,
            rows_in=unsifted.rows_in,
            published=int(mine[_WINS].sum()),
            quarantined=refused.height,
            deduplicated=mine.filter(pl.col(_FATE).is_in([_COPY, _OUTDATED])).height,
            rejections={rule: count for rule, (count, _) in rejections.items()},
            warnings={rule: count for rule, (count, _) in warnings.items()},
            examples={
                rule: f"{batch.name}, {place_of(line, lambda: batch.content)}"
                for rule, line in places.items()
            },
            tallies={**sifted.tallies[batch.id], **_by_key(mine, source.contract)},
            unknown_columns=unsifted.unknown_columns,
            corrects=batch.corrects,
            left_out=dict(unsifted.left_out),
        ).closed()


def _by_key(rows: pl.DataFrame, contract: type[Contract]) -> dict[Dimension, Tally]:
    """How many of a batch's rows are there twice: their key is another row's.

    An equal copy of a row that an earlier batch brought is not: an export that tells everything
    once a day repeats nothing.
    """
    if rows.is_empty():
        return {}
    taken = rows.filter((pl.col(_FATE) == _CONFLICT) & ~pl.col(_WINS)).height
    copies = rows.filter(pl.col(_FATE) == _COPY)
    if not copies.is_empty():
        first = rows.unique(contract.key(), keep="first", maintain_order=True)
        new = first.filter(~pl.col(_AGAIN))
        taken += copies.join(new, on=[BATCH, LINE], how="anti").height
    return {Dimension.UNIQUENESS: Tally(rows.height, taken)}


def _by_rule(records: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Of records with the rules that they break: rule → how many, and where the first stands."""
    rules = (
        records.explode("rules").group_by("rules").agg(pl.len(), pl.col(LINE).min()).sort("rules")
    )
    return {rule: (count, line) for rule, count, line in rules.iter_rows()}


def weigh(
    source: Source, rows: pl.DataFrame, session: Session, seen: pl.DataFrame | None = None
) -> Judged:
    """Hold rows that just arrived against each other and against what is published.

    Args:
        rows: the contract's columns, ``_batch`` and ``_line``, in the order in which they came.
        seen: keys whose first row in the same batch equals one that is published of another, and
            came in an earlier part; of all others the table tells.
    """
    corrects = source.load is not Load.APPEND
    rows = rows.with_row_index(_ROW)
    fates = _fates(rows, seen, source.contract, raw_table(source), session, corrects=corrects)
    superseding = (pl.col("fate") == _CONFLICT) & pl.col("published") & pl.lit(corrects)
    return Judged(
        rows.with_columns(
            fates["fate"].alias(_FATE),
            fates["again"].alias(_AGAIN),
            fates.select(superseding).to_series().alias(_SUPERSEDES),
            fates.select((pl.col("fate") == _FRESH) | superseding).to_series().alias(_WINS),
        )
    )


def weigh_again(source: Source, rows: pl.DataFrame, session: Session, order: list[str]) -> Judged:
    """The same for rows of former batches, which must not win over what came after them.

    Where batches append, what is published has its key, whenever it came. Where they correct, a row
    supersedes what earlier batches brought and is outdated by what later ones did; with a row of
    its own batch it is in conflict. A batch that is the whole outdates all before it.

    Args:
        rows: as for :func:`weigh`; of one batch, unless the source appends.
        order: all batches of the source, oldest first.
    """
    if source.load is Load.APPEND or rows.is_empty():
        return weigh(source, rows, session)
    place = {batch: number for number, batch in enumerate(order)}
    mine = place[rows[BATCH][0]]
    if source.load is Load.REPLACE and mine < len(order) - 1:
        return Judged(_marked(rows, pl.lit(_OUTDATED)))
    theirs = _theirs(source, rows, session).with_columns(
        pl.col("theirs").replace_strict(place, return_dtype=pl.Int64)
    )
    known = rows.join(theirs, on=[BATCH, LINE], how="left", maintain_order="left")
    later, same = pl.col("theirs") > mine, pl.col("theirs") == mine
    settled = known.filter(later | same)
    fate = (pl.when("equal").then(pl.lit(_COPY)).when(later).then(pl.lit(_OUTDATED))).otherwise(
        pl.lit(_CONFLICT)
    )
    rest = rows.join(settled, on=[BATCH, LINE], how="anti", maintain_order="left")
    judged = _marked(settled, fate).drop("theirs", "equal")
    return Judged(pl.concat([weigh(source, rest, session).rows, judged], how="diagonal"))


def _marked(rows: pl.DataFrame, fate: pl.Expr) -> pl.DataFrame:
    """Rows that lose, with their fate."""
    return rows.with_row_index(_ROW).with_columns(
        fate.cast(_FATES).alias(_FATE),
        pl.lit(False).alias(_SUPERSEDES),
        pl.lit(False).alias(_WINS),
        pl.lit(False).alias(_AGAIN),
    )


def _theirs(source: Source, rows: pl.DataFrame, session: Session) -> pl.DataFrame:
    """For each row whose key is published: by which batch, and whether the two are equal."""
    contract, table = source.contract, raw_table(source)
    content = [column.name for column in contract.columns()]
    on = " AND ".join(f"mine.{name} = theirs.{name}" for name in map(identifier, contract.key()))
    equal = _equal(content)
    with session.lend(rows.select(*content, BATCH, LINE)) as lent:
        return session.frame(
            f"SELECT mine.{BATCH}, mine.{LINE}, theirs.{BATCH} AS theirs, {equal} AS equal"
            f" FROM {lent} AS mine JOIN {table.sql} AS theirs ON {on}"
        )


def _equal(columns: list[str]) -> str:
    return " AND ".join(
        f"mine.{name} IS NOT DISTINCT FROM theirs.{name}" for name in map(identifier, columns)
    )


def _fates(
    rows: pl.DataFrame,
    seen: pl.DataFrame | None,
    contract: type[Contract],
    table: Table,
    session: Session,
    *,
    corrects: bool,
) -> pl.DataFrame:
    """For each row, in order: fresh, an equal copy, or in conflict with another of its key.

    ``published`` says whether the other row is one that the lake had before this group, ``again``
    whether an earlier part of the batch brought it. Where rows correct, only the first of a key in
    the group is held against what the lake has.
    """
    fates = rows.select(
        _ROW, fate=pl.lit(_FRESH, dtype=_FATES), published=pl.lit(False), again=pl.lit(False)
    )
    first = _first_of_each(rows, contract)
    if first.height < rows.height:
        fates = _update(fates, _within(rows, first, contract), published=False)
    if not session.exists(table):
        return fates
    key, mine = list(contract.key()), first if corrects else rows
    if seen is not None:
        mine = mine.join(seen, on=key, how="anti")
    theirs = _against(mine, contract, table, session)
    if corrects:
        taken = mine.join(theirs.filter("again"), on=_ROW, how="semi").select(key)
        if seen is not None:
            taken = taken.vstack(seen)
        if not taken.is_empty():
            # The row that the lake has of them is of this batch, or equal to one of it.
            later = rows.join(taken, on=key, how="semi")
            theirs = theirs.join(later, on=_ROW, how="anti")
            others = _against(later, contract, table, session).with_columns(again=pl.lit(True))
            fates = _update(fates, others, published=False)
    return _update(fates, theirs, published=True)


def _first_of_each(rows: pl.DataFrame, contract: type[Contract]) -> pl.DataFrame:
    """The first row of every key; mostly each row has one of its own, which is quickly told."""
    key = contract.key()
    if rows.select(key).n_unique() == rows.height:
        return rows
    return rows.unique(key, keep="first", maintain_order=True)


def _within(rows: pl.DataFrame, first: pl.DataFrame, contract: type[Contract]) -> pl.DataFrame:
    """What the later rows of a key are to the first one in the group."""
    key = contract.key()
    later = rows.join(first.select(_ROW), on=_ROW, how="anti")
    pairs = later.join(first, on=key, how="inner", suffix=":first")
    same = pl.all_horizontal(
        pl.lit(True),
        *(
            pl.col(column.name).eq_missing(pl.col(f"{column.name}:first"))
            for column in contract.columns()
            if not column.key
        ),
    )
    found = pl.when(same).then(pl.lit(_COPY)).otherwise(pl.lit(_CONFLICT))
    return pairs.select(_ROW, found=found, again=pl.lit(False))


def _against(
    rows: pl.DataFrame, contract: type[Contract], table: Table, session: Session
) -> pl.DataFrame:
    """What rows whose key the lake has already are to the row it has.

    Keys are looked up first, by themselves: mostly the lake has none of them. Files that can have
    none are told by their bounds and are not read.
    """
    nobody = pl.DataFrame(schema={_ROW: pl.UInt32, "found": pl.String, "again": pl.Boolean})
    if rows.is_empty():
        return nobody
    key = [identifier(name) for name in contract.key()]
    bounds = rows.select(contract.key())
    within = " AND ".join(
        f"theirs.{name} BETWEEN ${number * 2 + 1} AND ${number * 2 + 2}"
        for number, name in enumerate(key)
    )
    # Python and SQL can hold them: no text has a NUL, and no day or moment a year beyond 9999.
    between = [bound for name in bounds for bound in (name.min(), name.max())]
    near = f"(FROM {table.sql} AS theirs WHERE {within})"
    if not session.scalar(f"SELECT EXISTS {near}", between):
        return nobody
    on = " AND ".join(f"mine.{name} = theirs.{name}" for name in key)
    with session.lend(rows.select(_ROW, *contract.key())) as lent:
        there = session.frame(
            f"SELECT mine.{_ROW} FROM {lent} AS mine SEMI JOIN {near} AS theirs ON {on}", between
        )
    if there.is_empty():
        return nobody
    rows = rows.filter(pl.col(_ROW).is_in(there[_ROW].implode()))
    content = [column.name for column in contract.columns()]
    equal = _equal(content)
    with session.lend(rows.select(_ROW, *content, BATCH)) as lent:
        return session.frame(
            f"SELECT mine.{_ROW}, if({equal}, '{_COPY}', '{_CONFLICT}') AS found,"
            f" mine.{BATCH} = theirs.{BATCH} AS again"
            f" FROM {lent} AS mine JOIN {near} AS theirs ON {on}",
            between,
        )


def _update(fates: pl.DataFrame, found: pl.DataFrame, *, published: bool) -> pl.DataFrame:
    if found.is_empty():
        return fates
    joined = fates.join(
        found.with_columns(pl.col(_ROW).cast(fates.schema[_ROW]), pl.col("found").cast(_FATES)),
        on=_ROW,
        how="left",
        maintain_order="left",
        suffix=":found",
    )
    return joined.select(
        _ROW,
        fate=pl.coalesce("found", "fate"),
        published=pl.when(pl.col("found").is_not_null()).then(published).otherwise("published"),
        again=pl.coalesce("again:found", "again"),
    )


def remove(session: Session, table: Table, replaced: pl.DataFrame, contract: type[Contract]) -> int:
    """Take the published rows of some keys away; returns how many they were."""
    if replaced.is_empty():
        return 0
    with session.lend(replaced.select(contract.key())) as lent:
        on = " AND ".join(
            f"{table.sql}.{identifier(name)} = mine.{identifier(name)}" for name in contract.key()
        )
        ((count,),) = session.rows(f"DELETE FROM {table.sql} USING {lent} AS mine WHERE {on}")
    if count != replaced.height:
        raise Bug(f"{replaced.height} rows were to leave, and {count} did.", where=str(table))
    return int(count)


def require_originals(
    session: Session, table: Table, copies: pl.DataFrame, contract: type[Contract]
) -> None:
    """A row may be called a copy only if a row of its key is there."""
    if copies.is_empty():
        return
    key = ", ".join(map(identifier, contract.key()))
    with session.lend(copies.select(contract.key())) as lent:
        lost = session.scalar(
            f"SELECT count(*) FROM {lent} AS mine ANTI JOIN {table.sql} USING ({key})"
        )
    if lost:
        raise Bug(f"{lost} rows were called copies of rows that are not there.", where=str(table))
