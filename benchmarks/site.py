"""Where cases run: a project of their own, with its own state, services, ports and data."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.measure import Spent, at_rest, measured

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".sluicegate" / "bench"
CONSOLE = Path(sys.executable).with_name("sluicegate")

_FOREIGN = ("SLUICEGATE_", "PREFECT_", "DBT_", "PYTHON", "MAKE", "MFLAGS")
"""Variables of the caller's that must not decide what is measured."""


@dataclass(frozen=True, slots=True)
class Site:
    """A copy of the project with nothing in it but its code.

    Attributes:
        folder: where everything of it is.
        ports: of Prefect's server and of the provider.
        data: folder with the landing and processor data that it reads.
    """

    folder: Path
    ports: tuple[int, int]
    data: Path

    @classmethod
    def make(cls, name: str, data: Path) -> Site:
        """Make one anew; whatever an earlier, killed one has left is ended and removed."""
        folder = WORK / name
        site = cls(folder, (_free_port(), _free_port()), data)
        if (folder / "project").is_dir():
            site.down()
        shutil.rmtree(folder, ignore_errors=True)
        for part in ("contracts", "dbt_project", "deployments", "data/reference"):
            made = shutil.ignore_patterns("target", "logs", "__pycache__", ".user.yml")
            shutil.copytree(ROOT / part, site.project / part, ignore=made)
        shutil.copy(ROOT / "prefect.toml", site.project)
        # The provider of a project reads the processor's records there.
        (site.project / "data" / "processor").symlink_to(data / "processor")
        return site

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.folder / "project"

    @property
    def lake(self) -> Path:
        """The lake's folder."""
        return self.folder / "lake"

    @property
    def landing(self) -> Path:
        """The landing folder."""
        return self.data / "landing"

    @property
    def provider(self) -> str:
        """Address of the loopback provider."""
        return f"http://127.0.0.1:{self.ports[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """The caller's variables, without those that steer Python or us, and with ours."""
        inherited = {
            name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)
        }
        return {
            **inherited,
            "SLUICEGATE_PROJECT": str(self.project),
            "SLUICEGATE_LAKE__ROOT": str(self.lake),
            "SLUICEGATE_LANDING__ROOT": str(self.landing),
            "SLUICEGATE_PREFECT__PORT": str(self.ports[0]),
            "SLUICEGATE_PROVIDER__PORT": str(self.ports[1]),
        }

    def reading(self, data: Path) -> Site:
        """The same site on other landing data; its provider goes on with what it has."""
        return replace(self, data=data)

    def empty_lake(self) -> None:
        """Forget everything that was ever ingested."""
        shutil.rmtree(self.lake, ignore_errors=True)

    def measured(self, *command: str, env: dict[str, str] | None = None) -> Spent:
        """Measure a command in the project's folder."""
        return measured(
            command,
            cwd=self.project,
            env={**self.environment, **(env or {})},
            log=self.folder / "said.log",
        )

    def sluicegate(self, *arguments: str) -> Spent:
        """Measure a console command, and what Prefect's server did for it until it had done all."""
        server = self.server()
        before = at_rest(server) if server else 0.0
        spent = self.measured(str(CONSOLE), *arguments)
        return replace(spent, server=at_rest(server) - before if server else 0.0)

    def server(self) -> int | None:
        """Process id of Prefect's server; None if `up` has not started one."""
        try:
            record = json.loads((self.project / ".sluicegate/services/prefect.json").read_bytes())
        except FileNotFoundError:
            return None
        return int(record["pid"])

    @contextmanager
    def services(self) -> Iterator[None]:
        """Prefect's server and the provider, for the length of the block."""
        self.measured(str(CONSOLE), "up")
        try:
            yield
        finally:
            self.down()

    def down(self) -> None:
        """End what `up` started here."""
        command = [str(CONSOLE), "down"]
        subprocess.run(
            command, cwd=self.project, env=self.environment, check=True, stdout=subprocess.DEVNULL
        )


def data(rows: int) -> Path:
    """Clean generated data of some size; made once for a state of the generator, then kept."""
    folder = WORK / f"data-{rows}"
    stamp, code = folder / "made-by", _generator()
    if stamp.is_file() and stamp.read_text() == code:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _call(
        "simulator.data",
        "--clean",
        f"--rows={rows}",
        f"--landing={folder / 'landing'}",
        f"--truth={folder / 'truth'}",
        f"--processor={folder / 'processor'}",
    )
    stamp.write_text(code)
    return folder


def _generator() -> str:
    digest = hashlib.sha256()
    for file in sorted((ROOT / "simulator").glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _call(module: str, *arguments: str) -> None:
    command: Sequence[str] = (sys.executable, "-m", module, *arguments)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
