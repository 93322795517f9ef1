"""Power cuts: what a disk may hold at any moment, given what was flushed and what was not.

A name that was made, changed or removed is on the disk for certain once its folder was flushed;
until then it may be there or not, each by itself. A file's content is there once the file was
flushed; until then any part of it may be. The operating system promises no more than that.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

_link = os.link


class Power:
    """Watches a folder, and cuts the power before and after everything that happens to the disk.

    Args:
        root: everything in it is on the disk.
        cut: called with a function that builds, in a folder, what one power cut leaves.
        attic: a folder of the same file system, for what is removed: it may be there again.
    """

    def __init__(
        self, root: Path, cut: Callable[[Callable[[Path], None]], None], attic: Path, seed: str
    ) -> None:
        self.cuts = 0
        self._root = root
        self._cut = cut
        self._attic = attic
        self._rng = random.Random(seed)
        self._names = {folder: _listing(folder) for folder in (root, *_folders(root))}
        self._contents = {
            file.stat().st_ino: file.read_bytes() for file in root.rglob("*") if file.is_file()
        }

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Cut the power all the time in the block."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", self._around(os.fsync, self._flush))
            patch.setattr(os, "link", self._around(os.link, self._link))
            patch.setattr(Path, "replace", self._around(Path.replace, self._replace))
            patch.setattr(Path, "unlink", self._around(Path.unlink, self._unlink))
            yield

    def _around(self, real: Callable[..., Any], step: Callable[..., Any]) -> Callable[..., Any]:
        def around(target: Any, *arguments: Any, **options: Any) -> Any:
            self.cuts += 1
            self._cut(self.leave)
            return step(real, target, *arguments, **options)

        return around

    def _flush(self, real: Callable[..., None], handle: int) -> None:
        real(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.is_dir():
            self._names[path] = _listing(path)
        else:
            self._contents[os.fstat(handle).st_ino] = path.read_bytes()

    def _link(self, real: Callable[..., None], file: Path, name: Path) -> None:
        real(file, name)

    def _replace(self, real: Callable[..., Path], file: Path, name: Path) -> Path:
        self._keep(name)
        return real(file, name)

    def _unlink(self, real: Callable[..., None], file: Path, **options: Any) -> None:
        self._keep(file)
        real(file, **options)

    def _keep(self, file: Path) -> None:
        """Keep what is removed, so that its number is not given to another file."""
        if file.is_file():
            self._attic.mkdir(exist_ok=True)
            _link(file, self._attic / uuid4().hex)

    def leave(self, target: Path) -> None:
        """Build what a power cut now may leave."""
        self._build(self._root, target)

    def _build(self, folder: Path, target: Path) -> None:
        target.mkdir()
        now, flushed = _listing(folder), self._names.get(folder, {})
        for name in sorted(now.keys() | flushed.keys()):
            kept = self._rng.choice([now.get(name), flushed.get(name)])
            if kept is None:
                continue
            if kept != now.get(name):
                # Gone, but for what the disk still knows; of folders (branches) nobody asks.
                if kept in self._contents:
                    (target / name).write_bytes(self._contents[kept])
            elif (folder / name).is_dir():
                self._build(folder / name, target / name)
            else:
                (target / name).write_bytes(self._content(folder / name, kept))

    def _content(self, file: Path, number: int) -> bytes:
        actual = file.read_bytes()
        if self._contents.get(number) == actual:
            return actual
        return actual[: self._rng.randrange(len(actual) + 1)]


def _folders(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_dir())


def _listing(folder: Path) -> dict[str, int]:
    return {entry.name: entry.inode() for entry in os.scandir(folder)}
