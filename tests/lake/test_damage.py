"""Damaged data files: whoever trips over one, the machine is blamed, and the file is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.lake import Lake, query
from sluicegate.lake.damage import damage
from sluicegate.lake.diff import diff
from sluicegate.lake.handout import export_marts
from sluicegate.lake.inventory import DataFile, data_files
from sluicegate.warehouse.build import _refuse_damage
from tests.unit.kit import settings_of

TABLE = "lake.marts.t"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a mart that has deletions."""
    lake = Lake(tmp_path_factory.mktemp("whole") / "lake")
    lake.prepare()
    for run, *statements in (
        (
            "one",
            "CREATE SCHEMA lake.marts",
            f"CREATE TABLE {TABLE} AS SELECT n, 'name ' || n % 97 AS name FROM range(5000) r(n)",
        ),
        ("two", f"DELETE FROM {TABLE} WHERE n % 7 = 0"),
    ):
        with lake.branch("dev", run) as branch:
            with branch.session() as session:
                for statement in statements:
                    session.execute(statement)
            lake.publish(branch, run=run)
    return lake.root


@pytest.fixture
def lake(whole: Path, tmp_path: Path) -> Lake:
    """A copy of it, to be damaged."""
    return Lake(shutil.copytree(whole, tmp_path / "lake"))


def damaged(lake: Lake, which: Callable[[DataFile], bool], change: Callable[[bytes], bytes]) -> str:
    """Damage one of its data files; which it is."""
    (file,) = (each for each in data_files(lake.resolve("dev"), current=True) if which(each))
    path = lake.root / file.key
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))
    return str(path)


def rows(file: DataFile) -> bool:
    """The file with the rows."""
    return file.rows > 0


def deletions(file: DataFile) -> bool:
    """The file of deletions."""
    return file.rows < 0


def cut(content: bytes) -> bytes:
    """The first half."""
    return content[: len(content) // 2]


def torn(content: bytes) -> bytes:
    """Other bytes in the first half."""
    middle = len(content) // 2
    return content[:20] + b"\xff" * (middle - 20) + content[middle:]


def footless(content: bytes) -> bytes:
    """Other bytes in the footer, whose length is right."""
    return content[:-60] + b"\xff" * 40 + content[-20:]


def short(content: bytes) -> bytes:
    """Less than what the catalog says that its footer has."""
    return content[:50]


def nothing(_: bytes) -> bytes:
    """No byte at all."""
    return b""


CHANGES = (cut, torn, footless, short, nothing)
DAMAGES = [(which, change) for which in (rows, deletions) for change in CHANGES]


@pytest.mark.parametrize(("which", "change"), DAMAGES)
def test_queries(
    lake: Lake, which: Callable[[DataFile], bool], change: Callable[[bytes], bytes]
) -> None:
    """Whatever DuckDB calls it, it is told as what it is, with the file and what to do."""
    file = damaged(lake, which, change)

    def in_a_session() -> object:
        with lake.read("dev") as session:
            return session.rows(f"FROM {TABLE}")

    def on_a_branch() -> None:
        with lake.branch("dev", "run") as branch, branch.session() as session:
            session.execute(f"CREATE TABLE lake.marts.u AS FROM {TABLE}")

    for ask in (lambda: query(lake, "dev", f"FROM {TABLE}"), in_a_session, on_a_branch):
        with pytest.raises(EnvironmentFailed, match="data file of the lake is damaged") as caught:
            ask()
        assert (caught.value.exit_code, caught.value.where) == (4, file)
        assert "sluicegate lake verify --deep" in str(caught.value.hint)
        assert "name " not in str(caught.value).replace("names ", "")


def test_deletions_in_disorder(lake: Lake) -> None:
    """DuckDB has words of its own for them, and names no file."""
    file = Path(damaged(lake, deletions, lambda content: content))
    whole, met, places = file.read_bytes(), 0, set()
    # Where the positions of rows stand depends on how long the path of their file is.
    for position in range(40, len(whole) - 8, 5):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        try:
            query(lake, "dev", f"FROM {TABLE}")
        except EnvironmentFailed as error:
            met += "Invalid delete data" in str(error.__cause__)
            places.add(error.where)
        if met:
            break
    assert (met > 0, places) == (True, {str(file)})


@pytest.mark.parametrize(("which", "change"), [(rows, torn), (rows, nothing), (deletions, cut)])
def test_exports_and_diffs(
    lake: Lake, which: Callable[[DataFile], bool], change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """They fail as the machine does, and leave nothing behind."""
    file = damaged(lake, which, change)
    with pytest.raises(EnvironmentFailed) as caught:
        export_marts(settings_of(tmp_path), tmp_path / "marts.duckdb")
    assert caught.value.where == file
    assert [each.name for each in tmp_path.iterdir()] == ["lake"]
    (first,) = set(lake.generations()) - {lake.refs.require("dev").generation}
    with pytest.raises(EnvironmentFailed):
        diff(lake, first, "dev")


def test_models_of_dbt(lake: Lake) -> None:
    """What dbt tells of a model is neither a broken promise of the data nor the model's fault."""
    file = damaged(lake, rows, footless)
    for said, where in (
        (f'Invalid Input Error: Failed to read file "{file}": Snappy decompression failure', file),
        ("TProtocolException: Invalid data", file),
    ):
        results = [
            SimpleNamespace(message="OK"),
            SimpleNamespace(message=None),
            SimpleNamespace(message=f"Runtime Error in model t (models/t.sql)\n  {said}"),
        ]
        with pytest.raises(EnvironmentFailed, match="is damaged") as caught:
            _refuse_damage(results, lake.resolve("dev"), lake.files)
        assert caught.value.where == where
        _refuse_damage(results[:2], lake.resolve("dev"), lake.files)


@pytest.mark.parametrize(
    "wrong",
    [
        "SELECT strptime(name, '%d') FROM marts.t",
        "SELECT name::INT FROM marts.t",
        "SELECT regexp_matches(name, '(') FROM marts.t",
        "SELECT error('x is no Out of buffer') FROM marts.t",
        "FROM marts.nothing",
        "SELECT 'No magic bytes found at end of file ' || name::INT FROM marts.t",
    ],
)
def test_wrong_queries_are_those_of_who_wrote_them(lake: Lake, wrong: str) -> None:
    """As ever."""
    with pytest.raises(ConfigurationError):
        query(lake, "dev", wrong)


def test_whole_lake_has_no_file_to_name(lake: Lake) -> None:
    """Where DuckDB names none and none is found, the folder is told."""
    told = damage("TProtocolException: Invalid data", lake.resolve("dev"), lake.files)
    assert told is not None
    assert told.where == lake.files.path


def test_what_a_decoder_trips_over(lake: Lake) -> None:
    """It has no words that anybody could know, but there is a file that is not what it was."""
    file = Path(damaged(lake, deletions, lambda content: content))
    said, catalog = "Decode bit width too large", lake.resolve("dev")
    assert damage(said, catalog, lake.files) is None
    file.write_bytes(file.read_bytes()[:-9] + b"x" + file.read_bytes()[-8:])
    told = damage(said, catalog, lake.files)
    assert told is not None
    assert told.where == str(file)
    assert damage(f"Binder Error: {said}", catalog, lake.files) is None
