"""Verifying: every damage is found and named, and a whole lake passes."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sluicegate.errors import EnvironmentFailed, UnknownName
from sluicegate.lake import Lake
from sluicegate.lake.collect import collect
from sluicegate.lake.inventory import DataFile, data_files
from sluicegate.lake.verify import Verified, verify
from sluicegate.release import Ledger
from sluicegate.release.ledger import FINISHED, STARTED, published
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


def data_file(lake: Lake, which: Callable[[DataFile], bool], *, of: str = "dev") -> Path:
    """A data file that readers see."""
    (key,) = {file.key for file in data_files(lake.resolve(of)) if which(file)}
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


MOVES: tuple[dict[str, Any], ...] = (
    {"at": "2026-11-24T11:06:22"},
    {"at": "yesterday"},
    {"at": None},
    {"at": 1},
    {"generation": None},
    {"generation": ["g"]},
    {"previous": {}},
    {"action": 7},
    {"run": []},
)
"""What makes an entry one that is no move."""


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
        ("[" * 100_000, "entry 3 of refs/dev cannot be read"),
        ("\xff", "entry 3 of refs/dev cannot be read"),
        ("[]", "entry 3 of refs/dev cannot be read"),
        ("{}", "entry 3 of refs/dev is no move of a ref"),
        *(
            (json.dumps({**content, **damage}), "entry 3 of refs/dev is no move of a ref")
            for damage in MOVES
        ),
        (json.dumps({**content, "previous": "g0"}), "entry 3 of refs/dev says that g0 was shown"),
    ):
        entry.unlink()
        if text is not None:
            entry.write_text(text, encoding="latin-1")
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


DAMAGED_VALUES = (
    ("UPDATE ducklake_data_file SET file_size_bytes = NULL", "1 data files whose values"),
    ("UPDATE ducklake_data_file SET file_size_bytes = 'many'", "1 data files whose values"),
    ("UPDATE ducklake_data_file SET record_count = NULL", "1 data files whose values"),
    ("UPDATE ducklake_data_file SET path = NULL", "1 data files whose values"),
    ("UPDATE ducklake_data_file SET table_id = NULL", "1 data files whose values"),
    ("UPDATE ducklake_delete_file SET delete_count = 'x'", "1 data files whose values"),
    ("UPDATE ducklake_table SET table_name = NULL", "data files whose values"),
    ("UPDATE sluicegate_checksum SET sha256 = 'text'", "2 checksums that are none"),
    ("UPDATE sluicegate_checksum SET sha256 = x'00'", "2 checksums that are none"),
)


@pytest.mark.parametrize(("sql", "told"), DAMAGED_VALUES)
def test_values_of_a_catalog(lake: Lake, sql: str, told: str) -> None:
    """SQLite takes anything anywhere: what is none is told, and the rest looked at all the same."""
    catalog = lake.resolve("dev")
    catalog.chmod(0o644)
    with sqlite3.connect(catalog) as connection:
        connection.execute(sql)
    connection.close()
    data_file(lake, the_one_of_the_refusal, of="refused/run-7").unlink()
    for deep in (False, True):
        found = [problem.what for problem in look(lake, deep=deep).problems]
        assert any(what.startswith("the catalog of") and told in what for what in found), found
        assert "a data file is missing" in found
    with pytest.raises(EnvironmentFailed):
        collect(lake, keep=MONTH, grace=timedelta(0))


def the_one_of_the_refusal(file: DataFile) -> bool:
    """The file that only the refused run names."""
    return file.rows == 1


def test_catalog_that_duckdb_does_not_open(lake: Lake) -> None:
    """SQLite reads it, and it is the only one: what is known without DuckDB is told."""
    for generation in lake.generations():
        lake.catalog(generation).unlink()
    file = data_file(lake, the_one_of_the_refusal, of="refused/run-7")
    catalog = lake.resolve("refused/run-7")
    catalog.chmod(0o644)
    with sqlite3.connect(catalog) as connection:
        connection.execute("DROP TABLE ducklake_metadata")
    connection.close()
    file.unlink()
    found = [problem.what for problem in look(lake, "refused/run-7").problems]
    assert "a data file is missing" in found
    assert any("contain was not looked at: The catalog cannot be opened" in what for what in found)


def test_object_that_cannot_be_read(lake: Lake) -> None:
    """As of a disk that fails: it is told which, and the rest is looked at."""
    catalog, entry = lake.resolve("dev"), lake.root / "refs" / "dev" / "00000001.json"
    real = Path.read_bytes

    def read(file: Path) -> bytes:
        if file in (catalog, entry):
            raise OSError(5, "Input/output error")
        return real(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", read)
        found = look(lake)
    assert [problem.what for problem in found.problems] == [
        "entry 1 of refs/dev cannot be read",
        f"the catalog of {head(lake)} cannot be read: The lake cannot be read: Input/output error.",
    ]


STRAYS = (
    *("refs/dev/²².json", "refs/dev/1.json", "refs/dev/notes.txt", "refs/00000001.json"),
    *("refs/No Name/00000001.json", "refs/dev/00000000.json", "refs/dev/00000003.json.bak"),
    *("ledger/dev/²².json", "ledger/notes.json", "collected/²².json", "collected/x/00000001.json"),
    *("pins/stray.json", "pins/releases/r1.json.bak", "pins/a/b/c.json", "pins/releases/²"),
    *("condemned/stray.json", "condemned/g000000000000", "condemned/refused/a/b.json"),
)


@pytest.mark.parametrize("stray", STRAYS)
def test_what_is_no_entry_is_told(lake: Lake, stray: str) -> None:
    """Where an entry could have lost its name; and nothing is removed that it could have kept."""
    file = lake.root / stray
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"at": "2026-11-24T11:06:22+00:00"}')
    (problem,) = look(lake).problems
    assert problem.place == str(file)
    assert stray in problem.what
    assert look(lake, "dev").problems == []
    publish(lake, 1)
    if stray.startswith(("refs/", "pins/")):
        with pytest.raises(EnvironmentFailed) as caught:
            collect(lake, keep=timedelta(0), grace=timedelta(0))
        assert caught.value.where == str(file)
        assert "sluicegate lake verify" in str(caught.value.hint)
        assert len(lake.generations()) == 3
    else:
        assert collect(lake, keep=timedelta(0), grace=timedelta(0)).removed


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"at": "2026-11-24T11:06:22"}', "\xff"])
@pytest.mark.parametrize("place", ["pins/releases/r1", "condemned/g000000000000"])
def test_mark_that_cannot_be_read(lake: Lake, place: str, content: str) -> None:
    """A pin, or what condemns a generation."""
    file = lake.root / f"{place}.json"
    file.parent.mkdir(parents=True)
    at = {"at": "2026-11-24T11:06:22+00:00", "generation": head(lake)}
    file.write_text(json.dumps(at))
    assert look(lake).problems == []
    assert look(lake).entries == 5
    file.write_text(content, encoding="latin-1")
    (problem,) = look(lake).problems
    assert problem.place == str(file)
    assert "that can be read" in problem.what


def test_pinned_generation_that_is_lost(lake: Lake) -> None:
    """Of a pin nothing excuses that it is not there."""
    lost = first(lake)
    file = lake.root / "pins" / "releases" / "r1.json"
    lake.pins.add("r1", lost)
    lake.catalog(lost).unlink()
    lake.condemned.put_on_record([lost], lake.refs.require("dev").at)
    (problem,) = verify(lake, keep=timedelta(0)).problems
    assert (
        problem.what == f"pins/releases/r1.json keeps generation {lost}, whose catalog is missing"
    )
    assert problem.place == str(file)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "entry 1 of collected is missing"),
        ("{", "entry 1 of collected cannot be read"),
        ("{}", "entry 1 of collected is no record of a removal"),
        ('{"at": "2026-11-24", "names": []}', "entry 1 of collected is no record of a removal"),
        (
            '{"at": "2026-11-24T11:06:22+00:00", "names": [1]}',
            "entry 1 of collected is no record of a removal",
        ),
    ],
)
def test_record_of_what_was_removed(lake: Lake, content: str | None, told: str) -> None:
    """What of it can be read still excuses what is not there."""
    publish(lake, 1)
    publish(lake, 2)
    for number in (1, 2):
        lake.rollback("dev", sorted(lake.generations())[number])
    moment = lake.refs.require("dev").at
    lake.condemned.put_on_record([], moment)
    removed = collect(lake, keep=timedelta(0), grace=timedelta(0)).removed
    assert removed
    assert look(lake).problems == []
    entry = lake.root / "collected" / "00000001.json"
    entry.unlink()
    if content is not None:
        entry.write_text(content)
    (problem,) = look(lake).problems
    assert (problem.what, problem.place) == (told, str(entry))
    if content is not None:
        with pytest.raises(EnvironmentFailed, match="Entry 1 of collected") as caught:
            lake.condemned.removed()
        assert caught.value.where == str(entry)


def test_lost_newest_move(lake: Lake) -> None:
    """Its log has no gap then: that there was one is known from the ledger only."""
    ledger = Ledger(lake.store, "dev")
    for entry in (lake.root / "ledger" / "dev").iterdir():
        entry.unlink()
    moves = []
    for number in range(2):
        ledger.record(STARTED, f"night-{number}")
        moves.append(publish(lake, number, run=f"night-{number}"))
        told = {"status": "published", "generation": moves[-1].generation}
        ledger.record(FINISHED, f"night-{number}", **told)
    ledger.record(FINISHED, "night-9", status="refused", generation=first(lake))

    def problems(name: str | None = None) -> list[str]:
        found = verify(Lake(lake.root), name, keep=MONTH, published=published).problems
        return [problem.what for problem in found]

    assert problems() == problems("dev") == []
    lost = lake.root / "refs" / "dev" / f"{moves[1].number:08d}.json"
    content = lost.read_bytes()
    lost.unlink()
    wanted = (
        f"entry 4 of ledger/dev says that run night-1 published {moves[1].generation};"
        " refs/dev has no entry of it"
    )
    assert problems() == problems("dev") == [wanted]
    with pytest.raises(EnvironmentFailed, match=f"Entry {moves[1].number} of refs/dev is missing"):
        # Who saw it knows, too.
        lake.refs.head("dev")
    lake = Lake(lake.root)
    # Collected, since no log names it: it is told all the same.
    collect(lake, keep=MONTH, grace=timedelta(0))
    assert problems() == [wanted]
    # Of an entry that is there, and cannot be read, nothing else is told.
    lost.write_text("{")
    assert problems() == [f"entry {moves[1].number} of refs/dev cannot be read"]
    lost.write_bytes(content)
    shutil.rmtree(lost.parent)
    assert len(problems()) == 2


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"event": FINISHED, "run": "r", "at": "2026-11-24T11:06:22+00:00"},
        {"event": STARTED, "run": "r", "at": "2026-11-24T11:06:22"},
        {"event": STARTED, "run": None, "at": "2026-11-24T11:06:22+00:00"},
    ],
)
def test_entry_of_a_ledger_that_tells_nothing(lake: Lake, entry: dict[str, Any]) -> None:
    """It is told as well."""
    folder = lake.root / "ledger" / "dev"
    started = {"event": STARTED, "run": "r", "at": "2026-11-24T11:06:22+00:00"}
    (folder / "00000001.json").write_text(json.dumps(started))
    (folder / "00000002.json").write_text(json.dumps(entry))
    (problem,) = verify(lake, keep=MONTH, published=published).problems
    assert problem.what == "entry 2 of ledger/dev is no entry of a ledger"
    assert Ledger(lake.store, "dev").last(STARTED) is not None


def test_damage_that_no_query_meets(lake: Lake) -> None:
    """SQLite's own check finds it, where no name tells that the content is another one."""
    catalog = lake.resolve("refused/run-7")
    content = catalog.read_bytes()
    # How many pages are free, as the header has it.
    rewrite(catalog, content[:36] + b"\0\0\0\7" + content[40:])
    (problem,) = look(lake).problems
    assert problem.what.startswith("the catalog of refused/run-7 is damaged, SQLite says: ")
    assert problem.place == str(catalog)
