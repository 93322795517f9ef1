"""Object storage in particular: what is kept here of what is there, and what goes wrong between."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import Archive, Lake
from sluicegate.lake import bucket as buckets
from sluicegate.lake.bucket import PROBE, Bucket
from sluicegate.lake.connection import open_read_only
from tests.store.doors import Forgetful, heedless, silent
from tests.store.places import ROOT, Place
from tests.store.weed import KEY_ID, READER_ID, READER_SECRET, SECRET, Server
from tests.unit.kit import numbers, publish, write


@pytest.fixture
def lake(bucket: Place) -> Lake:
    """An empty lake on object storage."""
    made = bucket.lake()
    made.prepare()
    return made


@pytest.fixture
def forgetful(bucket: Place) -> Iterator[Forgetful]:
    """A way to the object storage on which answers are lost."""
    made = Forgetful(bucket.endpoint)
    yield made
    made.close()


def cached(lake: Lake) -> list[str]:
    """What a machine keeps of the lake."""
    cache = lake.root / "cache"
    return sorted(file.relative_to(cache).as_posix() for file in cache.rglob("*") if file.is_file())


def test_what_was_fetched_is_kept(bucket: Place, lake: Lake) -> None:
    """A catalog is fetched once by a machine, and not at all by who published it."""
    generation = publish(lake, 1).generation
    two = bucket.lake("two")
    assert cached(lake) == [f"catalogs/{generation}.db"]
    assert numbers(two) == [1]
    assert cached(two) == cached(lake)
    before = two.catalog(generation).stat()
    assert numbers(two) == [1]
    assert two.catalog(generation).stat().st_ino == before.st_ino
    assert before.st_mode & 0o777 == 0o444


def test_what_is_not_used_is_forgotten(bucket: Place, lake: Lake) -> None:
    """A week without a reader, and the next run makes room; it is fetched again when asked for."""
    old, new = (publish(lake, number).generation for number in (1, 2))
    two = bucket.lake("two")
    draft = lake.root / "cache" / ".left-by-a-killed-one"
    draft.touch()
    for file in (lake.catalog(old), lake.catalog(new), draft):
        os.utime(file, (0, 0))
    lake.catalog(new)
    lake.prepare()
    assert cached(lake) == [f"catalogs/{new}.db"]
    assert numbers(lake, old) == numbers(two, old) == [1]


def test_catalog_that_was_changed_is_refused(bucket: Place, lake: Lake) -> None:
    """Its content decides its name, so a machine that fetches it notices, and keeps nothing."""
    generation = publish(lake, 1).generation
    catalog = lake.catalog(generation)
    forged = bucket.store("forger")
    draft = catalog.with_name("draft")
    draft.write_bytes(catalog.read_bytes()[:-1] + b"x")
    forged.settle(draft, f"catalogs/{generation}.db")
    two = bucket.lake("two")
    with pytest.raises(EnvironmentFailed, match=f"{generation}.db is not what its name") as told:
        numbers(two)
    assert told.value.where == f"{bucket.address}/catalogs/{generation}.db"
    assert cached(two) == []


def test_raw_batch_that_was_changed_is_refused(bucket: Place, lake: Lake) -> None:
    """The archive is as sure of its bytes."""
    _, file, _ = Archive(lake.store).keep_bytes(b"as it came")
    key = f"archive/{file.parent.name}/{file.name}"
    assert file.name == hashlib.sha256(b"as it came").hexdigest()
    lake.store.remove(key)
    assert lake.store.create(key, b"as it came, nearly")
    with pytest.raises(EnvironmentFailed, match="its content was changed"):
        lake.store.local(key)


def test_fetched_by_many_at_once(bucket: Place, lake: Lake) -> None:
    """Readers that want the same catalog at the same moment all get the whole of it."""
    generation = publish(lake, 1).generation
    content = lake.catalog(generation).read_bytes()
    two = bucket.lake("two")
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(two.catalog, [generation] * 8))
    assert {file.read_bytes() for file in files} == {content}
    assert cached(two) == [f"catalogs/{generation}.db"]


def test_lost_answer_is_no_lost_race(bucket: Place, forgetful: Forgetful) -> None:
    """Who made an object and was not told so finds that it was him, not somebody else."""
    mine = replace(bucket, endpoint=forgetful.endpoint).store()
    forgetful.lose = 1
    assert mine.create("refs/dev/1.json", b"mine")
    assert forgetful.lost == 1
    assert bucket.store().create("refs/dev/2.json", b"theirs")
    forgetful.lose = 1
    assert not mine.create("refs/dev/2.json", b"theirs")
    assert forgetful.lost == 2


def test_publish_whose_answers_are_lost(bucket: Place, forgetful: Forgetful, lake: Lake) -> None:
    """The ref moves once, and the run knows."""
    publish(lake, 1)
    far = replace(bucket, endpoint=forgetful.endpoint).lake("far")
    with far.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
        forgetful.lose = 2
        move = far.publish(branch, run="run")
    assert forgetful.lost == 2
    assert lake.refs.require("dev") == move
    assert [each.number for each in lake.refs.log("dev")] == [2, 1]
    assert numbers(lake) == [1, 2]


def test_storage_that_overwrites_is_refused(bucket: Place) -> None:
    """Without conditional writes two runs could undo each other's publishing."""
    with heedless() as endpoint, pytest.raises(EnvironmentFailed, match="overwrites") as told:
        replace(bucket, endpoint=endpoint).lake().prepare()
    assert "If-None-Match" in str(told.value.hint)


