"""The archive keeps raw bytes under their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import Archive, durable


@settings(max_examples=25)
@given(st.binary(max_size=200))
def test_keeps_every_byte_under_its_hash(archive: Archive, content: bytes) -> None:
    """File, bytes and name are one: the same content is the same batch."""
    digest = hashlib.sha256(content).hexdigest()
    batch, place, size = archive.keep_bytes(content)
    assert (batch, place.name, size) == (digest[:16], digest, len(content))
    assert place.read_bytes() == content


def test_keeps_what_was_there_when_it_looked(archive: Archive, tmp_path: Path) -> None:
    """A source file that changes or vanishes later changes nothing."""
    file = tmp_path / "drop.csv"
    file.write_text("before")
    with file.open("rb") as content:
        batch, place, _ = archive.keep_stream(content)
    file.write_text("after")
    file.unlink()
    assert place.read_text() == "before"
    assert batch == archive.keep_bytes(b"before")[0]


def test_equal_content_is_kept_once(archive: Archive, tmp_path: Path) -> None:
    """Keeping it again changes nothing and leaves no draft."""
    _, place, _ = archive.keep_bytes(b"x")
    before = place.stat().st_mtime_ns
    assert archive.keep_bytes(b"x")[1] == place
    assert place.stat().st_mtime_ns == before
    assert [file for file in (tmp_path / "archive").rglob("*") if file.is_file()] == [place]


def test_failure_leaves_no_draft(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs the batch, not the archive; the next try works."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(durable, "sync_file", full)
        with pytest.raises(EnvironmentFailed, match="No space left"):
            archive.keep_bytes(b"x")
    assert [file for file in (tmp_path / "archive").rglob("*") if file.is_file()] == []
    assert archive.keep_bytes(b"x")[1].read_bytes() == b"x"
