"""The archive keeps raw bytes under their content."""

from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate import opening
from sluicegate.errors import BatchRefused, EnvironmentFailed
from sluicegate.lake import Archive, durable
from sluicegate.opening import opened
from sluicegate.packing import Stream, zstd
from sluicegate.sources import Excel, Parquet


def read_all(stream: Stream) -> bytes:
    """A stream to its end."""
    return b"".join(iter(lambda: stream.read(1 << 16), b""))


TEXT = b"".join(b"%d,payment,EUR\n" % number for number in range(5_000))


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


def test_what_is_not_packed_is_packed(archive: Archive) -> None:
    """Under the name of the raw bytes, and read as they were; batches in a block are left alone."""
    batch, place, size = archive.keep_bytes(TEXT)
    digest = hashlib.sha256(TEXT).hexdigest()
    assert (batch, place.name, size) == (digest[:16], f"{digest}.raw.zst", len(TEXT))
    assert place.stat().st_size < size / 3
    assert archive.find(batch) == place
    with opened(place, "day.csv") as raw:
        assert read_all(raw) == TEXT
    assert archive.keep_bytes(TEXT[:4096])[1].read_bytes() == TEXT[:4096]


def parquet() -> bytes:
    """A file of columns."""
    file = io.BytesIO()
    pl.DataFrame({"n": range(9_999)}).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [gzip.compress(TEXT), zstd.compress(TEXT), parquet()],
    ids=["gzip", "zstd", "parquet"],
)
def test_what_is_packed_already_is_kept_as_it_is(archive: Archive, content: bytes) -> None:
    """It would not become smaller, and Parquet is read from several places at once."""
    content += b"\0" * 4096
    assert archive.keep_bytes(content)[1].read_bytes() == content


def test_large_text_is_no_bomb(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """However well it packs: what a provider packs so is one, what we pack is not."""
    monkeypatch.setattr(opening, "_HARMLESS", 1 << 16)
    content = b"0" * (1 << 24)
    _, place, _ = archive.keep_bytes(content)
    with opened(place, "day.csv") as raw:
        assert read_all(raw) == content
    with (
        pytest.raises(BatchRefused, match="unpacks to more"),
        opened(zstd.compress(content), "x") as raw,
    ):
        read_all(raw)


@pytest.mark.parametrize("form", [Parquet(), Excel()], ids=["parquet", "excel"])
def test_how_we_pack_is_no_fault_of_a_file(archive: Archive, form: Parquet | Excel) -> None:
    """Text that should be something else is told as what it is not, and not as packed."""
    _, place, _ = archive.keep_bytes(TEXT)
    with pytest.raises(BatchRefused) as caught:
        [*form.read(place, name="day", columns=["n"], most=9)]
    assert "packed" not in str(caught.value)


def test_what_was_kept_before_is_not_kept_twice(archive: Archive, tmp_path: Path) -> None:
    """Archives of earlier versions have text as it is; it stays what is read."""
    digest = hashlib.sha256(TEXT).hexdigest()
    old = tmp_path / "archive" / digest[:2] / digest
    old.parent.mkdir(parents=True)
    old.write_bytes(TEXT)
    assert archive.keep_bytes(TEXT)[1] == archive.find(digest[:16]) == old
    assert [*old.parent.iterdir()] == [old]


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damage_is_noticed(archive: Archive, damage: str) -> None:
    """What was packed is held against its name as it is unpacked."""
    batch, place, _ = archive.keep_bytes(TEXT)
    content = zstd.compress(TEXT[:-1]) if damage == "changed" else place.read_bytes()[:-9]
    place.chmod(0o644)
    place.write_bytes(content)
    with pytest.raises(EnvironmentFailed, match="is not what was put there"):
        archive.find(batch)


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
