"""The worker of an environment: Prefect's own process worker, started so that it can be trusted."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from sluicegate.deploy.plan import pool_of
from sluicegate.deploy.templates import PROJECT_VARIABLE
from sluicegate.local import prefect_environment
from sluicegate.settings import Settings

CREDENTIALS = frozenset(
    {
        "PREFECT_API_AUTH_STRING",
        "PREFECT_API_KEY",
        "PREFECT_API_SSL_CERT_FILE",
        "PREFECT_CLIENT_CUSTOM_HEADERS",
    }
)
"""Variables of Prefect that say who asks, and not which server is asked."""


def client_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables for a client of the environment's server, in this process or in a worker's.

    Settings decide which server it is: a ``PREFECT_API_URL`` that happens to be set must not send
    production's deployments elsewhere. The user's own ``SLUICEGATE_*`` variables are handed on.
    """
    inherited = {
        name: value
        for name, value in environ.items()
        if not name.startswith("PREFECT_") or name in CREDENTIALS
    }
    return {
        **inherited,
        **prefect_environment(settings),
        PROJECT_VARIABLE: str(settings.project),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "sluicegate",
    }


def worker_command(settings: Settings) -> list[str]:
    """Command that runs what falls due in the environment's work pool, until it is interrupted."""
    return [
        *(sys.executable, "-m", "prefect", "worker", "start"),
        *("--pool", pool_of(settings.env), "--type", "process"),
        # Only `deploy` creates pools: a worker on a mistyped one would wait for ever.
        *("--no-create-pool-if-not-found", "--install-policy", "never"),
    ]
