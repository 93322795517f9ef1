"""Workbooks: opened with care, looked through before they are read, their cells told as texts."""

from sluicegate.sources.workbook.opened import open_sheet
from sluicegate.sources.workbook.sheets import Extent
from sluicegate.sources.workbook.texts import NoNumber, is_no_number, texts_of

__all__ = ["Extent", "NoNumber", "is_no_number", "open_sheet", "texts_of"]
