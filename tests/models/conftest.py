"""What tests that build with dbt share with unit tests."""

from tests.unit.conftest import lake, quick_connections, session

__all__ = ["lake", "quick_connections", "session"]
