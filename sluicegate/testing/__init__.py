"""For the tests of those who write contracts; it needs pytest, which nothing else here does."""

from sluicegate.testing.records import broken_rules
from sluicegate.testing.suite import contract_suite

__all__ = ["broken_rules", "contract_suite"]
