"""Which services an environment needs on this machine, and how each is started and recognised."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluicegate.errors import ConfigurationError

if TYPE_CHECKING:
    from sluicegate.settings import Settings

ALERTS_VARIABLE = "SLUICEGATE_ALERTS_LOG"
"""As in alerts/delivery.py, which is not imported: this module costs less than that one."""

SECRETS_OF_THE_LAKE = frozenset(
    f"SLUICEGATE_LAKE__{name}" for name in ("MASKING_KEY", "KEY_ID", "SECRET")
)
"""What no service is told: none opens the lake."""

Answer = Callable[[bytes, int], bool]
"""Tells from the body of a health answer whether it comes from the process with this id."""


def any_answer(body: bytes, pid: int) -> bool:
    """Accept every answer whose status is 200."""
    del body, pid
    return True


def provider_answer(body: bytes, pid: int) -> bool:
    """Accept the loopback provider's answer, and only from the process that was started."""
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    expected = {"status": "ok", "service": "sluicegate-provider", "pid": pid}
    return isinstance(answer, dict) and expected.items() <= answer.items()


@dataclass(frozen=True, slots=True)
class Definition:
    """A service: how to start it, where it listens, how it shows that it is well."""

    name: str
    title: str
    command: tuple[str, ...]
    host: str
    port: int
    health: str
    answer: Answer
    environment: Mapping[str, str]
    folder: Path
    port_setting: str

    @property
    def url(self) -> str:
        """Base address of the service."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def definitions(settings: Settings) -> tuple[Definition, ...]:
    """The services that these settings need on this machine."""
    server = _prefect_server(settings)
    if settings.endpoints.on_loopback:
        return (_provider(settings), server)
    return (server,)


def prefect_environment(settings: Settings) -> dict[str, str]:
    """Variables with which Prefect, server or client, belongs to this project and nobody else.

    The values of the project's ``prefect.toml`` are among them, so that they hold in any working
    directory. Apply them to an environment from which other ``PREFECT_*`` variables are gone.
    """
    return {
        **_declared(settings.project / "prefect.toml"),
        "PREFECT_HOME": str(settings.state / "prefect"),
        "PREFECT_API_URL": settings.prefect.api_url,
    }


def _provider(settings: Settings) -> Definition:
    host, port = settings.provider.host, settings.provider.port
    return Definition(
        name="provider",
        title="loopback provider",
        command=_module(
            "simulator.provider",
            *("--records", str(settings.project / "data" / "processor")),
            *("--host", host, "--port", str(port)),
        ),
        host=host,
        port=port,
        health="/_control/health",
        answer=provider_answer,
        environment=_inherited(),
        folder=settings.project,
        port_setting="SLUICEGATE_PROVIDER__PORT",
    )


def _prefect_server(settings: Settings) -> Definition:
    host, port = settings.prefect.host, settings.prefect.port
    return Definition(
        name="prefect",
        title="Prefect server",
        command=_module("prefect", "server", "start", "--host", host, "--port", str(port)),
        host=host,
        port=port,
        health="/api/health",
        answer=any_answer,
        environment={
            **_inherited(),
            **prefect_environment(settings),
            # On any port but 4200 the UI has to be told where its API is.
            "PREFECT_UI_API_URL": settings.prefect.api_url,
            ALERTS_VARIABLE: str(settings.state / "logs" / "alerts.log"),
        },
        folder=settings.project,
        port_setting="SLUICEGATE_PREFECT__PORT",
    )


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _inherited() -> dict[str, str]:
    # A PREFECT_* variable of the user's shell may point at another server's database, and secrets
    # of the lake are the business of the commands that open it.
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PREFECT_") and name not in SECRETS_OF_THE_LAKE
    }


def _declared(file: Path) -> dict[str, str]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"Prefect's settings cannot be read: {error}", where=str(file)
        ) from error
    return dict(_flattened(document, "PREFECT"))


def _flattened(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        name = f"{prefix}_{key.upper()}"
        if isinstance(value, dict):
            yield from _flattened(value, name)
        else:
            yield name, value if isinstance(value, str) else json.dumps(value)
