"""The same lakes as those of the unit tests; these tests end processes, and take longer."""

from __future__ import annotations

from tests.unit.conftest import lake, quick_connections

__all__ = ["lake", "quick_connections"]
