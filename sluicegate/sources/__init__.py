"""Sources: where data come from, declared, and how they are read. Adding one needs no flow code."""

from sluicegate.sources.base import ROWS_AT_ONCE, Batch, Discovery, Drift, Hold, Known, Load, Source
from sluicegate.sources.delimited import Delimited
from sluicegate.sources.detected import Detected
from sluicegate.sources.excel import Excel
from sluicegate.sources.files import Files, Under
from sluicegate.sources.fixed_width import FixedWidth
from sluicegate.sources.fresh import Expectation, daily, within
from sluicegate.sources.json_documents import Json, JsonPages
from sluicegate.sources.ndjson import Ndjson
from sluicegate.sources.pages import Pages
from sluicegate.sources.parquet import Parquet
from sluicegate.sources.records import LINE, Format, Records
from sluicegate.sources.sdmx import Sdmx
from sluicegate.sources.window import ALWAYS, Window

__all__ = [
    "ALWAYS",
    "LINE",
    "ROWS_AT_ONCE",
    "Batch",
    "Delimited",
    "Detected",
    "Discovery",
    "Drift",
    "Excel",
    "Expectation",
    "Files",
    "FixedWidth",
    "Format",
    "Hold",
    "Json",
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
    "Window",
    "daily",
    "within",
]
