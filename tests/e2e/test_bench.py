"""The benchmark is fair: both sides make the same tables, and a difference would be noticed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support import ROOT, execute


def test_the_script_by_hand_yields_the_same_tables(tmp_path: Path) -> None:
    """On clean data every table of the pipeline is that of the script, row by row."""
    results = tmp_path / "results.md"
    command = [sys.executable, "-m", "benchmarks", "--case", "pipeline", "--runs", "1"]
    command += ["--rows", "2000", "--results", str(results)]
    execute(command, {}, ROOT, seconds=300).ends(0)
    text = results.read_text()
    assert re.search(
        r"^2\d tables with [\d,]+ rows are the same in both, row by row", text, re.MULTILINE
    )
    for measure in ("wall time, s", "CPU, s", "CPU of Prefect's server, s", "peak memory"):
        assert f"| {measure}" in text
