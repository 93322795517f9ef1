"""Services of one machine: started once, reused, and ended completely."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sluicegate.errors import EnvironmentFailed
from sluicegate.local import (
    Definition,
    State,
    definitions,
    down,
    prefect_environment,
    processes,
    services,
    status,
    up,
)
from sluicegate.local.definitions import any_answer, provider_answer
from sluicegate.settings import Endpoints, Lake, Landing, Provider, Settings
from sluicegate.settings import Prefect as PrefectSettings

SERVER = """
import http.server, json, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(
            {"status": "ok", "service": "sluicegate-provider", "pid": os.getpid()}
        ).encode()
        self.send_response(200 if self.path == "/health" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

Make = Callable[..., Definition]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        env="dev",
        project=tmp_path,
        lake=Lake(root=tmp_path / "lake"),
        landing=Landing(root=tmp_path / "landing"),
    )


@pytest.fixture
def service(tmp_path: Path) -> Make:
    def make(name: str = "web", code: str = SERVER, port: int | None = None, *extra: str):
        port = port or free_port()
        return Definition(
            name=name,
            title=f"{name} service",
            # -S -E: an interpreter that starts in a few milliseconds.
            command=(sys.executable, "-S", "-E", "-c", code, str(port), *extra),
            host="127.0.0.1",
            port=port,
            health="/health",
            answer=provider_answer,
            environment=dict(os.environ),
            folder=tmp_path,
            port_setting=f"SLUICEGATE_{name.upper()}__PORT",
        )

    return make


@pytest.fixture(autouse=True)
def nothing_left_behind(settings: Settings) -> Iterator[None]:
    yield
    down(settings)
    for child in services._children.values():  # of a start that a test broke off
        child.kill()
        child.wait()
    services._children.clear()


def record_of(settings: Settings, name: str = "web") -> dict[str, object]:
    return json.loads((settings.state / "services" / f"{name}.json").read_text())


def test_starts_what_is_missing_and_reuses_it_afterwards(settings: Settings, service: Make) -> None:
    """The second call starts nothing and returns the same processes, at once."""
    wanted = [service("one"), service("two")]
    told: list[str] = []
    first = up(settings, services=wanted, progress=told.append)
    assert [found.state for found in first] == [State.STARTED, State.STARTED]
    assert any("Starting the one service" in line for line in told)
    assert any("two service is ready" in line for line in told)

    told.clear()
    begin = time.perf_counter()
    second = up(settings, services=wanted, progress=told.append)
    assert time.perf_counter() - begin < 0.3
    assert [found.state for found in second] == [State.RUNNING, State.RUNNING]
    assert [found.pid for found in first] == [found.pid for found in second]
    assert told == []


def test_a_service_survives_the_process_that_started_it(settings: Settings, service: Make) -> None:
    """Each service leads its own session, so no Ctrl-C or hang-up of a shell reaches it."""
    (started,) = up(settings, services=[service()])
    assert started.pid is not None
    assert os.getsid(started.pid) == started.pid


def test_starts_only_the_one_that_is_missing(settings: Settings, service: Make) -> None:
    """A service that died is started again; its healthy neighbour is left alone."""
    wanted = [service("one"), service("two")]
    first = up(settings, services=wanted)
    assert first[0].pid is not None
    os.kill(first[0].pid, signal.SIGKILL)
    second = up(settings, services=wanted)
    assert second[0].pid != first[0].pid
    assert second[1].pid == first[1].pid
    assert [found.state for found in second] == [State.STARTED, State.RUNNING]


def test_down_stops_everything_and_can_be_repeated(settings: Settings, service: Make) -> None:
    """Stopping reports what it stopped, and stopping nothing is not an error."""
    wanted = [service("one"), service("two")]
    running = up(settings, services=wanted)
    stopped = down(settings)
    assert {found.pid for found in stopped} == {found.pid for found in running}
    assert all(found.state is State.STOPPED for found in stopped)
    assert all(processes.birth(found.pid or 0) is None for found in running)
    assert down(settings) == []
    assert [found.state for found in status(settings, services=wanted)] == [State.STOPPED] * 2


