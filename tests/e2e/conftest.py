"""A fresh clone, and a person who works through the README in it, command by command."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pytest

from tests.support import ROOT, Outcome, execute, free_port

ROWS, DAYS = 4_800, 16
NOT_HERE = "make test"
"""The one command of the README that is not executed: it would start these tests again."""


@dataclass
class Clone:
    """A clone with what was done in it: every command and how it ended, in order."""

    folder: Path
    environment: dict[str, str]
    done: list[tuple[str, Outcome]] = field(default_factory=list)
    pids: list[int] = field(default_factory=list)

    @property
    def ports(self) -> list[int]:
        """Ports of the services of this clone."""
        return [int(port) for port in self.environment.values()]

    def do(self, command: str) -> Outcome:
        """Type a command at the clone's root."""
        shell = ["bash", "-c", command]
        outcome = execute(shell, self.environment, self.folder, seconds=300)
        self.done.append((command, outcome))
        for record in (self.folder / ".sluicegate" / "services").glob("*.json"):
            pid = json.loads(record.read_text())["pid"]
            if pid not in self.pids:
                self.pids.append(pid)
        return outcome

    def all(self, command: str) -> list[Outcome]:
        """How a command ended, each time."""
        return [outcome for done, outcome in self.done if done == command]


def readme_commands() -> list[str]:
    """What the README asks people to type."""
    return commands_of("README.md")


def commands_of(page: str) -> list[str]:
    """What a page asks people to type: lines with a prompt in console blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\$ (.+)$", "".join(blocks), re.MULTILINE)


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """What git has of the working tree, in a folder of its own, with ports of its own."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    ports = {
        "SLUICEGATE_PREFECT__PORT": str(free_port()),
        "SLUICEGATE_PROVIDER__PORT": str(free_port()),
    }
    opened = Clone(folder, ports)
    yield opened
    if opened.pids:
        opened.do("make stop")


@pytest.fixture(scope="session")
def walk(clone: Clone) -> Clone:
    """The clone after all that README and three pages ask for, on less data than by default."""
    clone.do("make help")
    clone.do(f"make data ROWS={ROWS} DAYS={DAYS}")
    *most, stop = readme_commands()
    assert stop == "make stop"
    pages = (commands_of(f"docs/{page}.md") for page in ("quarantine", "quality", "lake"))
    for command in (*most, *chain.from_iterable(pages), stop):
        if command != NOT_HERE:
            clone.do(command)
        if command.endswith("sluicegate status"):
            clone.do(f"{command} --json")
    return clone
