"""One behavioural suite for all stores: a folder, and a bucket of a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from sluicegate.lake import Lake, Store
from tests.store.places import Place
from tests.store.weed import Server
from tests.unit.conftest import quick_connections  # noqa: F401


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An S3 server, started when the first test asks for it."""
    made = Server(tmp_path_factory.mktemp("weed"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def bucket(server: Server, tmp_path: Path) -> Place:
    """A place on object storage."""
    return Place(str(tmp_path), f"lakes/{uuid4().hex[:12]}", server.endpoint)


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place for a lake, of every kind there is."""
    if request.param == "folder":
        return Place(str(tmp_path / "lake"))
    made: Place = request.getfixturevalue("bucket")
    return made


@pytest.fixture
def store(place: Place) -> Store:
    """An empty store."""
    made = place.store()
    made.prepare()
    return made


@pytest.fixture
def lake(store: Store) -> Lake:
    """An empty lake."""
    made = Lake(store)
    made.prepare()
    return made
