"""What tests of the dbt project share with unit tests."""

from tests.unit.conftest import quick_connections

__all__ = ["quick_connections"]
