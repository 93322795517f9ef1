"""The suite that users get for their contracts: one test a rule, in one line."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from sluicegate.catalogue import Catalogue, load_catalogue
from sluicegate.contracts import Model
from sluicegate.errors import ContractError
from sluicegate.settings import project_root
from sluicegate.sources import Source
from sluicegate.testing.proof import cases_of, prove


def contract_suite(project: Path | str | None = None) -> Callable[[str, str], None]:
    """A test for every rule of every contract of a project: a datum that breaks it, and only it.

    In a module of tests::

        from sluicegate.testing import contract_suite

        test_contracts = contract_suite()

    Its tests are called ``test_contracts[payments-amount:greater_than]``.

    Args:
        project: the folder that has ``contracts/``; by default the project that commands find.

    Raises:
        ContractError: a contract cannot be loaded, or there is no rule at all.
        ConfigurationError: there is no project here.
    """
    # Whoever makes workbooks, or tries single records, may do without pytest.
    import pytest

    datasets = _datasets(load_catalogue(project_root() if project is None else Path(project)))
    cases = [(name, case) for name, declared in datasets.items() for case in cases_of(declared)]
    if not cases:
        # pytest would skip it, and a suite that looked at nothing is no pass.
        raise ContractError("There is no rule to prove.", where=str(project))
    proof = cache(lambda name: prove(datasets[name]))

    @pytest.mark.parametrize(("dataset", "case"), cases, ids=["-".join(each) for each in cases])
    def proven(dataset: str, case: str) -> None:
        """A datum that breaks the rule breaks it, and nothing else."""
        wrong: dict[str, str] = proof(dataset)
        if case in wrong:
            pytest.fail(f"{datasets[dataset].contract.place()}: {wrong[case]}", pytrace=False)

    return proven


def _datasets(catalogue: Catalogue) -> dict[str, Source | Model]:
    return {**catalogue.sources, **catalogue.models}
