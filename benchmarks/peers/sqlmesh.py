"""SQLMesh on a DuckDB file: an environment is a plan, which makes a schema of views."""

from __future__ import annotations

import json
import os
from pathlib import Path

from benchmarks.environments import TABLES
from benchmarks.measure import Spent, measured
from benchmarks.peers.dbt import fill, models_of
from benchmarks.peers.installed import installed


class Sqlmesh:
    """A project of as many models as the lake has tables, planned and applied once to ``prod``.

    Args:
        folder: where it is made; what is there is left alone.
    """

    name = "sqlmesh plan"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = installed() / "bin" / "sqlmesh"
        self._count = 0
        models = folder / "models"
        models.mkdir(parents=True)
        for number in range(TABLES):
            text = f"MODEL (name marts.model_{number}, kind FULL);\n"
            text += f"SELECT payment_id, amount, day, status FROM raw.payments_{number}\n"
            (models / f"model_{number}.sql").write_text(text)
        connection = {"type": "duckdb", "database": str(folder / "warehouse.duckdb")}
        config = {
            "gateways": {"it": {"connection": connection}},
            "default_gateway": "it",
            "model_defaults": {"dialect": "duckdb", "start": "2026-10-01"},
            "disable_anonymized_analytics": True,
        }
        (folder / "config.yaml").write_text(json.dumps(config))
        fill(folder / "warehouse.duckdb")
        self._plan("prod")

    def environment(self) -> Spent:
        """Make one more."""
        self._count += 1
        return self._plan(f"dev_{self._count}", "--include-unmodified")

    def made(self) -> int:
        """How many models each of the environments has; 0 where they differ."""
        return models_of(self._folder / "warehouse.duckdb", "marts__dev%")

    def _plan(self, name: str, *more: str) -> Spent:
        command = [str(self._program), "plan", name, "--auto-apply", "--no-prompts", *more]
        env = {**os.environ, "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1", "MAX_FORK_WORKERS": "1"}
        return measured(command, cwd=self._folder, env=env, log=self._folder / "said.log")
