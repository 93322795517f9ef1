"""Git for data: generations, refs, branches, publish, rollback."""

from sluicegate.lake.archive import Archive
from sluicegate.lake.branch import Branch
from sluicegate.lake.development import development_branch
from sluicegate.lake.handout import Export, export_marts
from sluicegate.lake.lake import Lake
from sluicegate.lake.mask import MaskedTable, Treatment, copy_masked
from sluicegate.lake.query import Answer, query
from sluicegate.lake.refs import Move, Refs
from sluicegate.lake.session import Session, Table, scratch
from sluicegate.lake.store import DataFiles, Folder, Store

__all__ = [
    "Answer",
    "Archive",
    "Branch",
    "DataFiles",
    "Export",
    "Folder",
    "Lake",
    "MaskedTable",
    "Move",
    "Refs",
    "Session",
    "Store",
    "Table",
    "Treatment",
    "copy_masked",
    "development_branch",
    "export_marts",
    "query",
    "scratch",
]
