"""Start, stop and look at the services of this clone."""

from __future__ import annotations

import errno
import http.client
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.errors import EnvironmentFailed
from sluicegate.local import processes
from sluicegate.local.definitions import Definition, definitions
from sluicegate.local.records import Record, Records

if TYPE_CHECKING:
    from sluicegate.settings import Settings

START_SECONDS = 120.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1

Progress = Callable[[str], object]


class State(StrEnum):
    """What a service is doing."""

    RUNNING = "running"
    STARTED = "started"
    UNHEALTHY = "unhealthy"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Service:
    """One service as it was found or left."""

    name: str
    state: State
    url: str
    port: int
    pid: int | None
    log: Path


_children: dict[int, subprocess.Popen[bytes]] = {}
"""What this process started itself: a child that ends stays a zombie until its parent looks."""


def _silent(message: str) -> None:
    del message


def up(
    settings: Settings,
    *,
    progress: Progress = _silent,
    services: Sequence[Definition] | None = None,
    timeout: float = START_SECONDS,
) -> list[Service]:
    """Have every service running and well; reuse what already is.

    Args:
        settings: the environment that needs them.
        progress: is told in one line what is being waited for.
        services: others than the environment's, for tests.
        timeout: seconds within which all of them must be well.

    Raises:
        EnvironmentFailed: a port is taken, or a service does not start. What this call started
            is ended again.
    """
    wanted = tuple(services if services is not None else definitions(settings))
    records = Records(settings.state)
    found = [_look(definition, records) for definition in wanted]
    if all(service.state is State.RUNNING for service in found):
        return found
    with records.locked(timeout, lambda: progress("Waiting for another start or stop to finish")):
        started: dict[str, Record] = {}
        try:
            _start_missing(wanted, records, started, progress)
            _await_health(wanted, records, progress, timeout)
        except BaseException:
            _end(started.values(), records)
            raise
        return [_look(definition, records, started) for definition in wanted]


def down(settings: Settings, *, progress: Progress = _silent) -> list[Service]:
    """End every service that `up` started for this clone, and report those that ran."""
    records = Records(settings.state)
    if not records.names():
        return []
    waiting = "Waiting for another start or stop to finish"
    with records.locked(START_SECONDS + STOP_SECONDS, lambda: progress(waiting)):
        living = [record for name in records.names() if (record := records.living(name))]
        for record in living:
            progress(f"Stopping {record.name} (process {record.pid})")
        _end(living, records)
        for name in records.names():
            records.forget(name)
    return [_service(record, State.STOPPED, records) for record in living]


def status(settings: Settings, *, services: Sequence[Definition] | None = None) -> list[Service]:
    """Look at the environment's services without touching them."""
    records = Records(settings.state)
    wanted = services if services is not None else definitions(settings)
    return [_look(definition, records) for definition in wanted]


def _look(
    definition: Definition, records: Records, started: dict[str, Record] | None = None
) -> Service:
    record = records.living(definition.name)
    log = records.log(definition.name)
    if record is None or (record.host, record.port) != (definition.host, definition.port):
        return Service(definition.name, State.STOPPED, definition.url, definition.port, None, log)
    if not _healthy(definition, record.pid):
        state = State.UNHEALTHY
    else:
        state = State.STARTED if definition.name in (started or {}) else State.RUNNING
    return Service(definition.name, state, definition.url, definition.port, record.pid, log)


def _service(record: Record, state: State, records: Records) -> Service:
    url = f"http://{record.host}:{record.port}"
    return Service(record.name, state, url, record.port, record.pid, records.log(record.name))


def _healthy(definition: Definition, pid: int) -> bool:
    # While ours still starts, another clone's server may already answer on the same port.
    if not processes.listens(pid, definition.port):
        return False
    connection = http.client.HTTPConnection(definition.host, definition.port, timeout=2)
    try:
        connection.request("GET", definition.health)
        response = connection.getresponse()
        return response.status == http.HTTPStatus.OK and definition.answer(response.read(), pid)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _start_missing(
    wanted: Iterable[Definition],
    records: Records,
    started: dict[str, Record],
    progress: Progress,
) -> None:
    missing = [definition for definition in wanted if not _ours_already(definition, records)]
    for definition in missing:
        _refuse_taken_port(definition)
    for definition in missing:
        progress(f"Starting the {definition.title} on port {definition.port}")
        started[definition.name] = _start(definition, records)


