"""Receipts close, or are a bug of ours."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import Bug
from sluicegate.ingestion import Fate, Receipt, total

COUNTS = st.fixed_dictionaries({fate.value: st.integers(0, 1_000) for fate in Fate})


def receipt(**counts: int) -> Receipt:
    """A receipt that closes."""
    return Receipt("orders", "0f", "a.csv", rows_in=sum(counts.values()), **counts)


@given(COUNTS)
def test_closes_exactly_when_it_adds_up(counts: dict[str, int]) -> None:
    """One row more or less on either side, and it does not close."""
    made = receipt(**counts)
    assert made.closed() is made
    for rows_in in (made.rows_in - 1, made.rows_in + 1):
        assert not Receipt("orders", "0f", "a.csv", rows_in=rows_in, **counts).closes


def test_open_receipt_is_a_bug() -> None:
    """The error says which batch, and by how much."""
    with pytest.raises(Bug, match="does not close: 3 in") as caught:
        Receipt("orders", "0f", "a.csv", rows_in=3, published=2).closed()
    assert caught.value.where == "orders, a.csv"


def test_negative_counts_do_not_close() -> None:
    """A sum that comes out right by a debt is not right."""
    assert not Receipt("orders", "0f", "a.csv", rows_in=1, published=2, held=-1).closes


@given(st.lists(COUNTS, max_size=5))
def test_total_adds_up_batch_by_batch(batches: list[dict[str, int]]) -> None:
    """The account of a source is the sum of its receipts, and closes as they do."""
    account = total("orders", [receipt(**counts) for counts in batches]).closed()
    for fate in Fate:
        assert getattr(account, fate) == sum(counts[fate] for counts in batches)


def test_total_adds_rejections_by_rule() -> None:
    """A rule that two batches break is counted over both."""
    one = Receipt("o", "1", "a", rows_in=2, quarantined=2, rejections={"x": 1, "y": 2})
    two = Receipt("o", "2", "b", rows_in=3, quarantined=3, rejections={"y": 3})
    assert total("o", [one, two]).rejections == {"x": 1, "y": 5}


def test_total_keeps_the_first_example_of_a_rule() -> None:
    """Of the rows that break a rule, the place of the first one is shown for the source."""
    one = Receipt("o", "1", "a", examples={"x": "a, line 2"})
    two = Receipt("o", "2", "b", examples={"x": "b, line 7", "y": "b, line 9"})
    assert total("o", [one, two]).examples == {"x": "a, line 2", "y": "b, line 9"}


@given(COUNTS)
def test_held_batch_publishes_nothing(counts: dict[str, int]) -> None:
    """Holding a batch moves all its rows to held, and loses none."""
    held = receipt(**counts).hold()
    assert (held.held, held.published, held.quarantined, held.deduplicated) == (
        held.rows_in,
        0,
        0,
        0,
    )


def test_becomes_json() -> None:
    """Every count has the name that the console uses."""
    found = json.loads(json.dumps(receipt(published=1, held=2).to_dict()))
    assert {name: found[name] for name in ("rows_in", "published", "held", "quarantined")} == {
        "rows_in": 3,
        "published": 1,
        "held": 2,
        "quarantined": 0,
    }
