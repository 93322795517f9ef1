"""The scope of a run: which sources, and how many batches of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.pipeline import EVERYTHING, Scope
from sluicegate.sources import Batch, Discovery
from tests.unit.kit import source


def found(**counts: int) -> dict[str, Discovery]:
    """So many new batches of each source."""
    return {
        name: Discovery(new=[Batch(f"{name}{n}", f"{n}.csv", Path(), 1) for n in range(count)])
        for name, count in counts.items()
    }


def new(discoveries: dict[str, Discovery]) -> dict[str, list[str]]:
    """Ids of the new batches of each source."""
    return {name: [each.id for each in found.new] for name, found in discoveries.items()}


@pytest.mark.parametrize(
    ("most", "taken", "left"),
    [
        (None, {"a": ["a0", "a1"], "b": ["b0", "b1", "b2"]}, {}),
        (9, {"a": ["a0", "a1"], "b": ["b0", "b1", "b2"]}, {}),
        (5, {"a": ["a0", "a1"], "b": ["b0", "b1", "b2"]}, {}),
        (3, {"a": ["a0", "a1"], "b": ["b0"]}, {"b": 2}),
        (2, {"a": ["a0", "a1"], "b": []}, {"b": 3}),
        (1, {"a": ["a0"], "b": []}, {"a": 1, "b": 3}),
    ],
)
def test_so_many_batches_and_no_more(
    most: int | None, taken: dict[str, list[str]], left: dict[str, int]
) -> None:
    """In their order, those that others refer to first; the rest is counted."""
    cut, over = Scope(most=most).cut(found(a=2, b=3))
    assert (new(cut), over) == (taken, left)


def test_chosen_sources_keep_their_order() -> None:
    """The catalogue's, for one may refer to another; whatever the order in which they are named."""
    sources = {name: source(name) for name in ("a", "b", "c")}
    assert [*Scope(("c", "a")).chosen(sources)] == ["a", "c"]
    assert [*EVERYTHING.chosen(sources)] == ["a", "b", "c"]


def test_unknown_source_is_named_with_what_is_near() -> None:
    """A typing error must not look like a source that has nothing new."""
    with pytest.raises(UnknownName, match="paymets") as caught:
        Scope(("paymets",)).chosen({"payments": source("payments")})
    assert "payments" in str(caught.value.hint)


def test_run_of_no_batches_is_refused() -> None:
    """It would never come to an end."""
    with pytest.raises(ConfigurationError, match="0 batches"):
        Scope(most=0)


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("text", ["2026-13-01", "20260101", "yesterday", ""])
def test_what_is_no_day_is_told_like_any_other_slip(option: str, text: str) -> None:
    """What happened, where, and what to do next; not in a form that typer has for it."""
    error = CliRunner().invoke(app, ["ingest", "payments", option, text]).exception
    assert isinstance(error, ConfigurationError)
    assert str(error) == (
        f"{text!r} is no day.\n  where: {option}\n"
        "  next:  write year, month and day, as in 2026-01-31"
    )


def test_days_are_those_that_were_asked_for() -> None:
    """They get as far as the scope, which finds that they end before they begin."""
    asked = ["ingest", "payments", "--from", "2026-02-03", "--to", "2026-02-02"]
    error = CliRunner().invoke(app, asked).exception
    assert "The days from 2026-02-03 to 2026-02-02 are none." in str(error)
