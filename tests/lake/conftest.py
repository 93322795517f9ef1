"""What tests of the lake share with unit tests."""

from tests.unit.conftest import archive, lake, quick_connections, session

__all__ = ["archive", "lake", "quick_connections", "session"]
