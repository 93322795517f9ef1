"""Files that appear whole or not at all, and the drafts that they are made from."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import durable


def drafts(folder: Path) -> list[str]:
    """What lies about in a folder under no name that matters."""
    return [file.name for file in folder.iterdir() if file.name.endswith(durable.DRAFT)]


def test_name_is_made_once(tmp_path: Path) -> None:
    """Who comes second learns so, and the first one's content stays; no draft stays."""
    assert durable.create(tmp_path / "1.json", b"first")
    assert not durable.create(tmp_path / "1.json", b"second")
    assert (tmp_path / "1.json").read_bytes() == b"first"
    assert drafts(tmp_path) == []


def test_draft_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    """Whoever sweeps meanwhile takes those of the dead, and no other."""
    dead = tmp_path / f".dead{durable.DRAFT}"
    dead.touch()
    with durable.drafted(tmp_path) as draft:
        draft.write_bytes(b"x")
        durable.sweep_drafts(tmp_path)
        assert drafts(tmp_path) == [draft.name]
        assert not durable.abandoned(draft)
    assert drafts(tmp_path) == []


VICTIM = """
import sys, time
from pathlib import Path
from sluicegate.lake import durable
with durable.drafted(Path(sys.argv[1])):
    print("drafted", flush=True)
    time.sleep(60)
"""


def test_draft_of_a_killed_writer_is_swept(tmp_path: Path) -> None:
    """As long as it lives its draft stays."""
    child = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    assert child.stdout.readline() == "drafted\n"
    durable.sweep_drafts(tmp_path)
    assert len(drafts(tmp_path)) == 1
    child.kill()
    child.communicate(timeout=10)
    durable.sweep_drafts(tmp_path)
    assert drafts(tmp_path) == []


def test_draft_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the making and the lock a draft looks like one of the dead."""
    lock, swept = fcntl.flock, []

    def late(handle: int, flags: int) -> None:
        if not swept:
            swept.extend(drafts(tmp_path))
            (tmp_path / swept[0]).unlink()
        lock(handle, flags)

    monkeypatch.setattr(durable.fcntl, "flock", late)
    with durable.drafted(tmp_path) as draft:
        assert swept
        assert drafts(tmp_path) == [draft.name]
        assert not durable.abandoned(draft)


def test_disk_is_blamed_with_its_own_words(tmp_path: Path) -> None:
    """What the machine says is told, with the file and what to do."""
    told = pytest.raises(EnvironmentFailed, match="cannot be written: No space left")
    with told as caught, durable.written(tmp_path):
        raise OSError(28, "No space left on device", "x.parquet")
    assert caught.value.where == "x.parquet"
    assert "free space" in str(caught.value.hint)


def test_folder_that_another_makes_and_removes_meanwhile_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There when it was to be made, gone when it was looked at: no error, and it is made."""
    make, gone = Path.mkdir, []

    def late(self: Path, *args: object, **options: object) -> None:
        if not gone:
            gone.append(self)
            raise FileExistsError(self)
        make(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", late)
    assert durable.make_folder(tmp_path / "branch").is_dir()
    assert gone


def test_file_where_a_folder_belongs_is_told(tmp_path: Path) -> None:
    """Nothing waits for it to go away."""
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        durable.make_folder(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        durable.make_folder(tmp_path / "file" / "branch")
