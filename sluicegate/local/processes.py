"""Processes of this machine: who a process id is, who holds a port, how to end a group.

A process id alone names nobody, because ids are used again. With the moment its process started
it does. Linux tells through ``/proc``; elsewhere ``ps`` is asked.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
LISTEN = "0A"
POLL_SECONDS = 0.05
QUOTED = 120  # Enough to know a command again; its tail may be long, and may be confidential.


def birth(pid: int) -> str | None:
    """When the process started, as an opaque text; None when it is gone or only a zombie."""
    if (PROC / "self").exists():
        return _birth_from_proc(pid)
    return _birth_from_ps(pid)


def _birth_from_proc(pid: int) -> str | None:
    try:
        # The second field is the command in parentheses, and may itself contain any character.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{ticks}"


def _birth_from_ps(pid: int) -> str | None:
    answer = _ps(pid, "state=,lstart=")
    state, _, started = answer.partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def _ps(pid: int, columns: str) -> str:
    command = ["/bin/ps", "-o", columns, "-p", str(pid)]
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        return done.stdout.strip()
    return ""


def command_of(pid: int) -> str | None:
    """The command line of a process, if this user may see it."""
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return _ps(pid, "command=")[:QUOTED] or None
    words = " ".join(part.decode(errors="replace") for part in raw.split(b"\0") if part)
    return words[:QUOTED] or None


def refusal(host: str, port: int) -> OSError | None:
    """Why nobody could listen on this address now; None if somebody could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: connections that were just closed do not hold the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def owner_of(port: int) -> int | None:
    """The process that listens on the port, if this machine and this user can tell."""
    inodes = set(_listening(port))
    if not inodes:
        return None
    holders = (process for process in PROC.glob("[0-9]*") if _holds(process, inodes))
    return next((int(process.name) for process in holders), None)


def listens(pid: int, port: int) -> bool:
    """Whether this process itself listens on the port; True where the machine cannot tell."""
    if not (PROC / "net/tcp").exists():
        return True
    inodes = set(_listening(port))
    return bool(inodes) and _holds(PROC / str(pid), inodes)


def _holds(process: Path, inodes: set[str]) -> bool:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                if descriptor.readlink().name in inodes:
                    return True
    return False


def _listening(port: int) -> Iterator[str]:
    for table in ("net/tcp", "net/tcp6"):
        with suppress(OSError):
            for line in (PROC / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"


def end_group(pid: int, gone: Callable[[], bool], grace: float) -> None:
    """End a process and its children: ask, wait up to ``grace`` seconds, then insist."""
    _signal_group(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while not gone() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    # Also after a quiet end: a child may have stayed behind.
    _signal_group(pid, signal.SIGKILL)
    deadline = time.monotonic() + 2
    while not gone() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
