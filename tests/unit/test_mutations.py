"""The mutations of ``make test-mutations`` fit the code: what they take away is still there."""

from __future__ import annotations

import pytest

from tests.mutations.catalogue import MUTATIONS, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_is_of_this_code(mutation: Mutation) -> None:
    """Its text stands in the file once, the file can still be read, and its test exists."""
    assert mutation.stale() == ""


def test_names_tell_mutations_apart() -> None:
    """One can be asked for by its name."""
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
