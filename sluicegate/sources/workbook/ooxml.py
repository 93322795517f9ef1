"""Workbooks in a zip of XML (xlsx, ods): that it is harmless, and where in it a sheet is.

Source: ECMA-376, Office Open XML, parts 1 and 2.
"""

from __future__ import annotations

import copy
import zipfile
from posixpath import dirname, join, normpath

from sluicegate.errors import BatchRefused
from sluicegate.opening import most_unpacked
from sluicegate.sources.workbook.sheets import Protected, Unreadable, parse, pieces

MOST_BYTES = 4 << 30
"""Unpacked size of a workbook."""

_MOST_MEMBERS = 10_000
_MOST_OUTLINE = 16 << 20
"""Bytes of a file that says which sheets there are."""


def require_harmless(archive: zipfile.ZipFile, size: int, name: str) -> None:
    """Unpack a workbook once, piece by piece, whatever it says about its size.

    Args:
        size: of the zip.
        name: of the batch, for messages.

    Raises:
        BatchRefused: it is too large.
        Unreadable: it is damaged.
        Protected: it is encrypted.
    """
    members = archive.infolist()
    names = {member.filename for member in members}
    begins = min((member.header_offset for member in members), default=0)
    if len(members) > _MOST_MEMBERS or len(names) < len(members) or begins < 0:
        raise Unreadable
    if any(member.flag_bits & 1 for member in members):
        raise Protected
    most = min(MOST_BYTES, most_unpacked(size))
    total = sum(member.file_size for member in members)
    for member in members:
        found = 0 if total > most else _real_size(archive, member, most)
        total += max(0, found - member.file_size)
        if total > most:
            raise BatchRefused(
                f"The workbook unpacks to more than {most / 2**30:,.0f} GiB.",
                where=name,
                hint="if it is no bomb, have the provider send delimited text",
            )
        if found != member.file_size:
            raise Unreadable


def _real_size(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> int:
    """How long a file really is, up to so many bytes."""
    unbounded = copy.copy(member)
    unbounded.file_size = 1 << 62
    found = 0
    with archive.open(unbounded) as stream:
        for piece in pieces(stream):
            found += len(piece)
            if found > most:
                break
    return found


def sheet_part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The file that holds a sheet.

    Raises:
        Unreadable: there is none.
    """
    workbook = next(iter(_related(archive, "", "officeDocument").values()))
    for element, said in _elements(archive, workbook):
        if element == "sheet" and said.get("name") == sheet:
            (identity,) = (value for key, value in said.items() if key.endswith(":id"))
            return _member(archive, _related(archive, workbook, "")[identity])
    raise Unreadable


def texts_part(archive: zipfile.ZipFile) -> str | None:
    """The file that holds the texts which cells share, if there is one."""
    workbook = next(iter(_related(archive, "", "officeDocument").values()))
    part = next(iter(_related(archive, workbook, "sharedStrings").values()), None)
    return _member(archive, part) if part else None


def _related(archive: zipfile.ZipFile, part: str, kind: str) -> dict[str, str]:
    """The files that one names: id → where it is."""
    folder, base = dirname(part), part.rpartition("/")[2]
    return {
        said.get("Id", ""): normpath(join("/", folder, said.get("Target", "")))[1:]
        for _, said in _elements(archive, join(folder, "_rels", f"{base}.rels"))
        if said.get("Type", "").endswith(f"/{kind}" if kind else "")
    }


def _elements(archive: zipfile.ZipFile, part: str) -> list[tuple[str, dict[str, str]]]:
    """The elements of a small file, without their prefixes, and what they say."""
    member = _member(archive, part)
    if archive.getinfo(member).file_size > _MOST_OUTLINE:
        raise Unreadable
    found: list[tuple[str, dict[str, str]]] = []
    with archive.open(member) as stream:
        parse(stream, lambda name, said: found.append((name.rpartition(":")[2], said)))
    return found


def _member(archive: zipfile.ZipFile, part: str) -> str:
    """The name of a file in the zip, which may be written in other cases and slashes."""
    for name in archive.namelist():
        if name.replace("\\", "/").casefold() == part.casefold():
            return name
    raise Unreadable
