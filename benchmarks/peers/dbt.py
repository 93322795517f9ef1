"""dbt on a DuckDB file: an environment is a schema of one's own that everything is built into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.environments import TABLES
from benchmarks.measure import Spent, measured
from benchmarks.site import ROOT

MATERIALIZED = "{{ config(materialized='table') }}\n"


class Dbt:
    """A project of as many models as the lake has tables, built once into ``prod``.

    Args:
        folder: where it is made; what is there is left alone.
    """

    name = "dbt build into a schema"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        models = folder / "models"
        models.mkdir(parents=True)
        for number in range(TABLES):
            text = f"SELECT * FROM raw.payments_{number}\n"
            (models / f"model_{number}.sql").write_text(MATERIALIZED + text)
        project = {"name": "peer", "version": "1.0", "profile": "peer", "model-paths": ["models"]}
        (folder / "dbt_project.yml").write_text(json.dumps(project))
        output = {
            "type": "duckdb",
            "path": str(folder / "warehouse.duckdb"),
            "schema": "{{ env_var('PEER_SCHEMA') }}",
            "threads": 1,
        }
        profiles = {"peer": {"target": "it", "outputs": {"it": output}}}
        (folder / "profiles.yml").write_text(json.dumps(profiles))
        fill(folder / "warehouse.duckdb")
        self._build("prod")

    def environment(self) -> Spent:
        """Make one more."""
        self._count += 1
        return self._build(f"dev_{self._count}")

    def made(self) -> int:
        """How many models each of the environments has; 0 where they differ."""
        return models_of(self._folder / "warehouse.duckdb", "dev_%")

    def _build(self, schema: str) -> Spent:
        command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build"]
        env = {**os.environ, "PEER_SCHEMA": schema, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        return measured(command, cwd=self._folder, env=env, log=self._folder / "said.log")


def fill(file: Path) -> None:
    """Put the rows of the lake's tables into a DuckDB file, as what models read."""
    # In a process of its own: what this one holds would count as the peak of all that it starts.
    command = [sys.executable, "-m", "benchmarks.environments", "fill", f"--lake={file}"]
    subprocess.run(command, cwd=ROOT, check=True)


def models_of(file: Path, schemas: str) -> int:
    """How many tables and views each schema of some name has; 0 where they differ."""
    import duckdb

    with duckdb.connect(str(file), read_only=True) as connection:
        counts = connection.execute(
            "SELECT DISTINCT n FROM (SELECT table_schema, count(*) AS n"
            " FROM information_schema.tables WHERE table_schema LIKE ? GROUP BY ALL)",
            [schemas],
        ).fetchall()
    return int(counts[0][0]) if len(counts) == 1 else 0
