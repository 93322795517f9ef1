"""Sources: where data come from, declared, and how they are read. Adding one needs no flow code."""

from sluicegate.sources.base import Batch, Discovery, Known, Load, Source
from sluicegate.sources.delimited import Records, count_lines, read_delimited
from sluicegate.sources.files import Files
from sluicegate.sources.sdmx import Sdmx

__all__ = [
    "Batch",
    "Discovery",
    "Files",
    "Known",
    "Load",
    "Records",
    "Sdmx",
    "Source",
    "count_lines",
    "read_delimited",
]