def test_prepare_leaves_one_object(bucket: Place, lake: Lake) -> None:
    """However often it looks whether it may write."""
    for _ in range(3):
        lake.prepare()
    assert [stored.key for stored in lake.store.list("")] == [PROBE]


def test_missing_bucket_is_told(bucket: Place, tmp_path: Path) -> None:
    """Whatever is asked of it, writing or reading."""
    store = bucket.bucket(tmp_path, bucket="no-such-bucket")
    draft = tmp_path / "draft"
    draft.touch()
    for ask in (
        store.prepare,
        lambda: store.read("x"),
        lambda: list(store.names("x/")),
        lambda: list(store.list("x/")),
        lambda: store.create("x", b""),
        lambda: store.settle(draft, "x"),
        lambda: Lake(store).refs.head("dev"),
    ):
        with pytest.raises(EnvironmentFailed, match="no bucket called 'no-such-bucket'") as told:
            ask()
        assert "lake.root" in str(told.value.hint)


@pytest.mark.parametrize(
    ("key_id", "secret", "why"),
    [
        (KEY_ID, "hunter2-hunter2", "SignatureDoesNotMatch"),
        ("hunter2-key", SECRET, "InvalidAccessKeyId"),
        (READER_ID, READER_SECRET, "AccessDenied"),
    ],
)
def test_refused_credentials_are_told(
    bucket: Place, tmp_path: Path, key_id: str, secret: str, why: str
) -> None:
    """With the reason and the variables to look at, and without the credentials."""
    store = bucket.bucket(tmp_path, key_id=key_id, secret=secret)
    with pytest.raises(EnvironmentFailed, match="refuses our credentials") as told:
        store.prepare()
    said = "".join(traceback.format_exception(told.value)) + repr(vars(store))
    assert why in said
    assert "SLUICEGATE_LAKE__KEY_ID" in said
    assert key_id not in said
    assert secret not in said


def test_reader_needs_no_more_than_reading(bucket: Place, lake: Lake, tmp_path: Path) -> None:
    """Credentials that may not write show what was published."""
    publish(lake, 1)
    reader = Lake(bucket.bucket(tmp_path / "r", key_id=READER_ID, secret=READER_SECRET))
    assert numbers(reader) == [1]
    with reader.branch("dev", "x") as mine, pytest.raises(EnvironmentFailed, match="AccessDenied"):
        reader.publish(mine, run="x")


def test_silence_is_told(bucket: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says nothing is given up."""
    monkeypatch.setattr(buckets, "SILENCE", timedelta(milliseconds=200))
    monkeypatch.setattr(buckets, "PATIENCE", timedelta(milliseconds=300))
    with silent() as endpoint:
        store = replace(bucket, endpoint=endpoint).store()
        for ask in (
            lambda: store.read("x"),
            lambda: list(store.names("x/")),
            lambda: store.create("x", b""),
        ):
            with pytest.raises(EnvironmentFailed, match="no answer in time") as told:
                ask()
            assert endpoint in str(told.value.where)


FORK = """
import os, sys
from sluicegate.errors import EnvironmentFailed
from tests.store.places import Place
store = Place.named(sys.argv[1]).store()
store.exists("x")
if os.fork() == 0:
    try:
        store.exists("x")
    except EnvironmentFailed as error:
        os._exit(7 if "fork" in str(error) else 8)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_fork_is_told(bucket: Place) -> None:
    """The client would hang in it; who starts processes anew has no such trouble."""
    command = [sys.executable, "-c", FORK, bucket.name]
    assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == 7


def test_outage_between_two_steps(server: Server, bucket: Place, lake: Lake) -> None:
    """What is tried says that there is no connection; afterwards the same branch is published."""
    publish(lake, 1)
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            write(session, 2)
        server.stop()
        try:
            with pytest.raises(EnvironmentFailed, match="no connection") as told:
                lake.publish(branch, run="run")
            assert str(told.value.where).endswith(bucket.endpoint)
            with branch.session() as session, pytest.raises(EnvironmentFailed) as told:
                write(session, 3)
            assert "network" in str(told.value.hint)
            with pytest.raises(EnvironmentFailed, match="no connection"):
                lake.prepare()
            with pytest.raises(EnvironmentFailed):
                numbers(bucket.lake("two"))
        finally:
            server.start()
        assert numbers(bucket.lake("two")) == [1]
        lake.publish(branch, run="run")
    assert numbers(lake) == [1, 2]


def test_credentials_are_shown_to_nobody(bucket: Place, lake: Lake) -> None:
    """Not to who reads the lake by SQL, not in what objects show of themselves, not in files."""
    publish(lake, 1)
    store = lake.store
    assert isinstance(store, Bucket)
    shown = f"{store!r} {vars(store)!r} {store.files!r} {lake.files!r}"
    with open_read_only(lake.resolve("dev"), lake.files) as connection:
        assert connection.execute("SELECT n FROM raw.numbers").fetchall() == [(1,)]
        for sql in ("FROM duckdb_secrets()", "FROM duckdb_settings()", "FROM duckdb_databases()"):
            shown += repr(connection.execute(sql).fetchall())
        for sql in (
            "FROM duckdb_secrets(redact = false)",
            "SET allow_unredacted_secrets = true",
            f"FROM read_text('{bucket.address}/{PROBE}')",
            "FROM read_text('/etc/hostname')",
        ):
            with pytest.raises(duckdb.Error) as refused:
                connection.execute(sql)
            shown += str(refused.value)
    assert SECRET not in shown
    for file in lake.root.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()
