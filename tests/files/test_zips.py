"""Zips of several files: one batch, file after file by name; what is no record of theirs is not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from sluicegate import opening
from sluicegate.errors import BatchRefused, ContractError
from sluicegate.ingestion import create, ingest, raw_table
from sluicegate.lake import Session
from sluicegate.sources import Delimited, Detected, FixedWidth, Format, Ndjson, Parquet, members
from sluicegate.sources.records import LINE
from sluicegate.versions.describe import _declared
from tests.files.test_opening import locked, zipped
from tests.unit.kit import HEADER, batch, source

MONTHS = {
    "2024-02.csv": b"id,name\n3,c\n4,d,e\n",
    "2024-01.csv": b"id,name\n1,a\n2,b\n",
}
FIRST, SECOND = 1_000_000_000_000, 2_000_000_000_000


@pytest.fixture
def landed(tmp_path: Path) -> Callable[[bytes], Path]:
    """A file as the archive has it."""

    def land(content: bytes) -> Path:
        file = tmp_path / "drop"
        file.write_bytes(content)
        return file

    return land


Land = Callable[[bytes], Path]


def read(form: Format, file: Path, columns: Sequence[str] = ("id", "name")) -> list[tuple]:
    """Rows of a batch, with their lines, and rejects."""
    parts = [*members.read(form, file, name="drop.zip", columns=columns, most=1_000)]
    rows = pl.concat([part.rows for part in parts], how="diagonal")
    rejects = pl.concat([part.rejects for part in parts])
    return [*rows.select(*columns, LINE).rows(), *rejects.select(LINE, "rule").rows()]


EXPECTED = [
    ("1", "a", FIRST + 2),
    ("2", "b", FIRST + 3),
    ("3", "c", SECOND + 2),
    (SECOND + 3, "record:fields"),
]


@pytest.mark.parametrize("form", [Delimited(), Detected(delimiter=",")], ids=repr)
def test_files_are_read_by_name(form: Format, landed: Land) -> None:
    """Each has its header; rows and rejects tell the file and the line in it."""
    assert read(form, landed(zipped(MONTHS))) == EXPECTED


def test_parts_tell_how_far_the_zip_is_read(landed: Land) -> None:
    """All together never more than all of it, whatever the order of the files in it."""
    lines = "".join(f"{number * 7919 % 1_000_003},x\n" for number in range(20_000))
    for names in (("a.csv", "b.csv", "c.csv"), ("c.csv", "a.csv", "b.csv")):
        file = landed(zipped({name: b"id,name\n" + lines.encode() for name in names}))
        parts = members.read(Delimited(), file, name="drop.zip", columns=("id", "name"), most=1_000)
        shares = [part.share for part in parts]
        assert min(shares) >= 0
        assert 0.9 < sum(shares) <= 1.000_001


def test_other_texts_are_read_so_too(landed: Land) -> None:
    """One object a line, and text of fixed width."""
    file = landed(zipped({"b.json": b'{"id": 2, "name": "b"}\n', "a.json": b'{"id": 1}\n{"x"\n'}))
    assert read(Ndjson(), file) == [
        ("1", None, FIRST + 1),
        ("2", "b", SECOND + 1),
        (FIRST + 2, "record:json"),
    ]
    file = landed(zipped({"a.txt": b"1a\n", "b.txt": b"2b\n"}))
    assert read(FixedWidth({"id": 1, "name": 1}), file) == [
        ("1", "a", FIRST + 1),
        ("2", "b", SECOND + 1),
    ]


def test_files_are_chosen_by_name(landed: Land) -> None:
    """One that is the only one meant is read as if it were alone, its lines as well."""
    file = landed(zipped({**MONTHS, "readme.txt": b"Read me"}))
    assert read(Delimited(members="*.csv"), file) == EXPECTED
    assert read(Delimited(members="2024-01*"), file) == [("1", "a", 2), ("2", "b", 3)]
    with pytest.raises(BatchRefused, match=r"called \*\.tsv: 2024-01\.csv, 2024-02\.csv, readme"):
        read(Delimited(members="*.tsv"), file)


def test_files_of_several_kinds_are_not_guessed(landed: Land) -> None:
    """All are named, and so is the option."""
    file = landed(zipped({"a.csv": b"id\n1\n", "\x1b[2Jreadme.txt": b"Read me"}))
    with pytest.raises(BatchRefused, match="several kinds") as caught:
        read(Delimited(), file)
    assert "\\x1b[2Jreadme.txt, a.csv" in caught.value.message
    assert 'members="*.csv"' in str(caught.value.hint)
    assert members.count(Delimited(), file) == 0


def test_what_desktops_add_is_no_file(landed: Land) -> None:
    """Nor is a folder."""
    more = {"__MACOSX/._2024-01.csv": b"x", ".DS_Store": b"x", "sub/": b"", "sub/.DS_Store": b"x"}
    assert read(Delimited(), landed(zipped({**MONTHS, **more}))) == EXPECTED


def test_names_in_a_zip_are_only_names(landed: Land, tmp_path: Path) -> None:
    """Whichever way they point, nothing is written."""
    absolute = f"{tmp_path}/abs.csv"
    file = landed(zipped({"../up.csv": b"id,name\n1,a\n", absolute: b"id,name\n2,b\n"}))
    (inner := tmp_path / "inner").mkdir()
    moved = file.rename(inner / "drop")
    assert read(Delimited(), moved) == [("1", "a", FIRST + 2), ("2", "b", SECOND + 2)]
    assert [path.name for path in (*tmp_path.iterdir(), *inner.iterdir())] == ["inner", "drop"]
    assert not (Path.cwd().parent / "up.csv").exists()


def test_columns_may_differ_from_file_to_file(landed: Land) -> None:
    """Each part has the header that was sent: the contract judges it."""
    file = landed(zipped({"a.csv": b"id,name\n1,a\n", "b.csv": b"name,id,new\nb,2,x\n"}))
    parts = members.read(Delimited(), file, name="drop.zip", columns=("id", "name"), most=9)
    assert [part.header for part in parts] == [("id", "name"), ("name", "id", "new")]


def test_a_month_without_records_is_one(landed: Land) -> None:
    """A batch is empty if all its files are; then there is one part, as always."""
    empty = {"a.csv": b"id,name\n", "c.csv": b"id,name\n"}
    assert read(Delimited(), landed(zipped({**empty, "b.csv": b"id,name\n1,a\n"}))) == [
        ("1", "a", SECOND + 2)
    ]
    (part,) = members.read(Delimited(), landed(zipped(empty)), name="", columns=(), most=9)
    assert part.count == 0


def test_a_bomb_may_be_in_many_files(landed: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files together may be no larger than one; and there are not too many of them."""
    monkeypatch.setattr(opening, "_HARMLESS", 150_000)
    part = b"id,name\n" + b"1,a\n" * 15_000
    assert len(read(Delimited(), landed(zipped({"a.csv": part, "b.csv": part})))) == 30_000
    parts = {f"{number}.csv": part for number in range(4)}
    with pytest.raises(BatchRefused, match="unpacks to more"):
        read(Delimited(), landed(zipped(parts)))
    with pytest.raises(BatchRefused, match="1,001 files"):
        read(Delimited(), landed(zipped({f"{number}.csv": b"" for number in range(1_001)})))


