"""Writes that a power cut cannot tear: content first, then its name, then the folder.

Every file of the lake that is not a data file is created through here, once, and never rewritten.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


def sync_file(path: Path) -> None:
    """Flush one file's content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Flush a folder's list of names to the disk."""
    sync_file(path)


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, and make their names durable."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)
    return path


def create(path: Path, content: bytes) -> bool:
    """Create a file that nobody created before; say whether it was us.

    The name appears together with its whole content, or not at all: a hard link from a synced
    temporary file either succeeds or finds the name taken. This is the compare-and-swap of the
    lake, as ``If-None-Match: *`` is on object storage.
    """
    make_folder(path.parent)
    draft = path.parent / f".{path.name}.{uuid4().hex}"
    with draft.open("xb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def settle(draft: Path, path: Path) -> None:
    """Give a finished file its final name; an equal file may be there already."""
    sync_file(draft)
    make_folder(path.parent)
    draft.replace(path)
    sync_folder(path.parent)
