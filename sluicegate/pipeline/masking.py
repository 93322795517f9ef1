"""Masked branches: from what contracts say of personal columns to a ref without their values."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sluicegate.catalogue import Catalogue, load_catalogue
from sluicegate.contracts import Contract, Mask
from sluicegate.errors import ConfigurationError, RefMoved
from sluicegate.ingestion import accounts, raw_table
from sluicegate.ingestion.table import BATCH
from sluicegate.lake import Lake, MaskedTable, Move, Session, Table, Treatment, copy_masked
from sluicegate.lake.mask import Fate
from sluicegate.progress import Progress, untold
from sluicegate.pseudonyms import Pseudonyms, Replacement
from sluicegate.quality.check import Check
from sluicegate.quality.contracts import audit_model, audit_source
from sluicegate.settings import Settings
from sluicegate.sources import LINE

_ACCOUNTS = {
    # The text of a rejected record, which may hold anything, and names of columns that nobody
    # expected. That a record was rejected, by which rules and where it stood, stays on record.
    (accounts.QUARANTINE, "record"): Replacement(Mask.TEXT, "accounts.quarantine.record"),
    (accounts.BATCHES, "unknown_columns"): Replacement(Mask.NULL, "accounts.unknown_columns"),
    **{
        (accounts.DRIFT, name): Replacement(Mask.TEXT, "accounts.drift")
        for name in ("field", "before", "after")
    },
}


@dataclass(frozen=True, slots=True)
class Masking:
    """A masked branch.

    Attributes:
        move: the ref that was made.
        source: what it was made from.
        tables: what became of each table of it.
    """

    move: Move
    source: str
    tables: list[MaskedTable]


def masked_branch(
    settings: Settings, ref: str, source: str, progress: Progress = untold
) -> Masking:
    """Make a new ref that shows another one's tables with their personal values replaced.

    Args:
        settings: of the environment whose lake it is.
        ref: name of the new ref.
        source: a ref or generation.

    Raises:
        UnknownName: there is no such source.
        ConfigurationError: there is a ref of that name, or the pseudonyms would break a contract.
            Nothing was published.
    """
    lake = Lake.of(settings)
    generation = lake.generation(source)
    lake.require_free(ref)
    catalogue = load_catalogue(settings.project)
    lake.prepare()
    key = settings.lake.masking_key
    pseudonyms = Pseudonyms(key.get_secret_value().encode() if key else None)
    name = f"mask-{secrets.token_hex(6)}"
    # The original is read for as long as this takes: a collector may come by.
    with lake.held(generation) as lease, lake.branch(ref, name) as branch:
        if branch.base is not None:
            # Its rows would stand beside the pseudonyms.
            raise RefMoved(
                f"Somebody has made the ref {ref!r} meanwhile.", hint="take another name"
            )
        tables = copy_masked(lease.catalog, branch, plan(catalogue), pseudonyms, progress)
        with branch.session() as session:
            _require_contracts(catalogue, tables, session, lake, generation)
            _record(session, tables, run=name, ref=ref)
        return Masking(lake.publish(branch, run=None, action="branch"), source, tables)


def plan(catalogue: Catalogue) -> dict[Table, Treatment]:
    """What comes along into a masked branch, and how: tables whose columns a contract describes."""
    ways = catalogue.replacements()
    found = {
        table: Treatment({column: _ACCOUNTS.get((table, column)) for column in columns})
        for table, columns in accounts.TABLES.items()
    }
    for model in catalogue.models.values():
        found[Table.of(model.table)] = Treatment(_columns(model.contract, ways))
    for source in catalogue.sources.values():
        columns = {**_columns(source.contract, ways), BATCH: None, LINE: None}
        # A column that the contract has lost is read by nobody; the table is there to be read.
        found[raw_table(source)] = Treatment(columns, in_part=True)
    return found


def _columns(
    contract: type[Contract], ways: Mapping[str, Replacement]
) -> dict[str, Replacement | None]:
    found: dict[str, Replacement | None] = {column.name: None for column in contract.columns()}
    for name, column in contract.personal().items():
        mine = column.replacement
        # Its domain knows the pattern, which may stand in another contract.
        found[name] = mine if mine.mask is Mask.NULL else ways[mine.domain]
    return found


def _record(session: Session, tables: list[MaskedTable], *, run: str, ref: str) -> None:
    there = {each.name: list(each.masked) for each in tables if each.fate is not Fate.LEFT_OUT}
    with session.transaction(run):
        accounts.open_accounts(session)
        # What was left out is to be built by the next run, whatever built the original.
        accounts.record_run(session, run=run, env=ref, code="masked")
        accounts.record_masked(session, there)


def _require_contracts(
    catalogue: Catalogue, tables: list[MaskedTable], session: Session, lake: Lake, generation: str
) -> None:
    """Be sure that what was rewritten keeps its contract as well as the original did."""
    rewritten = {each.name for each in tables if each.fate is Fate.REWRITTEN}
    broken = list(_failed(catalogue, rewritten, session))
    if not broken:
        return
    with lake.read(generation) as original:
        before = set(map(_told, _failed(catalogue, {check.on for check in broken}, original)))
    for check in broken:
        if _told(check) not in before:
            raise ConfigurationError(
                f"With pseudonyms, {check.on} would break the rule {check.name!r} of its contract: "
                f"{check.message}. Nothing was published.",
                where=_place(catalogue, check.on),
                hint="give the column that the rule is about another mask= in the contract",
            )


def _failed(catalogue: Catalogue, tables: set[str], session: Session) -> Iterator[Check]:
    """What does not hold of some tables."""
    checks: list[Check] = []
    for source in catalogue.sources.values():
        if str(raw_table(source)) in tables:
            checks += audit_source(source, session)
    for model in catalogue.models.values():
        if model.table in tables:
            checks += audit_model(model, session)
    return (check for check in checks if check.blocks)


def _told(check: Check) -> tuple[str, str, int]:
    return check.on, check.name, check.failures


def _place(catalogue: Catalogue, table: str) -> str:
    contracts = {str(raw_table(s)): s.contract for s in catalogue.sources.values()}
    contracts.update({model.table: model.contract for model in catalogue.models.values()})
    return contracts[table].place()
