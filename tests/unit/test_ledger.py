"""The ledger: an append-only record, found again by its facts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sluicegate.lake import Folder
from sluicegate.release import Ledger


def test_keeps_what_happened_in_order(tmp_path: Path) -> None:
    """Entries are numbered, dated and never changed; the newest come first."""
    ledger = Ledger(Folder(tmp_path), "dev")
    before = datetime.now(UTC)
    assert [ledger.record("run started", run, pid=7) for run in ("a", "b")] == [1, 2]
    entries = list(ledger.entries())
    assert [(entry["run"], entry["event"], entry["pid"]) for entry in entries] == [
        ("b", "run started", 7),
        ("a", "run started", 7),
    ]
    assert before <= datetime.fromisoformat(entries[1]["at"]) <= datetime.now(UTC)


def test_finds_the_newest_of_a_kind(tmp_path: Path) -> None:
    """By event and facts; none is none."""
    ledger = Ledger(Folder(tmp_path), "dev")
    assert ledger.last("run started") is None
    for run, status in (("a", "published"), ("b", "refused"), ("c", "published")):
        ledger.record("run finished", run, status=status)
    newest = ledger.last("run finished", status="refused")
    assert newest is not None
    assert newest["run"] == "b"
    assert ledger.last("run finished", status="failed") is None
    assert ledger.last("run finished", colour="blue") is None


def test_two_that_record_at_once_are_both_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds his number taken takes the next one."""
    ledger, create, others = Ledger(Folder(tmp_path), "dev"), Folder.create, ["b", "c"]

    def late(self: Folder, key: str, content: bytes) -> bool:
        if others:
            create(self, key, json.dumps({"event": "run started", "run": others.pop()}).encode())
        return create(self, key, content)

    monkeypatch.setattr(Folder, "create", late)
    assert ledger.record("run started", "a") == 3
    assert [entry["run"] for entry in ledger.entries()] == ["a", "b", "c"]


def test_environments_have_ledgers_of_their_own(tmp_path: Path) -> None:
    """What happens to one is not on record for the other."""
    Ledger(Folder(tmp_path), "dev").record("run started", "a")
    assert list(Ledger(Folder(tmp_path), "prod").entries()) == []
