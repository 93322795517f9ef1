"""Zips: which files are in one, and each of them as something to open.

A name in a zip is only a name: nothing is ever written by it.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from sluicegate.errors import BatchRefused

__all__ = [
    "Member",
    "damaged",
    "directory",
    "files_in",
    "members",
    "only_member",
    "opened_member",
    "too_large",
]

_MOST_MEMBERS = 1_000
"""Files of one zip that are read as one batch."""

_DESKTOP = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""What desktops add to folders, and so to zips."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of several files of a zip.

    Attributes:
        archive: the zip.
        number: which one by name, from 1.
        path: its name within the zip.
    """

    archive: Path
    number: int
    path: str

    @property
    def told(self) -> str:
        """Its name, as a message may show it: no control character reaches a terminal."""
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in self.path)

    def __str__(self) -> str:
        return f"{self.archive}, member {self.told}"

    @property
    def name(self) -> str:
        """Its last name."""
        return PurePosixPath(self.path.replace("\\", "/")).name


def directory(content: Path | IO[bytes], name: str) -> zipfile.ZipFile:
    """A zip whose directory was read.

    Args:
        name: of the batch, for messages.

    Raises:
        BatchRefused: it is damaged, or its names are not what it says they are.
    """
    try:
        return zipfile.ZipFile(content)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise damaged("zip", name) from error


def files_in(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """The files that people put there, by name.

    Args:
        name: of the batch, for messages.

    Raises:
        BatchRefused: it is an Office document, or has two files of one name.
    """
    files = [member for member in archive.infolist() if _is_file(member)]
    if any(member.filename == "[Content_Types].xml" for member in files):
        raise BatchRefused(
            "The file is an Office document, such as a workbook of Excel.",
            where=name,
            hint="a source reads workbooks with format=Excel()",
        )
    counts = Counter(member.filename for member in files)
    if any(count > 1 for count in counts.values()):
        raise BatchRefused(
            "The archive holds two files of one name.",
            where=name,
            hint="have the provider send each file once",
        )
    return sorted(files, key=lambda member: member.filename)


def _is_file(member: zipfile.ZipInfo) -> bool:
    parts = member.filename.split("/")
    return not (member.is_dir() or parts[0] == "__MACOSX" or parts[-1] in _DESKTOP)


def only_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The one file of a zip.

    Raises:
        BatchRefused: there are none, or several.
    """
    members = files_in(archive, name)
    if len(members) != 1:
        raise BatchRefused(
            f"The archive holds {len(members):,} files, and must hold one.",
            where=name,
            hint="unpack it, and land its files",
        )
    return members[0]


@contextmanager
def opened_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str
) -> Iterator[IO[bytes]]:
    """The bytes of a file of a zip.

    Raises:
        BatchRefused: nobody can read it without a password.
        BadZipFile: it is damaged.
    """
    if member.header_offset < 0:
        raise zipfile.BadZipFile
    if member.flag_bits & 1:
        raise BatchRefused(
            "The archive is protected by a password.",
            where=name,
            hint="have the provider send it without, or unpack it before it lands",
        )
    with archive.open(member) as content:
        yield content


def members(content: Path, name: str, most: int) -> Sequence[Member]:
    """The files of a zip, by name; what they unpack to was looked at, all together.

    Args:
        name: of the batch, for messages.
        most: bytes that they may unpack to.

    Raises:
        BatchRefused: it is damaged, a bomb, or no zip of files.
    """
    with directory(content, name) as archive:
        files = files_in(archive, name)
    if len(files) > _MOST_MEMBERS:
        raise BatchRefused(
            f"The archive holds {len(files):,} files, and may hold {_MOST_MEMBERS:,}.",
            where=name,
            hint="unpack it, and land its files",
        )
    # No file yields more than the directory says: reading it stops there.
    if sum(file.file_size for file in files) > most:
        raise too_large("zip", name, most)
    return [Member(content, number, file.filename) for number, file in enumerate(files, 1)]


def damaged(kind: str, name: str) -> BatchRefused:
    """What to say of a file that breaks off."""
    return BatchRefused(
        f"The file is a damaged or truncated {kind}.",
        where=name,
        hint="have the provider send it again",
    )


def too_large(kind: str, name: str, most: int) -> BatchRefused:
    """What to say of a bomb."""
    return BatchRefused(
        f"The {kind} unpacks to more than {most / 2**30:,.0f} GiB.",
        where=name,
        hint="if it is no bomb, have the provider split it",
    )
