"""Sides that are a module of ours: each tells its CPU seconds and what it found, as JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measure import Spent, measured
from benchmarks.site import ROOT


@dataclass(frozen=True, slots=True)
class Telling:
    """A module that does one side at a time, in a process of its own.

    Attributes:
        module: of this package.
        folder: where its input is, and what the sides said.
        options: what it is told besides the side.
    """

    module: str
    folder: Path
    options: tuple[str, ...]

    def make(self, rows: int) -> None:
        """Make the input, whatever was there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._called("make", Path(sys.executable), f"--rows={rows}")

    def run(self, side: str, python: Path = Path(sys.executable)) -> Spent:
        """Do one side, and keep what it found."""
        spent = self._called(side, python)
        (self.folder / f"{side}.json").write_text(spent.out)
        return replace(spent, core=float(json.loads(spent.out)["cpu"]))

    def found(self, side: str) -> dict[str, Any]:
        """What a side found when it was last done."""
        told: dict[str, Any] = json.loads((self.folder / f"{side}.json").read_text())
        return told

    def _called(self, side: str, python: Path, *more: str) -> Spent:
        command = [str(python), "-m", f"benchmarks.{self.module}", side, *self.options, *more]
        return measured(command, cwd=ROOT, env=os.environ, log=self.folder / "said.log")
