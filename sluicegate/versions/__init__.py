"""Versions of contracts: their rules written down, kept beside them, and compared."""

from sluicegate.versions.compare import Compared, Verdict, compare
from sluicegate.versions.describe import described
from sluicegate.versions.record import Change
from sluicegate.versions.rules import Rules

__all__ = ["Change", "Compared", "Rules", "Verdict", "compare", "described"]
