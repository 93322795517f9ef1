"""Opening: whatever a file is packed in, its bytes come out; bombs and nested archives do not."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sluicegate import opening
from sluicegate.errors import BatchRefused
from sluicegate.opening import Reached, opened

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(2_000))


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of some files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def locked(archive: bytes) -> bytes:
    """A zip whose directory says that its one file has a password."""
    flags = archive.index(b"PK\x01\x02") + 8
    return archive[:flags] + bytes([archive[flags] | 1]) + archive[flags + 1 :]


def tar_of(content: bytes) -> bytes:
    """A tar with one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("drop.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstd": zstd.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped({"drop.csv": content}),
}


def unpacked(content: Path | bytes) -> bytes:
    """All bytes, read in odd pieces."""
    with opened(content, "drop.csv") as stream:
        return b"".join(iter(lambda: stream.read(777), b""))


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS)
def test_bytes_come_out_as_they_went_in(packer: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """From a file or from memory; what it is packed in is told by its first bytes."""
    file = tmp_path / "drop.txt"
    file.write_bytes(packer(TEXT))
    assert unpacked(file) == unpacked(packer(TEXT)) == TEXT
    assert unpacked(packer(b"")) == b""


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS)
def test_reading_tells_how_far_it_is(packer: Callable[[bytes], bytes]) -> None:
    """In shares of what is stored, packed or not; they make one, and none is negative."""
    content, reached = packer(b"".join(b"%x\n" % (7 << n) for n in range(2_000))), Reached()
    assert reached.share() == 0.0
    with opened(content, "drop.csv", reached) as stream:
        shares = [reached.share() for _ in iter(lambda: stream.read(10_000), b"")]
    assert min(shares) >= 0.0
    assert sum(shares) == pytest.approx(1.0, abs=0.05)
    assert (len(content) < 64 << 10) or max(shares) < 0.9


def test_several_gzips_in_a_row_are_one_text() -> None:
    """Parts that were compressed apart and put together."""
    assert unpacked(gzip.compress(TEXT) + gzip.compress(TEXT)) == TEXT + TEXT


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "zstd", "xz", "zip"])
@pytest.mark.parametrize("keep", [0.05, 0.5, 0.98])
def test_what_breaks_off_is_damaged(kind: str, keep: float) -> None:
    """Half a file is no file, and it is told what it was."""
    content = PACKERS[kind](TEXT)
    with pytest.raises(BatchRefused, match=f"damaged or truncated {kind}") as caught:
        unpacked(content[: int(len(content) * keep) + 6])
    assert caught.value.where == "drop.csv"


@pytest.mark.parametrize("outer", ["gzip", "bzip2", "zstd", "xz", "zip"])
@pytest.mark.parametrize("inner", ["gzip", "zip", "zstd", "tar"])
def test_archive_of_archives_is_refused(outer: str, inner: str) -> None:
    """What is packed twice is unpacked by people."""
    packer = tar_of if inner == "tar" else PACKERS[inner]
    with pytest.raises(BatchRefused, match="further archive"):
        unpacked(PACKERS[outer](packer(TEXT)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"one": TEXT, "two": TEXT}), "holds 2 files"),
        (zipped({}), "holds 0 files"),
        (zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "workbook of Excel"),
        (locked(PACKERS["zip"](TEXT)), "password"),
    ],
    ids=["several", "none", "workbook", "password"],
)
def test_zip_that_is_not_one_file_is_refused(content: bytes, message: str) -> None:
    """Which file is meant cannot be guessed, and a password cannot either."""
    with pytest.raises(BatchRefused, match=message):
        unpacked(content)


def test_resource_forks_beside_the_file_are_no_files() -> None:
    """What one desktop adds to each zip."""
    assert unpacked(zipped({"drop.csv": TEXT, "__MACOSX/._drop.csv": b"x"})) == TEXT


@pytest.mark.parametrize("as_file", [False, True])
def test_zip_that_begins_before_its_file_is_damaged(tmp_path: Path, as_file: bool) -> None:
    """Nobody can seek to where it says that its file is."""
    content = zipped({"drop.csv": TEXT})
    at = len(content) - 6
    (file := tmp_path / "drop.zip").write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    with pytest.raises(BatchRefused, match="damaged or truncated zip"):
        unpacked(file if as_file else file.read_bytes())


def test_names_in_a_zip_reach_nothing(tmp_path: Path) -> None:
    """A name that climbs out of its folder is only a name: nothing is written by it."""
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "drop.zip"
    file.write_bytes(zipped({"../climbs.csv": TEXT}))
    assert unpacked(file) == TEXT
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "drop.zip"]


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "zstd", "xz", "zip"])
def test_bomb_is_refused_before_it_fills_the_disk(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What unpacks to hundreds of times its size, beyond what is harmless anyway."""
    monkeypatch.setattr(opening, "_HARMLESS", 100_000)
    bomb = PACKERS[kind](b"0" * 5_000_000)
    seen = 0
    with opened(bomb, "drop.csv") as stream:

        def drain() -> None:
            nonlocal seen
            while piece := stream.read(10_000):
                seen += len(piece)

        with pytest.raises(BatchRefused, match="unpacks to more"):
            drain()
    assert seen <= max(100_000, 200 * len(bomb))


def test_no_file_is_too_large_if_it_is_not_packed_tightly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that compresses as texts do is read to its end."""
    monkeypatch.setattr(opening, "_HARMLESS", 1_000)
    assert unpacked(gzip.compress(TEXT)) == TEXT


def test_fault_of_the_disk_is_not_called_damage(tmp_path: Path) -> None:
    """What cannot be opened is the machine's fault, not the provider's."""
    with pytest.raises(IsADirectoryError):
        unpacked(tmp_path)
