"""What files are packed in, and how the archive packs those that are not.

What a file is packed in is told by its first bytes, not by its name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Protocol, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = [
    "KEPT",
    "PACKED",
    "ZIPS",
    "Stream",
    "kept",
    "kind_of",
    "packing",
    "worth_packing",
    "zstd",
]

KEPT = ".raw.zst"
"""How the names of files end that the archive has packed: what is inside is raw, however large."""

ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz"}
_DENSE = (b"PAR1", b"PARE", b"ORC", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""Parquet, ORC and old Excel: packed inside, or read from several places at once."""

_BLOCK = 4096
"""What fits into one block of a disk takes no less room if it is packed."""

_LEVEL = 1
"""Of zstd: text becomes a third at 300 MB a second; higher ones cost more than they save."""


class Stream(Protocol):
    """Bytes to be read once, from front to back."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many; none at the end."""
        ...


def kind_of(first: bytes) -> str | None:
    """What a file is packed in, by its first bytes; None if in nothing."""
    if first.startswith(ZIPS):
        return "zip"
    return next((kind for mark, kind in PACKED.items() if first.startswith(mark)), None)


def worth_packing(first: bytes) -> bool:
    """Whether packing a file that begins like this saves room."""
    return len(first) > _BLOCK and not first.startswith((*ZIPS, *PACKED, *_DENSE))


def packing(target: IO[bytes], *, pack: bool) -> AbstractContextManager[IO[bytes]]:
    """Where the archive writes raw bytes to, to have them packed or not."""
    if not pack:
        return nullcontext(target)
    return cast("IO[bytes]", zstd.open(target, "wb", level=_LEVEL))


@contextmanager
def kept(file: Path, *, packed: bool) -> Iterator[Stream]:
    """The raw bytes of a file of the archive, as they landed.

    Raises:
        OSError: it is not there.
        EOFError, ZstdError: it is damaged.
    """
    with file.open("rb") as content:
        if not packed:
            yield content
            return
        with zstd.open(content) as raw:
            yield raw
