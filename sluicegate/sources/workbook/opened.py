"""Workbooks as people send them: whether they can be opened, and which sheet is meant.

They are looked through before ``calamine`` reads them, because it holds a sheet as a whole, or in
older formats all of them.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from sluicegate.errors import BatchRefused, meant
from sluicegate.opening import require_unpacked
from sluicegate.sources.workbook import biff, ods
from sluicegate.sources.workbook.ole import MAGIC, Compound, DamagedCompound
from sluicegate.sources.workbook.ooxml import MOST_BYTES, require_harmless, sheet_part
from sluicegate.sources.workbook.shared import require_modest_texts
from sluicegate.sources.workbook.sheets import Extent, Protected, Unreadable, sheet_extent

MOST_CELLS = 32_000_000
"""Cells between the first and the last one of a sheet: 0.8 GB, before their texts."""

_BROKEN = (
    CalamineError,
    DamagedCompound,
    EOFError,
    LookupError,
    NotImplementedError,
    StopIteration,
    Unreadable,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def open_sheet(content: Path, sheet: str | None, name: str) -> tuple[CalamineSheet, Extent]:
    """Open a sheet of a workbook: the one of that name, or the only one that is not hidden.

    Args:
        name: of the batch, for messages.

    Raises:
        BatchRefused: the workbook is none, is damaged, protected or too large, or has no such
            sheet, or it is not clear which one is meant.
    """
    require_unpacked(content, "a workbook", name, zips=True)
    with content.open("rb") as raw, _told(name):
        extents = _extents(raw, name)
        raw.seek(0)
        workbook = CalamineWorkbook.from_filelike(raw)
        chosen = _chosen(workbook, sheet, name)
        if extents is None:
            with zipfile.ZipFile(raw) as archive:
                part = sheet_part(archive, chosen)
                extents = {chosen: sheet_extent(lambda: archive.open(part))}
                _require_room(extents, name)
                where = f"{name}, sheet {chosen!r}"
                require_modest_texts(archive, part, extents[chosen], where)
        return workbook.get_sheet_by_name(chosen), extents[chosen]


def _extents(raw: IO[bytes], name: str) -> dict[str, Extent] | None:
    """What the sheets have; None if they can be looked at one by one."""
    begin, size = raw.read(len(MAGIC)), raw.seek(0, 2)
    if begin == MAGIC:
        extents = _legacy(raw, size, name)
    else:
        with zipfile.ZipFile(raw) as archive:
            require_harmless(archive, size, name)
            names = archive.namelist()
            if any(each.casefold().endswith("workbook.bin") for each in names):
                raise _other(name, "a binary workbook (xlsb)")
            if "mimetype" not in names:
                return None
            if archive.read("mimetype").strip() != ods.MIMETYPE:
                raise _other(name, "no workbook")
            extents = ods.sheet_extents(archive)
    _require_room(extents, name)
    return extents


def _legacy(raw: IO[bytes], size: int, name: str) -> dict[str, Extent]:
    if size > MOST_BYTES // 4:
        raise BatchRefused(f"The xls file is larger than {MOST_BYTES >> 32} GiB.", where=name)
    raw.seek(0)
    compound = Compound(raw.read())
    if "EncryptedPackage" in compound:
        raise Protected
    if "Workbook" not in compound:
        raise biff.Outdated if "Book" in compound else Unreadable
    return biff.sheet_extents(compound.stream("Workbook"))


def _chosen(workbook: CalamineWorkbook, sheet: str | None, name: str) -> str:
    tables = [each for each in workbook.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
    names = [each.name for each in tables]
    if sheet is not None:
        if sheet not in names:
            raise BatchRefused(
                f"The workbook has no sheet {sheet!r}.", where=name, hint=meant(sheet, names)
            )
        return sheet
    shown = [each.name for each in tables if each.visible == SheetVisibleEnum.Visible]
    if len(shown) != 1:
        listed = ", ".join(map(repr, (shown or names)[:12]))
        many = f"has {len(shown)} sheets" if shown else "hides all its sheets"
        raise BatchRefused(
            f"The workbook {many}, and it is not declared which one is meant: {listed}.",
            where=name,
            hint="say which one in its contract, such as Excel(sheet='Data')",
        )
    return shown[0]


def _require_room(extents: dict[str, Extent], name: str) -> None:
    largest = max(extents, key=lambda sheet: extents[sheet].cells, default=None)
    if largest is not None and sum(extent.cells for extent in extents.values()) > MOST_CELLS:
        (first, last), (left, right) = extents[largest].rows, extents[largest].columns
        raise BatchRefused(
            f"The sheet reaches over {last - first + 1:,} rows and {right - left + 1:,} columns, "
            f"and may have {MOST_CELLS:,} cells.",
            where=f"{name}, sheet {largest!r}",
            hint="remove what stands far from the table, or send delimited text",
        )


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say in words what is wrong with a workbook."""
    try:
        yield
    except Protected as error:
        raise BatchRefused(
            "The workbook is protected by a password.",
            where=name,
            hint="have the provider save it without",
        ) from error
    except biff.Outdated as error:
        raise _other(name, "a workbook of Excel 95 or older") from error
    except _BROKEN as error:
        raise _damaged(name) from error
    except BaseException as error:
        # How a panic of its Rust code arrives, which is no Exception.
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise _damaged(name) from error


def _damaged(name: str) -> BatchRefused:
    return BatchRefused(
        "The file is no workbook (xlsx, xls, ods), or a damaged one.",
        where=name,
        hint="have the provider send it again",
    )


def _other(name: str, what: str) -> BatchRefused:
    return BatchRefused(f"The file is {what}.", where=name, hint="save it as xlsx")
