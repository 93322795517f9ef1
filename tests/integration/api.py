"""What Prefect's server keeps of a run, asked for as anybody could: over its API."""

from __future__ import annotations

import json
from typing import Any

from tests.support import call, until


class Api:
    """The API of the session's Prefect server, as far as one flow run goes."""

    def __init__(self, ui: str) -> None:
        server, _, self.run = ui.partition("/runs/flow-run/")
        self.url = f"{server}/api"

    def flow_run(self) -> dict[str, Any]:
        """The flow run."""
        found: dict[str, Any] = call(f"{self.url}/flow_runs/{self.run}")
        return found

    def task_runs(self) -> list[dict[str, Any]]:
        """Its task runs, once all of them are in their last state."""

        def look() -> list[dict[str, Any]]:
            runs = self._filter("task_runs", flow_runs={"id": {"any_": [self.run]}})
            final = all(run["state_type"] in ("COMPLETED", "FAILED") for run in runs)
            return runs if final else []

        return until(look)

    def logs(self) -> list[dict[str, Any]]:
        """What it logged."""
        logs = {"flow_run_id": {"any_": [self.run]}}
        return until(lambda: self._filter("logs", logs=logs))

    def artifacts(self) -> dict[str, dict[str, Any]]:
        """The artifacts it made for people, by key; it makes one of each."""
        kinds = {"any_": ["markdown", "table", "progress"]}
        mine = {"flow_run_id": {"any_": [self.run]}, "type": kinds}
        found = self._filter("artifacts", artifacts=mine)
        by_key = {artifact["key"]: artifact for artifact in found}
        assert len(by_key) == len(found)
        return by_key

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of one of its tables."""
        artifact = self.artifacts()[f"{name}-dev"]
        assert artifact["type"] == "table"
        rows: list[dict[str, Any]] = json.loads(artifact["data"])
        return rows

    def history(self, key: str) -> list[dict[str, Any]]:
        """All artifacts that were ever made under a key, by whichever run, oldest first."""
        found = self._filter("artifacts", artifacts={"key": {"any_": [key]}})
        return sorted(found, key=lambda artifact: str(artifact["created"]))

    def everything(self) -> str:
        """All that the server keeps of it, as one text."""
        states = call(f"{self.url}/flow_run_states/?flow_run_id={self.run}")
        kept = [self.flow_run(), states, self.task_runs(), self.logs(), self.artifacts()]
        return json.dumps(kept)

    def _filter(self, what: str, **filters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = call(f"{self.url}/{what}/filter", filters)
        return found
