"""Validating a large file, beside reading it and beside others with the same rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.case import Case, Side
from benchmarks.peers.installed import installed
from benchmarks.site import WORK
from benchmarks.told import Telling

LEAST = 5_000_000
"""Rows that it takes for the rules to be what is measured."""

ABOUT = (
    "A Parquet file of {rows:,} payments with 13 columns, {kind}, against 28 rules (ten of absent"
    " values, two patterns, four lists, eight bounds, four over several columns): each side reads"
    " it, splits off the rows that break a rule, and counts them by rule. Ours does it as a source"
    " takes a batch in, part by part, and keeps the rejected records as quarantine does; plain"
    " polars works part by part too, pandera and dataframely on the whole file in memory. The"
    " process counts with its imports; the line about the validation is without them."
)


@contextmanager
def prepared(rows: int) -> Iterator[Case]:
    """Make the case ready: no row breaks a rule."""
    yield _prepared("validate", "clean", rows)


@contextmanager
def prepared_dirty(rows: int) -> Iterator[Case]:
    """The same, where one row of a hundred does."""
    yield _prepared("validate_dirty", "dirty", rows)


def _prepared(name: str, kind: str, rows: int) -> Case:
    rows = max(rows, LEAST)
    folder = WORK / name
    validating = Telling("validating", folder, (f"--folder={folder}", f"--kind={kind}"))
    apart = installed() / "bin" / "python"
    validating.make(rows)
    validating.run("scan")  # fills the system's cache
    return Case(
        name=name,
        about=ABOUT.format(rows=rows, kind=kind),
        subject=Side("sluicegate", lambda: validating.run("ours")),
        baselines=[
            Side("reading it", lambda: validating.run("scan")),
            Side("plain polars", lambda: validating.run("polars")),
            Side("pandera as it comes", lambda: validating.run("pandera")),
            Side("dataframely", lambda: validating.run("dataframely", apart)),
        ],
        check=lambda: _all_found(validating, kind, rows),
        core="the validation",
        size=f"{rows:,} rows",
    )


def _all_found(validating: Telling, kind: str, rows: int) -> str:
    """Whether all who validated found the same; names of rules differ from one to another."""
    told = {side: validating.found(side) for side in ("ours", "polars", "pandera", "dataframely")}
    found = {side: _counts(each) for side, each in told.items()}
    accepted, rejected, counts = found["ours"]
    wrong = accepted + rejected != rows or (kind == "dirty") != bool(counts)
    if wrong or any(each != found["ours"] for each in found.values()):
        raise ValueError(f"they did not find the same: {told}")
    return (
        f"All four set {rejected:,} of {rows:,} rows aside, for {len(counts)} rules, each broken by"
        " as many."
    )


def _counts(told: dict[str, Any]) -> tuple[int, int, list[int]]:
    return told["accepted"], told["rejected"], sorted(told["counts"].values())
