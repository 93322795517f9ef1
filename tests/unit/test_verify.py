"""Verifying: every damage is found and named, and a whole lake passes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sluicegate.errors import EnvironmentFailed, UnknownName
from sluicegate.lake import Lake
from sluicegate.lake.collect import collect
from sluicegate.lake.inventory import DataFile, data_files
from sluicegate.lake.verify import Verified, verify
from tests.unit.kit import NUMBERS, publish, write

MONTH = timedelta(days=30)


def look(lake: Lake, name: str | None = None, *, deep: bool = False) -> Verified:
    """Look at a lake that keeps a month."""
    return verify(lake, name, keep=MONTH, deep=deep)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with two generations, deletions, evidence and a ledger."""
    lake = Lake(tmp_path_factory.mktemp("whole") / "lake")
    lake.prepare()
    publish(lake, *range(5000))
    with lake.branch("dev", "run") as branch:
        with branch.session() as session:
            session.execute(f"DELETE FROM {NUMBERS.sql} WHERE n < 10")
        lake.publish(branch, run="run")
    with lake.branch("dev", "run-7") as branch:
        with branch.session() as session:
            write(session, 666)
        branch.keep(lake.refused("run-7"))
    for number in (1, 2):
        lake.store.create(f"ledger/dev/{number:08d}.json", b'{"event": "run started"}')
    return lake.root


@pytest.fixture
def lake(whole: Path, tmp_path: Path) -> Lake:
    """A copy of it, to be damaged."""
    return Lake(shutil.copytree(whole, tmp_path / "lake"))


def head(lake: Lake) -> str:
    """What readers see."""
    return lake.refs.require("dev").generation


def first(lake: Lake) -> str:
    """The generation before."""
    return str(lake.refs.require("dev").previous)


def data_file(lake: Lake, which: Callable[[DataFile], bool]) -> Path:
    """A data file that readers see."""
    (key,) = {file.key for file in data_files(lake.resolve("dev")) if which(file)}
    return lake.root / key


def the_data(file: DataFile) -> bool:
    """The file with the rows."""
    return file.rows == 5000


def the_deletions(file: DataFile) -> bool:
    """The file of deletions."""
    return file.rows < 0


def rewrite(file: Path, content: bytes) -> None:
    """Give a file another content, whoever may write to it."""
    file.chmod(0o644)
    file.write_bytes(content)


def flipped(content: bytes, position: int) -> bytes:
    """The same, but for one bit."""
    return content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :]


def test_whole_lake_passes(lake: Lake) -> None:
    """Quickly and deeply; it tells what it looked at, and nothing is changed."""
    before = {file: file.read_bytes() for file in lake.root.rglob("*") if file.is_file()}
    for deep in (False, True):
        found = look(lake, deep=deep)
        assert (found.problems, found.advice, found.deep) == ([], None, deep)
        assert found.catalogs == sorted([*lake.generations(), "refused/run-7"])
        assert (found.files, found.entries) == (3, 4)
        assert found.size == sum(file.stat().st_size for file in lake.root.rglob("*.parquet"))
        found.require_whole()
    assert {file: file.read_bytes() for file in lake.root.rglob("*") if file.is_file()} == before


def test_one_can_be_looked_at(lake: Lake) -> None:
    """By its ref, its name, or as a refused run; what is wrong elsewhere is not told."""
    (lake.root / "ledger" / "dev" / "00000001.json").write_text("{")
    assert look(lake, "dev").catalogs == [head(lake)]
    assert look(lake, first(lake)).catalogs == [first(lake)]
    assert look(lake, "refused/run-7").catalogs == ["refused/run-7"]
    for name in ("dev", first(lake), "refused/run-7"):
        assert look(lake, name).problems == []
    for name in ("prod", "refused/run-8"):
        with pytest.raises(UnknownName, match=name):
            look(lake, name)


