"""A Prefect server in memory, as far as deploying needs one."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sluicegate.deploy import Automation, Flow, Pool
from sluicegate.deploy.server import objection
from sluicegate.errors import ConfigurationError


def pipelines(file: Path) -> str:
    """The project's deployments without those that are started by hand."""
    before, mark, _ = file.read_text().partition("\n  # Nobody replays")
    assert mark
    return before


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"env": {"type": "string", "default": "dev"}, "days": {"type": "integer"}},
}


@dataclass
class Fake:
    """A server in memory, and a flow that takes ``env`` and ``days``.

    Attributes:
        done: what happened to pools and deployments.
        told: what happened to channels and automations.
        forgetful: it loses versions of deployments.
        deaf: it does not switch automations on.
    """

    pools: dict[str, Pool] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    alerts: dict[str, Automation] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    forgetful: bool = False
    deaf: bool = False
    address: str = "http://server/api"

    def flow(self, project: Path, entrypoint: str) -> Flow:
        if not (project / entrypoint.partition(":")[0]).is_file():
            raise ConfigurationError(f"there is no file {entrypoint!r} in the project")
        return Flow(Path(entrypoint.partition(":")[0]).stem, SCHEMA, partial(objection, SCHEMA))

    def pool(self, name: str) -> Pool | None:
        return self.pools.get(name)

    def create_pool(self, name: str, kind: str) -> None:
        self.done.append(f"create {name}")
        self.pools[name] = Pool(name, kind, paused=False)

    def state(self, flow: str, name: str) -> dict[str, Any] | None:
        return deepcopy(self.states.get(f"{flow}/{name}"))

    def apply(self, flow: Flow, name: str, state: Mapping[str, Any]) -> None:
        self.done.append(f"apply {flow.name}/{name}")
        kept = {**deepcopy(dict(state)), **({"version": None} if self.forgetful else {})}
        self.states[f"{flow.name}/{name}"] = kept

    def deployments_of(self, pool: str) -> list[str]:
        return [name for name, state in self.states.items() if state["work_pool"] == pool]

    def delete(self, full_name: str) -> None:
        self.done.append(f"delete {full_name}")
        del self.states[full_name]

    def channel(self, name: str) -> dict[str, Any] | None:
        return deepcopy(self.channels.get(name))

    def set_channel(self, name: str, state: dict[str, Any]) -> None:
        self.told.append(f"channel {name}")
        self.channels[name] = deepcopy(state)

    def automations(self, tag: str) -> list[Automation]:
        return [deepcopy(each) for each in self.alerts.values() if tag in each.state["tags"]]

    def set_automation(self, number: str | None, name: str, state: dict[str, Any]) -> None:
        assert state["channel"] in self.channels
        self.told.append(f"{'create' if number is None else 'change'} {name}")
        number = number or f"number-{len(self.told)}"
        kept = {**deepcopy(state), **({"enabled": False} if self.deaf else {})}
        self.alerts[number] = Automation(number, name, kept)

    def delete_automation(self, number: str) -> None:
        self.told.append(f"delete {self.alerts.pop(number).name}")
