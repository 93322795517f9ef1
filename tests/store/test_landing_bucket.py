"""Files that land on object storage: listed, settled, read and known as in a folder."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.lake import Archive, Folder
from sluicegate.lake.bucket import Bucket
from sluicegate.settings import Address, Landing, Settings
from sluicegate.sources import Batch, Discovery, Known
from sluicegate.sources import files as dropping
from tests.store.places import Place
from tests.store.weed import BUCKET, KEY_ID, SECRET
from tests.unit.kit import settings_of, source


@pytest.fixture
def landing(bucket: Place, tmp_path: Path) -> Bucket:
    """Where a provider drops files."""
    return bucket.bucket(tmp_path / "provider")


def settings(bucket: Place, folder: Path, **options: object) -> Settings:
    """Settings of an environment whose files land there."""
    chosen = {
        "root": Address(BUCKET, bucket.prefix),
        "settle_seconds": 0,
        "endpoint": bucket.endpoint,
        "key_id": SecretStr(KEY_ID),
        "secret": SecretStr(SECRET),
        **options,
    }
    return settings_of(folder).model_copy(update={"landing": Landing(**chosen)})


def look(own: Settings, folder: Path, *known: Batch) -> Discovery:
    """Look for new files, with what the lake knows already."""
    manifest = {
        each.id: Known(each.id, each.name, each.size, each.modified_ns, None, datetime.now(UTC))
        for each in known
    }
    declared = source("orders", match="orders/**/*.csv")
    return declared.discover(own, manifest, Archive(Folder(folder / "lake")))


def drop(landing: Bucket, key: str, content: bytes, folder: Path) -> None:
    """Drop an object, or overwrite it."""
    file = folder / "drop"
    file.write_bytes(content)
    landing.settle(file, key)


def test_objects_are_batches(bucket: Place, landing: Bucket, tmp_path: Path) -> None:
    """By content, under their names; known again, corrected, waiting and vanished as files are."""
    own = settings(bucket, tmp_path)
    drop(landing, "orders/year=2025/a.csv", b"first", tmp_path)
    drop(landing, "orders/b.csv", b"second", tmp_path)
    drop(landing, "orders/.c.csv", b"third", tmp_path)
    drop(landing, "orders/d.txt", b"fourth", tmp_path)
    drop(landing, "payments/e.csv", b"fifth", tmp_path)
    found = look(own, tmp_path)
    assert {each.name: each.content.read_bytes() for each in found.new} == {
        "year=2025/a.csv": b"first",
        "b.csv": b"second",
    }
    assert set(found.waiting) == {".c.csv"}
    again = look(own, tmp_path, *found.new)
    assert (again.new, again.known, again.vanished) == ([], 2, [])
    drop(landing, "orders/b.csv", b"corrected", tmp_path)
    landing.remove("orders/year=2025/a.csv")
    third = look(own, tmp_path, *found.new)
    (former,) = (each.id for each in found.new if each.name == "b.csv")
    assert [(each.name, each.corrects) for each in third.new] == [("b.csv", former)]
    assert [known.name for known in third.vanished] == ["year=2025/a.csv"]


def test_object_settles(
    bucket: Place, landing: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By when it was last modified; one that is overwritten or goes meanwhile waits."""
    drop(landing, "orders/a.csv", b"half", tmp_path)
    drop(landing, "orders/b.csv", b"whole", tmp_path)
    drop(landing, "orders/b.csv.done", b"", tmp_path)
    slept: list[float] = []

    def overwrite(seconds: float) -> None:
        slept.append(seconds)
        drop(landing, "orders/a.csv", b"half and more", tmp_path)

    monkeypatch.setattr(dropping.time, "sleep", overwrite)
    found = look(settings(bucket, tmp_path, settle_seconds=3600), tmp_path)
    assert [each.name for each in found.new] == ["b.csv"]
    assert "still being written" in found.waiting["a.csv"]
    assert 3000 < slept[0] <= 3600
    monkeypatch.setattr(dropping.time, "sleep", lambda _: landing.remove("orders/a.csv"))
    gone = look(settings(bucket, tmp_path, settle_seconds=3600), tmp_path)
    assert gone.waiting == {"a.csv": "it was taken away again"}


def test_large_object_takes_no_memory(bucket: Place, landing: Bucket, tmp_path: Path) -> None:
    """It is streamed to the archive, which packs it on the way."""
    content = b"".join(b"%d,payment\n" % number for number in range(3_000_000))
    drop(landing, "orders/a.csv", content, tmp_path)
    size = len(content)
    del content
    tracemalloc.start()
    (batch,) = look(settings(bucket, tmp_path), tmp_path).new
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch.size == size > 40 << 20
    assert batch.content.name.endswith(".raw.zst")
    assert peak < 16 << 20


def test_what_goes_wrong_is_told(bucket: Place, tmp_path: Path) -> None:
    """By the setting that is to be mended, which is not that of the lake."""
    wrong = settings(bucket, tmp_path, secret=SecretStr("not-the-secret-of-it"))
    with pytest.raises(EnvironmentFailed, match="refuses our credentials") as caught:
        look(wrong, tmp_path)
    assert "SLUICEGATE_LANDING__KEY_ID" in str(caught.value.hint)
    with pytest.raises(EnvironmentFailed, match="no bucket called 'nowhere'"):
        look(settings(bucket, tmp_path, root=Address("nowhere")), tmp_path)
    with pytest.raises(ConfigurationError, match="landing folder is on object storage, and half"):
        look(settings(bucket, tmp_path, secret=None), tmp_path)