def test_nothing_to_look_at_is_no_pass(tmp_path: Path) -> None:
    """A lake without any generation, and a place without a lake."""
    for lake in (Lake(tmp_path), Lake(tmp_path / "nowhere")):
        with pytest.raises(EnvironmentFailed, match="nothing to verify"):
            look(lake)


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_byte_of_a_catalog(lake: Lake, where: float) -> None:
    """It is told which generation, and which one is whole that one could go back to."""
    catalog, expected = lake.resolve("dev"), head(lake)
    content = catalog.read_bytes()
    rewrite(catalog, flipped(content, int(len(content) * where)))
    found = look(lake)
    assert found.problems[0].what.startswith(f"the catalog of {expected} has another content")
    assert {problem.catalogs for problem in found.problems} >= {(expected,)}
    assert found.problems[0].place == str(catalog)
    assert f"sluicegate lake rollback dev --to {first(lake)}, which is whole" in str(found.advice)
    with pytest.raises(EnvironmentFailed, match="The lake has") as caught:
        found.require_whole()
    assert (caught.value.exit_code, caught.value.hint) == (4, found.advice)


def test_catalog_that_is_none(lake: Lake) -> None:
    """Nor is one that lost its end; each is told, and the others are looked at all the same."""
    rewrite(lake.catalog(first(lake)), b"no catalog")
    rewrite(lake.resolve("refused/run-7"), lake.resolve("refused/run-7").read_bytes()[:5000])
    found = look(lake)
    assert {problem.catalogs for problem in found.problems} == {(first(lake),), ("refused/run-7",)}
    assert "cannot be read" in " ".join(problem.what for problem in found.problems)
    assert "rollback" not in str(found.advice)


@pytest.mark.parametrize("which", [the_data, the_deletions])
def test_lost_data_file(lake: Lake, which: Callable[[DataFile], bool]) -> None:
    """It is told in which table, and every generation that reads it."""
    file = data_file(lake, which)
    file.unlink()
    (problem,) = look(lake).problems
    assert (problem.what, problem.table) == ("a data file is missing", "raw.numbers")
    assert problem.place == str(file)
    shared = {head(lake), "refused/run-7"} | ({first(lake)} if which is the_data else set())
    assert set(problem.catalogs) == shared


def test_data_file_that_lost_its_end(lake: Lake) -> None:
    """Or grew."""
    file = data_file(lake, the_data)
    content = file.read_bytes()
    for other in (content[:-1], content + b"x", b""):
        rewrite(file, other)
        (problem,) = look(lake).problems
        assert problem.what == f"a data file has {len(other):,} bytes instead of {len(content):,}"


def test_footer_of_a_data_file(lake: Lake) -> None:
    """It cannot be read; the size is what it was."""
    file, deletions = data_file(lake, the_data), data_file(lake, the_deletions)
    for damaged in (file, deletions):
        rewrite(damaged, flipped(damaged.read_bytes(), damaged.stat().st_size - 2))
    found = {problem.place: problem.what for problem in look(lake).problems}
    assert set(found) == {str(file), str(deletions)}
    assert all("has no readable footer" in what for what in found.values())


def test_rows_of_a_data_file(lake: Lake) -> None:
    """Another file of the same size in its place."""
    with lake.branch("dev", "other") as branch:
        with branch.session() as session:
            session.execute(f"CREATE OR REPLACE TABLE lake.raw.t AS FROM {NUMBERS.sql}")
        (other,) = (each for each in data_files(branch.catalog) if each.table == "raw.t")
        file = data_file(lake, the_data)
        size = file.stat().st_size
        swap(lake.root / other.key, file)
    assert file.stat().st_size == size
    (problem,) = look(lake).problems
    assert problem.what == "a data file has 4,990 rows instead of 5,000"


def swap(source: Path, target: Path) -> None:
    """Put a file into another's place, as long as that was: Parquet has its footer at the end."""
    content, size = source.read_bytes(), target.stat().st_size
    footer = int.from_bytes(content[-8:-4], "little") + 8
    body = content[:-footer][: size - footer]
    rewrite(target, body.ljust(size - footer, b"\0") + content[-footer:])


