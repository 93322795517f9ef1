"""DuckDB's own command line attaches what readers see, with the statements that we print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sluicegate.errors import UnknownName
from sluicegate.lake import Lake, Table
from sluicegate.lake.attach import statements
from tests.unit.kit import publish, write

DUCKDB = Path(sys.executable).with_name("duckdb")


def asked(sql: Path, query: str) -> subprocess.CompletedProcess[str]:
    """Ask DuckDB's command line, which has run our statements first."""
    command = [str(DUCKDB), "-init", str(sql), "-json", "-c", query]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_duckdbs_own_command_line_reads_the_lake(lake: Lake, tmp_path: Path) -> None:
    """Tables with their schema, marts by their name; it keeps its view, and can change nothing."""
    publish(lake, 1, 2)
    with lake.branch("dev", "marts") as branch:
        with branch.session() as session:
            write(session, 7, table=Table("marts", "sevens"))
        lake.publish(branch, run="marts")
    sql = tmp_path / "it's lake.sql"
    sql.write_text(statements(lake, "dev"))
    publish(lake, 3)
    told = asked(
        sql, "SELECT s.n AS seven, sum(r.n) AS total FROM sevens s, raw.numbers r GROUP BY 1"
    )
    assert json.loads(told.stdout) == [{"seven": 7, "total": "3"}], told.stderr
    refused = asked(sql, "DELETE FROM raw.numbers")
    assert "read-only" in refused.stderr
    assert refused.returncode != 0


def test_lake_without_marts(lake: Lake, tmp_path: Path) -> None:
    """Then its schemas are what there is; an older generation is attached by its name."""
    first = publish(lake, 1)
    publish(lake, 2)
    sql = tmp_path / "lake.sql"
    sql.write_text(statements(lake, first.generation))
    told = asked(sql, "SELECT n FROM raw.numbers")
    assert json.loads(told.stdout) == [{"n": 1}], told.stderr
    with pytest.raises(UnknownName):
        statements(lake, "prod")
