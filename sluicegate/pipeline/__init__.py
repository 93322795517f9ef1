"""A run of the platform without its orchestrator: the stages, and the record of what they did."""

from sluicegate.pipeline import stages
from sluicegate.pipeline.platform import Platform
from sluicegate.pipeline.report import Kind, Report, Status
from sluicegate.pipeline.run import Run

__all__ = ["Kind", "Platform", "Report", "Run", "Status", "stages"]
