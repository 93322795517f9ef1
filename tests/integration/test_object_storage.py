"""A whole run with the lake on object storage: the same rows, the same commands, nothing local."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from simulator import data
from tests.integration.conftest import Run, drop_day, settle
from tests.store.places import Place
from tests.store.weed import KEY_ID, SECRET, Server
from tests.support import PUBLISHED, Site, assert_same


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An S3 server."""
    made = Server(tmp_path_factory.mktemp("weed"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Place:
    """Where the lake is to be."""
    return Place(str(tmp_path), "lakes/whole-run", server.endpoint)


@pytest.fixture
def site(fresh: Site, world: data.Folders, place: Place) -> Site:
    """All that third parties sent, and a lake on object storage."""
    shutil.copytree(world.landing / "payments", fresh.payments, dirs_exist_ok=True)
    shutil.copytree(world.truth, fresh.truth)
    there = {"root": place.address, "endpoint": place.endpoint, "workspace": fresh.folder / "work"}
    secrets = {"key_id": KEY_ID, "secret": SECRET}
    return fresh.having(**{f"lake__{name}": text for name, text in {**there, **secrets}.items()})


@pytest.fixture
def other(site: Site, tmp_path: Path) -> Site:
    """The same lake, seen from another machine."""
    return site.having(lake__workspace=tmp_path / "other")


def shown(place: Place, ref: str = "dev") -> dict[str, pl.DataFrame]:
    """What readers on a machine that has seen nothing of the lake get."""
    with place.lake("reader").read(ref) as session:
        frames = {name: session.frame(sql) for name, sql in PUBLISHED.items()}
    return {name: frame.sort(frame.columns) for name, frame in frames.items()}


def test_runs_of_several_machines_and_every_command(
    site: Site, other: Site, place: Place, first: Run, second: Run, seed: int
) -> None:
    """What is published, refused, rolled back and collected is what a folder would hold."""
    report = site.run()
    assert report["status"] == "published"
    assert_same(shown(place), first.published)

    drop_day(other, seed)
    more = other.run()
    assert [batch["name"] for batch in more["batches"]] == ["payments_2026-10-21.csv"]
    assert more["previous"] == report["generation"]
    assert_same(shown(place), second.published)

    broken = other.payments / drop_day(other, seed, after=1)
    broken.write_bytes(broken.read_bytes().replace(b",amount,", b",amout,", 1))
    settle(broken)
    refused = site.sluicegate("run", "--json").ends(3).json
    run = site.sluicegate("status", "--json").ends(0).json["last_run"]
    assert refused["exit_code"] == 3
    count = "SELECT count(*) AS n FROM raw.payments"
    (seen,) = other.sluicegate("lake", "sql", f"refused/{run['run']}", count, "--json").ends(0).json
    assert seen["n"] == second.published["payments"].height
    assert run["evidence"].startswith(place.address)

    moved = other.sluicegate("lake", "rollback", "dev", "--json").ends(0).json
    assert moved["generation"] == report["generation"]
    assert_same(shown(place), first.published)
    verified = site.sluicegate("lake", "verify", "--deep", "--json").ends(0).json
    assert verified["problems"] == []
    assert verified["files"] > 0
    kept = site.sluicegate("lake", "gc", "--json").ends(0).json
    assert kept["removed"] == []
    assert [move["action"] for move in site.sluicegate("lake", "log", "--json").ends(0).json] == [
        "rollback",
        "publish",
        "publish",
    ]
    assert not site.root.exists()


WRONG = "4-wrong/secret+of=the-lake"


def test_credentials_are_nowhere(site: Site, other: Site, place: Place, tmp_path: Path) -> None:
    """They are in no line, no file of the machines and no object of the lake."""
    said = [
        site.sluicegate("run").ends(0).said,
        other.sluicegate("lake", "sql", "dev", "FROM duckdb_secrets()").said,
        site.having(lake__secret=WRONG).sluicegate("run").ends(4).said,
    ]
    state = site.project / ".sluicegate"
    files = [file for folder in (tmp_path, state) for file in folder.rglob("*") if file.is_file()]
    assert any(file.suffix == ".db" and state in file.parents for file in files)
    store = place.store("thief")
    objects = {stored.key: store.read(stored.key) for stored in store.list("")}
    assert any(key.startswith("ledger/") for key in objects)
    for secret in (SECRET, WRONG):
        assert not any(secret in text for text in said)
        assert not [file for file in files if secret.encode() in file.read_bytes()]
        assert not [key for key, content in objects.items() if secret.encode() in content]
