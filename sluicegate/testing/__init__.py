"""For the tests of those who write contracts; its suite needs pytest, which nothing else does."""

from sluicegate.testing.records import broken_rules
from sluicegate.testing.suite import contract_suite

__all__ = ["broken_rules", "contract_suite"]