def _ours_already(definition: Definition, records: Records) -> bool:
    record = records.living(definition.name)
    if record is None:
        return False
    if (record.host, record.port) == (definition.host, definition.port):
        return True
    raise EnvironmentFailed(
        f"The {definition.title} of this clone already runs elsewhere, on port {record.port}.",
        where=f"{definition.host}:{definition.port} was asked for",
        hint=f"`make stop` first, or {definition.port_setting}={record.port}",
    )


def _refuse_taken_port(definition: Definition) -> None:
    refusal = processes.refusal(definition.host, definition.port)
    if refusal is None:
        return
    where = f"{definition.host}:{definition.port}"
    if refusal.errno != errno.EADDRINUSE:
        raise EnvironmentFailed(
            f"The {definition.title} cannot listen on {where}: {refusal.strerror}.",
            hint=f"choose another port: {definition.port_setting}={definition.port + 1} make run",
        )
    pid = processes.owner_of(definition.port)
    command = processes.command_of(pid) if pid else None
    owner = f"process {pid}: {command}" if command else "a process that cannot be seen from here"
    raise EnvironmentFailed(
        f"Port {definition.port}, which the {definition.title} needs, is in use by {owner}.",
        where=where,
        hint="stop it, or choose another: "
        f"{definition.port_setting}={definition.port + 1} make run",
    )


def _start(definition: Definition, records: Records) -> Record:
    log = records.log(definition.name)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            definition.command,
            cwd=definition.folder,
            env=definition.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # It outlives this shell, and no Ctrl-C of it arrives there.
        )
    _children[process.pid] = process
    record = Record(
        name=definition.name,
        pid=process.pid,
        birth=processes.birth(process.pid) or "",
        host=definition.host,
        port=definition.port,
        started_at=time.time(),
    )
    records.write(record)
    return record


def _await_health(
    wanted: Iterable[Definition], records: Records, progress: Progress, timeout: float
) -> None:
    begin = time.monotonic()
    waiting = list(wanted)
    while waiting:
        for definition in tuple(waiting):
            record = records.living(definition.name)
            if record is None:
                raise _died(definition, records)
            if _healthy(definition, record.pid):
                waiting.remove(definition)
                if record.pid in _children:
                    seconds = time.monotonic() - begin
                    progress(f"The {definition.title} is ready after {seconds:.1f} s")
        if waiting and time.monotonic() - begin > timeout:
            raise _silent_service(waiting[0], records, timeout)
        if waiting:
            time.sleep(POLL_SECONDS)


def _died(definition: Definition, records: Records) -> EnvironmentFailed:
    log = records.log(definition.name)
    return EnvironmentFailed(
        f"The {definition.title} ended while it was starting{_last_words(log)}",
        where=str(log),
        hint="read the log named above; then try again",
    )


def _silent_service(definition: Definition, records: Records, timeout: float) -> EnvironmentFailed:
    log = records.log(definition.name)
    return EnvironmentFailed(
        f"The {definition.title} did not answer at {definition.url}{definition.health} "
        f"within {timeout:.0f} s{_last_words(log)}",
        where=str(log),
        hint="`make stop`, then try again",
    )


def _last_words(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return "."
    said = [line.strip() for line in lines if any(letter.isalnum() for letter in line)]
    return f'; its last words: "{said[-1][:200]}".' if said else ", and said nothing."


def _end(ending: Iterable[Record], records: Records) -> None:
    for record in ending:
        if not _gone(record):
            processes.end_group(record.pid, partial(_gone, record), STOP_SECONDS)
        _children.pop(record.pid, None)
        records.forget(record.name)


def _gone(record: Record) -> bool:
    if child := _children.get(record.pid):
        return child.poll() is not None  # Reaps it: unread, it would stay a zombie.
    return not record.alive
