"""What deploying needs of an orchestrator: little enough that a test can stand in for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

State = dict[str, Any]
"""Something as it shall be, or as the server holds it: the same plain values for both."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow that was loaded from its file.

    Attributes:
        name: its name, the first half of a deployment's full name.
        schema: JSON schema of its parameters.
        objection: why it cannot be called with these parameters; None if it can.
    """

    name: str
    schema: Mapping[str, Any]
    objection: Callable[[Mapping[str, Any]], str | None]


@dataclass(frozen=True, slots=True)
class Pool:
    """A work pool as the server holds it."""

    name: str
    type: str
    paused: bool


@dataclass(frozen=True, slots=True)
class Automation:
    """An automation as the server holds it. Several may have the same name."""

    number: str
    name: str
    state: State


class Orchestrator(Protocol):
    """A server that keeps deployments and automations, and the means to load what they deploy."""

    @property
    def address(self) -> str:
        """Where it is, for messages."""
        ...

    def flow(self, project: Path, entrypoint: str) -> Flow:
        """Load a flow by running its file.

        Raises:
            ConfigurationError: there is none, or its file fails.
        """
        ...

    def pool(self, name: str) -> Pool | None:
        """A work pool, if there is one of that name."""
        ...

    def create_pool(self, name: str, kind: str) -> None:
        """Create a work pool with the defaults of its kind."""
        ...

    def state(self, flow: str, name: str) -> State | None:
        """A deployment as the server holds it, if it does."""
        ...

    def apply(self, flow: Flow, name: str, state: State) -> None:
        """Create a deployment, or replace it with all its schedules, in one step."""
        ...

    def deployments_of(self, pool: str) -> list[str]:
        """Full names (``flow/name``) of the deployments that send their runs to a pool."""
        ...

    def delete(self, full_name: str) -> None:
        """Delete a deployment."""
        ...

    def channel(self, name: str) -> State | None:
        """How alerts reach people, as the server holds it, secrets included."""
        ...

    def set_channel(self, name: str, state: State) -> None:
        """Create a channel, or replace it."""
        ...

    def automations(self, tag: str) -> list[Automation]:
        """Automations that carry a tag."""
        ...

    def set_automation(self, number: str | None, name: str, state: State) -> None:
        """Replace an automation, or create one where there is no number."""
        ...

    def delete_automation(self, number: str) -> None:
        """Delete an automation."""
        ...
