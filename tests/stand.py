"""A copy of the project with a Prefect server of its own, to deploy to and to work for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluicegate.lake import Lake

ROOT = Path(__file__).parents[1]
ENVS = ("dev", "staging", "prod")
SLUICEGATE = str(Path(sys.executable).parent / "sluicegate")
NEEDED = ("contracts", "dbt_project", "deployments", "flows", "simulator", "sluicegate", "tasks")


@dataclass
class Clone:
    """A copy of the project with a server of its own, on ports of its own."""

    root: Path
    environ: dict[str, str]
    api: str

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environ,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def run(self, *command: str, code: int = 0) -> str:
        process = self.start(*command)
        out, err = process.communicate(timeout=150)
        assert process.returncode == code, f"{command}\n{out}\n{err}"
        return out if code == 0 else err

    def deploy(self, *envs: str, options: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        """Deploy environments, all at the same time: each is independent of the others."""
        command = (SLUICEGATE, "deploy", "--json", *options, "--env")
        started = {env: self.start(*command, env) for env in envs}
        told = {env: process.communicate(timeout=150) for env, process in started.items()}
        codes = {env: process.returncode for env, process in started.items()}
        assert codes == dict.fromkeys(envs, 0), told
        return {env: json.loads(out) for env, (out, _) in told.items()}

    def prefect(self, *arguments: str) -> str:
        command = (sys.executable, "-m", "prefect", "--no-prompt", *arguments)
        process = subprocess.run(
            command,
            cwd=self.root,
            env={
                **self.environ,
                "PREFECT_API_URL": self.api,
                "PREFECT_HOME": str(self.root / ".sluicegate" / "prefect"),
            },
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def ask(self, path: str, body: object = None, method: str | None = None) -> Any:
        """Ask the server's API as anybody could: without our code, and without Prefect's."""
        request = urllib.request.Request(
            f"{self.api}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        for patience in (5, 4, 3, 2, 1, 0):
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return json.loads(response.read() or b"null")
            except urllib.error.HTTPError as error:
                # A server on SQLite says so when others write; Prefect's client asks again too.
                error.close()
                if error.code != 503 or not patience:
                    raise
                time.sleep(1)
        return None

    def heads(self) -> dict[str, str | None]:
        refs = Lake(self.root / "data" / "lake").refs
        found = {env: refs.head(env) for env in ENVS}
        return {env: head.generation if head else None for env, head in found.items()}


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def copied(root: Path) -> Clone:
    """What of the project is needed to deploy and to run, in a folder and on ports of its own."""
    for folder in (*NEEDED, "data/reference"):
        made = shutil.ignore_patterns("__pycache__", "target", "logs")
        shutil.copytree(ROOT / folder, root / folder, ignore=made)
    shutil.copy(ROOT / "prefect.toml", root)
    prefect, provider = free_ports(2)
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "SLUICEGATE_"))
    }
    mine |= {"SLUICEGATE_PREFECT__PORT": str(prefect), "SLUICEGATE_PROVIDER__PORT": str(provider)}
    # Given by a variable and not by a file: it reaches a run only if the worker hands it on.
    mine["SLUICEGATE_LANDING__ROOT"] = "drops"
    return Clone(root, mine, f"http://127.0.0.1:{prefect}/api")


@contextmanager
def working(clone: Clone, env: str) -> Iterator[subprocess.Popen[str]]:
    """A worker of an environment, ended as a supervisor ends one."""
    log = clone.root / "worker.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            (SLUICEGATE, "worker", "--env", env),
            cwd=clone.root / "contracts",  # Any folder of the clone will do.
            env=clone.environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait(5)
