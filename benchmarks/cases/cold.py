"""The first minute in a fresh clone, beside what Prefect's server alone takes to start."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.case import Case, Side
from benchmarks.measure import CommandFailedError, Spent, cpu_of_tree, peak_of_tree
from benchmarks.site import CONSOLE, Site, data

ABOUT = (
    "`sluicegate up` and the first `sluicegate run` in a project without any state, {rows:,}"
    " payments, beside `prefect server start` on a fresh database with the same settings, until"
    " it is healthy. Wall time adds up both commands; the server's CPU is counted from its birth"
    " to the end of the run."
)
_PATIENCE = 120.0


@contextmanager
def prepared(rows: int) -> Iterator[Case]:
    """Make the case ready."""
    site = Site.make("cold", data(rows))
    yield Case(
        name="cold",
        about=ABOUT.format(rows=rows),
        subject=Side("sluicegate up, run", lambda: _up_and_run(site)),
        baselines=[Side("prefect server start", lambda: _server_alone(site))],
        check=lambda: "Every first run ended with exit code 0.",
    )


def _up_and_run(site: Site) -> Spent:
    _forget(site)
    try:
        up = site.measured(str(CONSOLE), "up")
        run = site.measured(str(CONSOLE), "run")
        server = site.server()
        if server is None:
            raise CommandFailedError("`sluicegate up` left no record of Prefect's server")
        spent, peak = cpu_of_tree(server), peak_of_tree(server)
    finally:
        site.down()
    return Spent(up.wall + run.wall, up.cpu + run.cpu, max(up.peak, run.peak, peak), server=spent)


def _server_alone(site: Site) -> Spent:
    """Start the server with Prefect's own command, and wait until it is well."""
    _forget(site)
    home = site.project / ".sluicegate" / "prefect"
    home.mkdir(parents=True)
    url = f"http://127.0.0.1:{site.ports[0]}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    log = (site.folder / "server.log").open("wb")
    began = time.perf_counter()
    with log:
        server = subprocess.Popen(
            [*command, "--port", str(site.ports[0])],
            cwd=site.project,  # where prefect.toml is
            env={
                **site.environment,
                "PREFECT_HOME": str(home),
                "PREFECT_API_URL": url,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(f"{url}/health", server)
        wall = time.perf_counter() - began
        return Spent(wall, 0.0, peak_of_tree(server.pid), server=cpu_of_tree(server.pid))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise CommandFailedError("Prefect's server did not become well")


def _forget(site: Site) -> None:
    site.empty_lake()
    shutil.rmtree(site.project / ".sluicegate", ignore_errors=True)
