"""Deploying and working: the commands that put an environment's flows on a server, and run them."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from sluicegate.cli.running import require_server
from sluicegate.deploy import client_environment, deploy, pool_of, worker_command
from sluicegate.errors import ConfigurationError
from sluicegate.settings import Settings

if TYPE_CHECKING:
    from sluicegate.deploy import Outcome


def deploy_environment(settings: Settings, *, prune: bool) -> Outcome:
    """Have the environment's server hold its deployments as the file says.

    Raises:
        ConfigurationError: the file is wrong; nothing was applied.
        EnvironmentFailed: the server does not answer, or not as it should.
    """
    from sluicegate.deploy.server import PrefectServer

    _become_client(settings)
    # Asked before anything is imported: the answer takes milliseconds, Prefect seconds.
    require_server(settings.prefect.api_url, hint="start it: make deploy, or sluicegate up")
    return deploy(settings, PrefectServer(settings.prefect.api_url), prune=prune)


def work(settings: Settings) -> NoReturn:
    """Become the worker of the environment.

    Raises:
        ConfigurationError: nothing was deployed yet, so there is no work pool.
        EnvironmentFailed: the server does not answer.
    """
    _become_client(settings)
    address = settings.prefect.api_url
    require_server(address, hint="start it: make worker, or sluicegate up")
    pool = pool_of(settings.env)
    if not _exists(f"{address}/work_pools/{pool}"):
        raise ConfigurationError(
            f"There is no work pool {pool!r} yet: nothing was deployed.",
            where=address,
            hint=f"make deploy ENV={settings.env}",
        )
    os.chdir(settings.project)
    command = worker_command(settings)
    sys.stdout.flush()
    sys.stderr.flush()
    # A shell starts `worker &` deaf to SIGINT, which Prefect's worker sends itself to end in order.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The worker takes this process's place, so whoever ends or supervises it has the right one.
    os.execve(command[0], command, dict(os.environ))  # noqa: S606


def _become_client(settings: Settings) -> None:
    wanted = client_environment(settings, os.environ)
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def _exists(address: str) -> bool:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(address, timeout=10):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        # Any other refusal is for Prefect's own client, which knows how to say who it is.
        return error.code != 404
