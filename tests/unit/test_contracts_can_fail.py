"""Every rule of every contract of the project can fail; a new contract is covered at once."""

from __future__ import annotations

from sluicegate.testing import contract_suite

test_contracts = contract_suite()