def test_archives_in_archives_are_refused(landed: Land) -> None:
    """In whichever file; the message names it."""
    file = landed(zipped({**MONTHS, "2024-03.csv": zipped({"a.csv": b"id,name\n"})}))
    with pytest.raises(BatchRefused, match="further archive") as caught:
        read(Delimited(), file)
    assert caught.value.where == "drop.zip, member 2024-03.csv"


def test_files_with_a_password_are_refused(landed: Land) -> None:
    """By their name."""
    with pytest.raises(BatchRefused, match="password") as caught:
        read(Delimited(), landed(locked(zipped(MONTHS))))
    assert caught.value.where is not None
    assert caught.value.where.startswith("drop.zip, member 2024-0")


def test_two_files_of_one_name_are_refused(landed: Land) -> None:
    """Nobody can say which line of which is meant."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "id,name\n1,a\n")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.csv", "id,name\n2,b\n")
    with pytest.raises(BatchRefused, match="two files of one name"):
        read(Delimited(), landed(packed.getvalue()))


def test_a_damaged_file_refuses_the_batch(landed: Land) -> None:
    """Its records are counted all the same, as far as they can be read."""
    content = zipped(MONTHS)
    at = content.index(b"2024-01.csv") + len("2024-01.csv")
    file = landed(content[:at] + b"\xff" * 4 + content[at + 4 :])
    with pytest.raises(BatchRefused, match="damaged") as caught:
        read(Delimited(), file)
    assert caught.value.where == "drop.zip, member 2024-01.csv"
    assert members.count(Delimited(), file) == 2


@pytest.mark.parametrize("texts", [MONTHS, {"2024-01.csv": b"id,name\n"}], ids=["two", "one"])
def test_names_that_are_no_text_are_a_damage(landed: Land, texts: dict[str, bytes]) -> None:
    """A zip says of a name that it is UTF-8, and it is not."""
    content = bytearray(zipped(texts))
    at = content.index(b"PK\x01\x02")
    content[at + 9] |= 8
    content[at + 46] = 0xFF
    with pytest.raises(BatchRefused, match="damaged or truncated zip"):
        read(Delimited(), landed(bytes(content)))


def test_other_formats_take_one_file(landed: Land) -> None:
    """As before."""
    with pytest.raises(BatchRefused, match="packed with zip"):
        read(Parquet(), landed(zipped({"a.parquet": b"PAR1", "b.parquet": b"PAR1"})))


def test_which_files_are_meant_is_a_term_of_the_contract() -> None:
    """It is told if it is declared: a change of it changes what is read."""
    assert _declared(Delimited()) == "Delimited(delimiter=',', header=True)"
    assert "members='*.csv'" in _declared(Delimited(members="*.csv"))


@pytest.mark.parametrize("glob", ["", " ", 5])
def test_a_glob_is_a_text(glob: str) -> None:
    """Whatever else chooses nothing."""
    with pytest.raises(ContractError, match="chooses no files"):
        Delimited(members=glob)


@pytest.mark.parametrize(
    ("line", "told"), [(7, "line 7"), (SECOND + 7, "member 2, line 7")], ids=["alone", "second"]
)
def test_places_are_told(line: int, told: str) -> None:
    """As people look for them."""
    assert members.place_of(line) == told


def test_places_are_told_by_name(landed: Land, tmp_path: Path) -> None:
    """As long as the batch is there."""
    file = landed(zipped(MONTHS))
    assert members.place_of(SECOND + 7, lambda: file) == "member 2024-02.csv, line 7"
    assert members.place_of(SECOND + 7, lambda: tmp_path / "gone") == "member 2, line 7"


def test_a_zip_is_one_batch(session: Session, tmp_path: Path) -> None:
    """It has one receipt, which tells a rejected record's file; drift is that of any of them."""
    declared = source(format=Delimited())
    texts = {
        "2024-01.csv": f"{HEADER}\na,,1.00,\nb,,much,\n",
        "2024-02.csv": f"{HEADER},note\nc,,much,,x\nd,,4.00,,\n",
    }
    content = zipped({name: text.encode() for name, text in texts.items()})
    drop = batch(tmp_path, content, "orders.zip")
    create(declared, session)
    intake = ingest(declared, [drop], session, "run")
    (receipt,) = intake.receipts
    assert (receipt.rows_in, receipt.published, receipt.quarantined) == (4, 2, 2)
    assert receipt.examples == {"amount:decimal": "orders.zip, member 2024-01.csv, line 3"}
    assert [*map(str, receipt.drift)] == ["'note' is new"]
    lines = session.rows(f"SELECT _line FROM {raw_table(declared).sql} ORDER BY _line")
    assert lines == [(FIRST + 2,), (SECOND + 3,)]


def test_a_zip_that_lacks_a_column_in_one_file_is_held(session: Session, tmp_path: Path) -> None:
    """As a whole, with all its records."""
    declared = source(format=Delimited())
    texts = {"a.csv": f"{HEADER}\na,,1.00,\n", "b.csv": "order_id\nb\nc\n"}
    drop = batch(tmp_path, zipped({name: text.encode() for name, text in texts.items()}))
    create(declared, session)
    intake = ingest(declared, [drop], session, "run")
    (receipt,) = intake.receipts
    assert (receipt.rows_in, receipt.held, receipt.published) == (3, 3, 0)
    assert "lacks columns" in str(intake.refusals[0].error)
    assert session.scalar(f"SELECT count(*) FROM {raw_table(declared).sql}") == 0
