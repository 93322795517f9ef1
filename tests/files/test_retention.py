"""How long raw files are kept: by what is in them, and as long as something may need them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sluicegate.catalogue import Catalogue
from sluicegate.contracts import PII, Contract, key
from sluicegate.errors import ConfigurationError
from sluicegate.ingestion import accounts, create, ingest
from sluicegate.lake import Archive, Lake, Session
from sluicegate.pipeline import retention
from sluicegate.pipeline.retention import Expired, expire
from sluicegate.settings import Settings
from sluicegate.settings_archive import Archive as Keep
from sluicegate.sources import Batch, Files, Load
from tests.unit import kit

OLD, YOUNG = 500, 50
"""Days since a batch was taken in."""

Taken = tuple[str, int, str]
"""A source, days since, and the lines that it brought then."""


class People(Contract):
    """One row a person."""

    order_id: str = key(pii=PII.DIRECT)


SOURCES: dict[str, Files] = {
    "orders": kit.source("orders"),
    "people": kit.source("people", contract=People),
    "merged": kit.source("merged", load=Load.MERGE),
    "gone": kit.source("gone"),
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project that keeps personal files for 400 days and others for 450; one source is gone."""
    known = Catalogue({name: each for name, each in SOURCES.items() if name != "gone"}, {})
    monkeypatch.setattr(retention, "load_catalogue", lambda _: known)
    return kit.settings_of(tmp_path, archive=Keep(keep_personal_days=400, keep_other_days=450))


def publish(lake: Lake, name: str, *taken: Taken) -> str:
    """Publish batches that were taken in some days ago; the generation."""
    archive = Archive(lake.store)
    with lake.branch("dev", name) as branch:
        with branch.session() as session:
            accounts.open_accounts(session)
            for number, (source, days, lines) in enumerate(taken):
                _take(session, archive, SOURCES[source], f"{name}-{number}.csv", lines)
                moment = datetime.now(UTC) - timedelta(days=days)
                session.execute(
                    f'UPDATE {accounts.BATCHES.sql} SET "at" = ? WHERE name = ?',
                    [moment, f"{name}-{number}.csv"],
                )
        return lake.publish(branch, run=name).generation


def _take(session: Session, archive: Archive, source: Files, name: str, lines: str) -> None:
    header = "order_id" if source.contract is People else kit.HEADER
    raw = f"{header}\n{lines}\n".encode()
    batch, content, size = archive.keep_bytes(raw)
    create(source, session)
    ingest(source, [Batch(batch, name, content, size)], session, name)


def kept(lake: Lake) -> set[str]:
    """Raw files that are there, by SHA-256."""
    return {Path(stored.key).name for stored in lake.store.list("archive/")}


def raw_of(source: str, lines: str) -> str:
    """SHA-256 of what a source brought."""
    header = "order_id" if SOURCES[source].contract is People else kit.HEADER
    return hashlib.sha256(f"{header}\n{lines}\n".encode()).hexdigest()


def test_files_are_kept_by_what_is_in_them(lake: Lake, settings: Settings) -> None:
    """Personal ones for their days, others for theirs, and for the longer where nobody can tell.

    Asked first, and beside a run that may be taking in again what is old, nothing is removed. Nor
    is what no generation names: a batch that is held is tried again.
    """
    taken: list[Taken] = [
        ("people", 420, "p1"),
        ("people", YOUNG, "p2"),
        ("orders", 420, "a,,1.00,"),
        ("orders", OLD, "b,,1.00,"),
        ("gone", 420, "c,,1.00,"),
    ]
    generation = publish(lake, "one", *taken)
    Archive(lake.store).keep_bytes(b"held")
    before = kept(lake)
    asked = expire(settings, lake, [generation], dry_run=True)
    assert asked is not None
    assert (asked.files, asked.needed) == (2, 0)
    for_good = settings.model_copy(update={"archive": Keep()})
    assert expire(for_good, lake, [generation], dry_run=False) is None
    with lake.branch("dev", "at-work"):
        busy = expire(settings, lake, [generation], dry_run=False)
    assert busy == Expired(dry_run=False, busy=True)
    assert kept(lake) == before
    done = expire(settings, lake, [generation], dry_run=False)
    assert done == Expired(dry_run=False, files=2, size=asked.size)
    assert before - kept(lake) == {raw_of("people", "p1"), raw_of("orders", "b,,1.00,")}


def test_what_quarantine_needs_stays(lake: Lake, settings: Settings) -> None:
    """In whichever generation; and what a replay has to hold against it, where order decides."""
    before = publish(lake, "one", ("orders", OLD, "a,,-1.00,"), ("orders", OLD, "b,,1.00,"))
    with lake.branch("dev", "mended") as branch:
        with branch.session() as session:
            session.execute(f"DELETE FROM {accounts.QUARANTINE.sql}")
        after = lake.publish(branch, run="mended").generation
    asked = expire(settings, lake, [before, after], dry_run=True)
    assert asked is not None
    assert (asked.files, asked.needed) == (1, 1)
    merged: list[Taken] = [
        ("merged", OLD + 2, "c,,1.00,"),
        ("merged", OLD + 1, "d,,-1.00,"),
        ("merged", OLD, "d,,1.00,"),
    ]
    last = publish(lake, "two", *merged)
    done = expire(settings, lake, [last], dry_run=False)
    assert done is not None
    assert (done.files, done.needed) == (3, 2)
    assert kept(lake) == {raw_of("merged", "d,,-1.00,"), raw_of("merged", "d,,1.00,")}


@pytest.mark.parametrize("days", [{"keep_personal_days": 7}, {"keep_other_days": 29}])
def test_rollback_goes_before_retention(
    lake: Lake, settings: Settings, days: dict[str, Any]
) -> None:
    """What a rollback takes back is taken in again: its raw files must be there."""
    short = settings.model_copy(update={"archive": Keep(**days)})
    with pytest.raises(ConfigurationError, match="a rollback can go back 30"):
        expire(short, lake, [], dry_run=False)
