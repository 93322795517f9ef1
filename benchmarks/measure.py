"""What a command costs: wall time, CPU time of it and its children, peak memory, server's CPU.

Every measurement is a process of its own, so that imports count.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")
_KIBIBYTE = 1024
_QUIET = 0.05
"""CPU seconds a second below which a server is at rest."""

_SHOWN_LINES = 30


class CommandFailedError(Exception):
    """A command that was to be measured did not end well; there is nothing to report."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run of a command cost.

    Attributes:
        wall: seconds from start to end.
        cpu: CPU seconds, user and system, of the command and of every child it waited for.
        peak: bytes of memory that the largest of these processes held.
        server: CPU seconds that Prefect's server spent meanwhile.
        core: CPU seconds of the part that the case is about, where it tells them; else None.
        out: what the command printed.
    """

    wall: float
    cpu: float
    peak: int
    server: float = 0.0
    core: float | None = None
    out: str = ""


def measured(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> Spent:
    """Run a command in a fresh process and measure it.

    Args:
        log: where its output goes; a pipe would make it wait for us.

    Raises:
        CommandFailedError: its exit code is not 0.
    """
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall = time.perf_counter() - began
    # Popen must not wait for a child that is gone.
    process.returncode = os.waitstatus_to_exitcode(status)
    out = log.read_text(errors="replace")
    if process.returncode != 0:
        tail = "\n".join(out.splitlines()[-_SHOWN_LINES:])
        raise CommandFailedError(f"exit code {process.returncode} of {' '.join(command)}\n{tail}")
    cpu = usage.ru_utime + usage.ru_stime
    return Spent(wall, cpu, usage.ru_maxrss * _KIBIBYTE, out=out)


def cpu_of_tree(root: int) -> float:
    """CPU seconds of a process and all its descendants so far; 0 where it is gone."""
    return sum(_tree(root).values())


def peak_of_tree(root: int) -> int:
    """Bytes that the largest of a process and its living descendants has held."""
    return max((_peak(pid) for pid in _tree(root)), default=0)


def at_rest(root: int, *, most: float = 20.0) -> float:
    """Wait until a server has done what it still had to do; CPU seconds of its tree by then."""
    deadline = time.monotonic() + most
    before = cpu_of_tree(root)
    while True:
        time.sleep(1)
        now = cpu_of_tree(root)
        if now - before < _QUIET or time.monotonic() > deadline:
            return now
        before = now


def _tree(root: int) -> dict[int, float]:
    """CPU seconds of a process and its descendants, by process id."""
    children: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for pid, parent, seconds in _processes():
        children.setdefault(parent, []).append(pid)
        spent[pid] = seconds
    found, waiting = {}, [root]
    while waiting:
        pid = waiting.pop()
        if pid in spent:
            found[pid] = spent[pid]
        waiting += children.get(pid, [])
    return found


def _peak(pid: int) -> int:
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    held = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(held[0]) * _KIBIBYTE if held else 0


def _processes() -> Iterator[tuple[int, int, float]]:
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The command's name stands in parentheses and may hold anything, blanks included.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # utime, stime, and those of children that were waited for.
        yield int(folder.name), int(fields[1]), sum(map(int, fields[11:15])) / _TICK
