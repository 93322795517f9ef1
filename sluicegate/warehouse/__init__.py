"""dbt in process, on a branch of the lake."""

from sluicegate.warehouse.build import build, warm_up
from sluicegate.warehouse.docs import write_docs
from sluicegate.warehouse.fingerprint import fingerprint
from sluicegate.warehouse.rebuild import Former, rebuild
from sluicegate.warehouse.records import Build, Check, Model, Step

__all__ = [
    "Build",
    "Check",
    "Former",
    "Model",
    "Step",
    "build",
    "fingerprint",
    "rebuild",
    "warm_up",
    "write_docs",
]
