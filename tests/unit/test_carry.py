"""Carrying over: what a moved ref does not touch is not read and validated again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sluicegate.errors import RefMoved
from sluicegate.ingestion import Aside, Intake, carry, create, ingest, raw_table
from sluicegate.ingestion.accounts import (
    BATCHES,
    LEFT_OUT,
    QUARANTINE,
    REJECTIONS,
    WARNINGS,
    open_accounts,
)
from sluicegate.lake import Branch, Lake, Session
from sluicegate.sources import Batch, Files, Load
from tests.unit.kit import orders, publish, source
from tests.unit.test_severity import Watched

WORK = [("a,,1.00,", "b,,-1.00,", "a,,1.00,", "w,,1.00,2.00"), ("c,,3.00,", "a,,9.00,")]
"""A row and its copy, a bad one, one that warns; a correction."""


@contextmanager
def branched(lake: Lake, name: str, *sources: Files) -> Iterator[tuple[Branch, Session]]:
    """A branch with its accounts open, and the tables of its sources."""
    with lake.branch("dev", name) as branch, branch.session() as session:
        open_accounts(session)
        for each in sources:
            create(each, session)
        yield branch, session


def release(lake: Lake, name: str, declared: Files, *batches: Batch, also: Files) -> None:
    """Publish batches of a source."""
    with lake.branch("dev", name) as branch:
        with branch.session() as session:
            open_accounts(session)
            for each in (declared, also):
                create(each, session)
            ingest(declared, batches, session, name)
        lake.publish(branch, run=name)


def work_that_is_late(
    lake: Lake, declared: Files, batches: list[Batch], folder: Path, meanwhile: Callable[[], object]
) -> Aside:
    """Ingest on a branch whose ref moves before it is published; what is set aside of it."""
    with lake.branch("dev", "late") as branch:
        base = lake.catalog(branch.base.generation) if branch.base else None
        with branch.session() as session:
            open_accounts(session)
            create(declared, session)
            intake = ingest(declared, batches, session, "late")
        meanwhile()
        with pytest.raises(RefMoved):
            lake.publish(branch, run="late")
        folder.mkdir()
        return Aside(base, branch.set_aside(folder), lake.files, {declared.name: intake})


def content(session: Session, declared: Files) -> list[list[tuple[object, ...]]]:
    """Rows and accounts of a source, moments apart."""
    tables = [f"SELECT * FROM {raw_table(declared).sql}"]
    tables += [f'SELECT * EXCLUDE "at" FROM {table.sql}' for table in (BATCHES, QUARANTINE)]
    tables += [f"FROM {table.sql}" for table in (REJECTIONS, WARNINGS, LEFT_OUT)]
    return [sorted(session.rows(sql), key=str) for sql in tables]


@pytest.mark.parametrize("load", Load)
def test_what_nobody_touched_is_the_same_without_its_files(
    lake: Lake, tmp_path: Path, load: Load
) -> None:
    """On the new head the source's rows and accounts are what ingesting would have made there."""
    mine, other = source(load=load, contract=Watched), source()
    release(lake, "first", mine, orders(tmp_path, "a,,5.00,", "z,,1.00,"), also=other)
    batches = [orders(tmp_path, *lines, "", name=f"{n}.csv") for n, lines in enumerate(WORK)]
    theirs = orders(tmp_path, "x,,1.00,")
    aside = work_that_is_late(
        lake,
        mine,
        batches,
        tmp_path / "aside",
        lambda: release(lake, "other", other, theirs, also=mine),
    )
    head = lake.catalog(lake.refs.require("dev").generation)
    ids = [batch.id for batch in batches]
    assert aside.fits(mine, ids, head)
    with branched(lake, "again", mine) as (_, session):
        again = ingest(mine, batches, session, "late")
        expected = content(session, mine)
    assert all(expected), "there is something to carry in each table"
    for batch in batches:
        batch.content.unlink()
    with branched(lake, "carried", mine) as (_, session):
        carried = carry(mine, aside, session, "late")
        assert content(session, mine) == expected
        assert session.scalar(f"SELECT count(*) FROM {raw_table(other).sql}") == 1
    assert carried.receipts == again.receipts
    assert carried.superseded == again.superseded


def test_what_somebody_touched_is_done_again(lake: Lake, tmp_path: Path) -> None:
    """Another head of the same table, other batches, a refusal: nothing is carried over."""
    mine, other = source(), source()
    release(lake, "first", mine, orders(tmp_path, "a,,5.00,"), also=other)
    batch = orders(tmp_path, "b,,1.00,")
    rival = orders(tmp_path, "c,,1.00,")
    aside = work_that_is_late(
        lake,
        mine,
        [batch],
        tmp_path / "aside",
        lambda: release(lake, "rival", mine, rival, also=other),
    )
    head, base = lake.catalog(lake.refs.require("dev").generation), aside.base
    assert aside.fits(mine, [batch.id], base)
    assert not aside.fits(mine, [batch.id], head)
    assert not aside.fits(mine, [batch.id], None)
    assert not aside.fits(mine, [batch.id, rival.id], base)
    assert not aside.fits(mine, [], base)
    assert not aside.fits(other, [batch.id], base)


def test_nothing_is_carried_of_a_source_with_refusals(lake: Lake, tmp_path: Path) -> None:
    """What was refused is looked at again: the next attempt must refuse it too."""
    mine = source(tolerate="0 %")
    publish(lake, 1)
    bad = orders(tmp_path, "b,,-1.00,")
    aside = work_that_is_late(lake, mine, [bad], tmp_path / "aside", lambda: publish(lake, 2))
    assert isinstance(aside.intakes[mine.name], Intake)
    assert aside.intakes[mine.name].refusals
    assert not aside.fits(mine, [bad.id], aside.base)
