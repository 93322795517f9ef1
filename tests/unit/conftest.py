"""What the unit tests of the library share."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
import uvicorn
from hypothesis import HealthCheck, settings

from sluicegate.ingestion.accounts import open_accounts
from sluicegate.lake import Archive, Folder, Lake, Session
from sluicegate.lake.connection import extension_file

settings.register_profile(
    "sluicegate",
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("sluicegate")


@pytest.fixture(scope="session", autouse=True)
def quick_connections() -> Iterator[None]:
    """Check the signatures of DuckDB's extensions once, not again for every connection."""
    duckdb.connect().execute(f"LOAD '{extension_file('ducklake')}'").close()
    unchecked = partial(duckdb.connect, config={"allow_unsigned_extensions": "true"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", unchecked)
        yield


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    made = Lake(tmp_path / "lake")
    made.prepare()
    return made


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An empty archive."""
    return Archive(Folder(tmp_path))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One writable session for all tests of a module, which name their tables themselves."""
    made = Lake(tmp_path_factory.mktemp("shared") / "lake")
    made.prepare()
    with made.branch("dev", "shared") as branch, branch.session() as opened:
        open_accounts(opened)
        yield opened


class Stage:
    """Serves whichever application is on now: a socket is opened once, applications come and go."""

    provider: Any

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        await self.provider(scope, receive, send)


@pytest.fixture(scope="session")
def stage() -> Stage:
    """Where providers serve."""
    return Stage()


@pytest.fixture(scope="session")
def address(stage: Stage) -> Iterator[str]:
    """A socket of this machine."""
    config = uvicorn.Config(stage, "127.0.0.1", 0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
