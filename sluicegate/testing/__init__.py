"""For the tests of those who write contracts; it needs pytest, which nothing else here does."""

from sluicegate.testing.suite import contract_suite

__all__ = ["contract_suite"]
