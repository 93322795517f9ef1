"""What tests of files, and of how they are read, share with unit tests."""

from tests.unit.conftest import archive, lake, quick_connections, session

__all__ = ["archive", "lake", "quick_connections", "session"]
