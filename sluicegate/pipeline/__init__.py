"""A run of the platform without its orchestrator: the stages, and the record of what they did."""

from sluicegate.pipeline import stages
from sluicegate.pipeline.platform import Platform
from sluicegate.pipeline.report import Kind, Report, Status
from sluicegate.pipeline.run import Run
from sluicegate.pipeline.scope import EVERYTHING, Scope

__all__ = ["EVERYTHING", "Kind", "Platform", "Report", "Run", "Scope", "Status", "stages"]
