"""Sources: where data come from, declared, and how they are read. Adding one needs no flow code."""

from sluicegate.sources.base import ROWS_AT_ONCE, Batch, Discovery, Known, Load, Source
from sluicegate.sources.delimited import Delimited
from sluicegate.sources.files import Files, Under
from sluicegate.sources.fresh import Expectation, daily, within
from sluicegate.sources.jsons import JsonPages
from sluicegate.sources.ndjson import Ndjson
from sluicegate.sources.pages import Pages
from sluicegate.sources.parquet import Parquet
from sluicegate.sources.records import LINE, Format, Records
from sluicegate.sources.sdmx import Sdmx

__all__ = [
    "LINE",
    "ROWS_AT_ONCE",
    "Batch",
    "Delimited",
    "Discovery",
    "Expectation",
    "Files",
    "Format",
    "JsonPages",
    "Known",
    "Load",
    "Ndjson",
    "Pages",
    "Parquet",
    "Records",
    "Sdmx",
    "Source",
    "Under",
    "daily",
    "within",
]
