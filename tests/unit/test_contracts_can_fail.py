"""Every rule of every contract of the project can fail: the suite that users get for theirs."""

from __future__ import annotations

from pathlib import Path

from sluicegate.testing import contract_suite

test_contracts = contract_suite(Path(__file__).parents[2])