@pytest.mark.parametrize("which", [the_data, the_deletions])
def test_byte_of_a_page(lake: Lake, which: Callable[[DataFile], bool]) -> None:
    """Only a deep look finds it: DuckDB mostly reads another value there, without an error."""
    file = data_file(lake, which)
    content = file.read_bytes()
    for position in (30, 60):
        rewrite(file, flipped(content, position))
        assert look(lake).problems == []
        (problem,) = look(lake, deep=True).problems
        assert problem.what.startswith("a data file is not what it was: its SHA-256 is")
        assert (problem.place, problem.table) == (str(file), "raw.numbers")


def test_pages_without_a_checksum_are_read(lake: Lake) -> None:
    """A refused run's new files have none: what DuckDB cannot read of them is told."""
    (key,) = {file.key for file in data_files(lake.resolve("refused/run-7")) if file.rows == 1}
    file = lake.root / key
    rewrite(file, flipped(file.read_bytes(), 4))
    (problem,) = look(lake, deep=True).problems
    assert problem.what.startswith("a data file cannot be read: ")
    assert (problem.place, problem.catalogs) == (str(file), ("refused/run-7",))


def test_log_of_a_ref(lake: Lake) -> None:
    """A gap, an entry that is none, one that does not follow: each is told, with its file."""
    publish(lake, 1)
    publish(lake, 2)
    folder = lake.root / "refs" / "dev"
    entry = folder / "00000003.json"
    content = json.loads(entry.read_bytes())
    for text, told in (
        (None, "entry 3 of refs/dev is missing"),
        ("{", "entry 3 of refs/dev cannot be read"),
        ("{}", "entry 3 of refs/dev is no move of a ref"),
        (json.dumps({**content, "previous": "g0"}), "entry 3 of refs/dev says that g0 was shown"),
    ):
        entry.unlink()
        if text is not None:
            entry.write_text(text)
        (problem,) = look(lake).problems
        assert problem.what.startswith(told)
        assert problem.place == str(entry)
        entry.write_text("")


def test_lost_generation(lake: Lake) -> None:
    """One that a ref showed lately must be there, unless it was collected."""
    lost = first(lake)
    lake.catalog(lost).unlink()
    (problem,) = look(lake).problems
    assert problem.what.endswith(f"points at generation {lost}, whose catalog is missing")
    assert verify(lake, keep=timedelta(0)).problems == []


def test_collected_generation_is_not_lost(lake: Lake) -> None:
    """What a collector removed is on record."""
    collected = collect(lake, keep=timedelta(0), grace=timedelta(0)).removed
    assert first(lake) in collected
    assert look(lake, deep=True).problems == []


def test_ref_that_was_deleted_and_made_again(lake: Lake) -> None:
    """Its log is whole."""
    for _ in range(2):
        lake.start("feature/x", "dev")
        lake.delete("feature/x")
    assert look(lake).problems == []


def test_ledger(lake: Lake) -> None:
    """Entries that are missing or cannot be read are told."""
    folder = lake.root / "ledger" / "dev"
    (folder / "00000001.json").write_text("[")
    (folder / "00000004.json").write_text("{}")
    assert [problem.what for problem in look(lake).problems] == [
        "entry 1 of ledger/dev cannot be read",
        "entry 3 of ledger/dev is missing",
    ]


def test_all_problems_are_told(lake: Lake) -> None:
    """One does not hide another."""
    file, deletions = data_file(lake, the_data), data_file(lake, the_deletions)
    file.unlink()
    rewrite(deletions, b"")
    lake.catalog(first(lake)).unlink()
    (lake.root / "ledger" / "dev" / "00000001.json").unlink()
    told = [problem.what for problem in look(lake).problems]
    assert len(told) == 4
    with pytest.raises(EnvironmentFailed, match="The lake has 4 problems"):
        look(lake).require_whole()
