"""Validating a large file, beside reading it and beside others with the same rules."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.case import Case, Side
from benchmarks.measure import Spent, measured
from benchmarks.peers.installed import installed
from benchmarks.site import ROOT, WORK

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
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    here, apart = Path(sys.executable), installed() / "bin" / "python"

    def called(side: str, python: Path = here, *more: str) -> Spent:
        command = [str(python), "-m", "benchmarks.validating", side]
        command += [f"--folder={folder}", f"--kind={kind}", *more]
        spent = measured(command, cwd=ROOT, env=os.environ, log=folder / "said.log")
        if side == "make":
            return spent
        (folder / f"{side}.json").write_text(spent.out)
        return replace(spent, core=float(json.loads(spent.out)["cpu"]))

    called("make", here, f"--rows={rows}")
    called("scan")  # fills the system's cache
    return Case(
        name=name,
        about=ABOUT.format(rows=rows, kind=kind),
        subject=Side("sluicegate", lambda: called("ours")),
        baselines=[
            Side("reading it", lambda: called("scan")),
            Side("plain polars", lambda: called("polars")),
            Side("pandera as it comes", lambda: called("pandera")),
            Side("dataframely", lambda: called("dataframely", apart)),
        ],
        check=lambda: _all_found(folder, kind, rows),
        core="the validation",
        size=f"{rows:,} rows",
    )


def _all_found(folder: Path, kind: str, rows: int) -> str:
    """Whether all who validated found the same; names of rules differ from one to another."""
    told = {
        side: json.loads((folder / f"{side}.json").read_text())
        for side in ("ours", "polars", "pandera", "dataframely")
    }
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