def test_down_insists_when_a_service_ignores_the_request(
    settings: Settings, service: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that ignores SIGTERM is killed after the grace period."""
    monkeypatch.setattr("sluicegate.local.services.STOP_SECONDS", 0.2)
    (started,) = up(settings, services=[service("web", SERVER, None, "stubborn")])
    down(settings)
    assert processes.birth(started.pid or 0) is None


def test_down_never_kills_a_process_that_got_an_old_number(
    settings: Settings, service: Make
) -> None:
    """A record whose process id now belongs to somebody else is forgotten, not acted upon."""
    up(settings, services=[service()])
    record = record_of(settings)
    down(settings)
    bystander = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    try:
        file = settings.state / "services" / "web.json"
        file.write_text(json.dumps({**record, "pid": bystander.pid}))
        assert down(settings) == []
        assert bystander.poll() is None
        assert not file.exists()
    finally:
        bystander.kill()
        bystander.communicate()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"name": null}'])
def test_a_damaged_record_counts_as_none(settings: Settings, service: Make, content: str) -> None:
    """State that cannot be read is replaced, and never stops a start."""
    (settings.state / "services").mkdir(parents=True)
    (settings.state / "services" / "web.json").write_text(content)
    (started,) = up(settings, services=[service()])
    assert record_of(settings)["pid"] == started.pid


def test_a_port_in_use_names_its_owner_and_starts_nothing(
    settings: Settings, service: Make
) -> None:
    """The error names port, process and command, and the setting that chooses another port."""
    free, taken = service("free"), service("taken")
    with socket.create_server(("127.0.0.1", taken.port)):
        with pytest.raises(EnvironmentFailed) as refused:
            up(settings, services=[free, taken])
        assert f"Port {taken.port}" in refused.value.message
        assert refused.value.hint is not None
        assert f"SLUICEGATE_TAKEN__PORT={taken.port + 1} make run" in refused.value.hint
        if Path("/proc/net/tcp").exists():
            assert f"process {os.getpid()}: " in refused.value.message
    assert status(settings, services=[free])[0].state is State.STOPPED


def test_a_healthy_stranger_on_the_port_is_not_used(
    settings: Settings, service: Make, tmp_path: Path
) -> None:
    """A server that another clone started on the same port is refused, however well it is."""
    wanted = replace(service(), answer=any_answer)
    other = settings.model_copy(update={"project": tmp_path / "other"})
    up(other, services=[wanted])
    try:
        with pytest.raises(EnvironmentFailed, match=f"Port {wanted.port}"):
            up(settings, services=[wanted])
    finally:
        down(other)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc to tell who listens")
def test_a_stranger_that_takes_the_port_during_the_start_is_not_mistaken_for_ours(
    settings: Settings, service: Make, tmp_path: Path
) -> None:
    """While our own process still starts, an answer from another one on its port is no health."""
    slow = replace(service("web", "import time; time.sleep(60)"), answer=any_answer)
    stranger = replace(service(port=slow.port), name="stranger")
    other = settings.model_copy(update={"project": tmp_path / "other"})
    told: list[str] = []

    def intrude(line: str) -> None:
        told.append(line)
        threading.Thread(target=up, args=(other,), kwargs={"services": [stranger]}).start()

    try:
        with pytest.raises(EnvironmentFailed, match="did not answer"):
            up(settings, services=[slow], timeout=1.5, progress=intrude)
        assert len(told) == 1
        assert status(other, services=[stranger])[0].state is State.RUNNING
    finally:
        down(other)


def test_a_service_that_dies_while_starting_is_quoted(settings: Settings, service: Make) -> None:
    """The error carries the last line of the log and where the log is, never a traceback."""
    with pytest.raises(EnvironmentFailed) as failed:
        up(settings, services=[service(code="raise SystemExit('the disk is full')")])
    assert 'its last words: "the disk is full"' in failed.value.message
    assert failed.value.where == str(settings.state / "logs" / "web.log")
    assert "\n" not in failed.value.message


def test_a_failed_start_ends_what_it_started(settings: Settings, service: Make) -> None:
    """When one service cannot start, its healthy neighbour of the same call is ended too."""
    wanted = [service("good"), service("bad", "raise SystemExit('no')")]
    with pytest.raises(EnvironmentFailed):
        up(settings, services=wanted)
    assert [found.state for found in status(settings, services=wanted)] == [State.STOPPED] * 2
    assert list((settings.state / "services").glob("*.json")) == []


def test_a_service_that_never_answers_is_given_up(settings: Settings, service: Make) -> None:
    """After the time limit the start fails with the address that stayed silent."""
    with pytest.raises(
        EnvironmentFailed, match=r"did not answer at http://127\.0\.0\.1:\d+/health"
    ):
        up(settings, services=[service(code="import time; time.sleep(60)")], timeout=0.3)


def test_an_interrupted_start_leaves_nothing_running(settings: Settings, service: Make) -> None:
    """Ctrl-C during a start ends the services that this call had started."""
    wanted = service(code="import time; time.sleep(60)")
    pids: list[object] = []

    def interrupt(line: str) -> None:
        if "slow" in line:
            pids.append(record_of(settings)["pid"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        up(settings, services=[wanted, service("slow")], progress=interrupt)
    (pid,) = pids
    assert isinstance(pid, int)
    assert processes.birth(pid) is None


def test_two_starts_at_once_share_one_service(settings: Settings, service: Make) -> None:
    """Of two starts at the same time one starts the service, and the other one reuses it."""
    wanted = [service()]
    found: list[int | None] = []

    def start() -> None:
        found.append(up(settings, services=wanted)[0].pid)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(found)) == 1


def test_a_start_on_another_port_asks_for_a_stop_first(settings: Settings, service: Make) -> None:
    """One clone has one server: two of them would share a database."""
    up(settings, services=[service()])
    with pytest.raises(EnvironmentFailed, match="already runs elsewhere") as refused:
        up(settings, services=[service()])
    assert refused.value.hint is not None
    assert "make stop" in refused.value.hint


def test_status_tells_an_unhealthy_service(settings: Settings, service: Make) -> None:
    """A process that runs without answering as it should is unhealthy, not running."""
    wanted = service()
    up(settings, services=[wanted])
    deaf = replace(wanted, health="/nowhere")
    assert status(settings, services=[deaf])[0].state is State.UNHEALTHY


def test_a_state_folder_without_permission_is_explained(settings: Settings, service: Make) -> None:
    """A clone whose state cannot be written gets an error of ours with the folder in it."""
    settings.state.write_text("a file where the folder should be")
    with pytest.raises(EnvironmentFailed, match="cannot be written") as refused:
        up(settings, services=[service()])
    assert refused.value.where == str(settings.state / "services")
    settings.state.unlink()


def test_the_log_of_the_run_before_is_kept(settings: Settings, service: Make) -> None:
    """A restart does not wipe out what the last service said."""
    for word in ("first", "second"):
        with pytest.raises(EnvironmentFailed):
            up(settings, services=[service(code=f"raise SystemExit('{word}')")])
    logs = settings.state / "logs"
    assert "first" in (logs / "web.previous.log").read_text()
    assert "second" in (logs / "web.log").read_text()


def test_an_environment_on_loopback_needs_provider_and_server(settings: Settings) -> None:
    """The provider is started only where it stands in for the real service."""
    assert [each.name for each in definitions(settings)] == ["provider", "prefect"]
    real = settings.model_copy(update={"endpoints": Endpoints(ecb="https://ecb.example/data")})
    assert [each.name for each in definitions(real)] == ["provider", "prefect"]
    endpoints = Endpoints(ecb="https://ecb.example/data", processor="https://processor.example")
    real = settings.model_copy(update={"endpoints": endpoints})
    assert [each.name for each in definitions(real)] == ["prefect"]


def test_ports_come_from_the_settings(settings: Settings) -> None:
    """Two clones run side by side when their settings name different ports."""
    moved = settings.model_copy(
        update={"provider": Provider(port=18417), "prefect": PrefectSettings(port=14200)}
    )
    provider, server = definitions(moved)
    assert provider.command[-4:] == ("--host", "127.0.0.1", "--port", "18417")
    assert server.url == "http://127.0.0.1:14200"
    assert server.environment["PREFECT_UI_API_URL"] == "http://127.0.0.1:14200/api"


@pytest.mark.parametrize("name", ["MASKING_KEY", "KEY_ID", "SECRET"])
def test_no_service_is_told_a_secret_of_the_lake(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is for the commands that open the lake, and would be readable in a process list."""
    monkeypatch.setenv(f"SLUICEGATE_LAKE__{name}", "a key that nobody is told")
    for service in definitions(settings):
        assert "a key that nobody is told" not in service.environment.values()


def test_prefect_is_private_to_the_clone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables of the user's shell that point Prefect elsewhere do not reach our server."""
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql://somebody/else")
    server = definitions(settings)[-1]
    assert "PREFECT_API_DATABASE_CONNECTION_URL" not in server.environment
    assert server.environment["PREFECT_HOME"] == str(settings.state / "prefect")


def test_prefect_toml_holds_in_every_working_directory(settings: Settings) -> None:
    """The project's prefect.toml is passed on as the variables that Prefect documents."""
    (settings.project / "prefect.toml").write_text(
        "[server]\nanalytics_enabled = false\n"
        "[server.services.event_persister]\nflush_interval = 1\n"
    )
    environment = prefect_environment(settings)
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL"] == "1"


def test_the_provider_is_recognised_by_its_answer() -> None:
    """Only the process that was started, and only when it says so, is the provider."""
    answer = json.dumps({"status": "ok", "service": "sluicegate-provider", "pid": 7}).encode()
    assert provider_answer(answer, 7)
    assert not provider_answer(answer, 8)
    assert not provider_answer(b"<html>", 7)
    assert not provider_answer(b"[]", 7)


def test_nothing_heavy_is_imported() -> None:
    """Finding everything running costs milliseconds: no Prefect, polars, DuckDB or pydantic."""
    code = "import sys, sluicegate.local; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"prefect", "polars", "duckdb", "pydantic", "httpx2", "rich"}
    assert heavy.isdisjoint(done.stdout.split())
