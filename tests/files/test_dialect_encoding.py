"""Encodings are declared, marked, or told from a sample; what is no text is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sluicegate.dialect import Part, Reading, detect_file, encoding_of, lines_of_file
from sluicegate.errors import BatchRefused, ContractError

FRENCH = "id,nom\n1,Café d\u2019été \u2013 3 £\n2,naïve\n3,Noël, «œuvre»\n"
CZECH = "jméno,město\nJiří Novák,Plzeň\nŽofie Dvořáková,Brno\nTomáš Černý,Budějovice\n" * 4
RUSSIAN = "имя,город\nЮлия,Москва\nПётр,Казань\nИгорь,Тверь\n" * 5  # noqa: RUF001


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        ("a,b\n1,x\n", "ascii", "utf-8"),
        (FRENCH, "utf-8", "utf-8"),
        (FRENCH, "utf-8-sig", "utf-8-sig"),
        (FRENCH, "utf-16", "utf-16"),
        (FRENCH, "utf-16-le", "utf-16-le"),
        (FRENCH, "utf-16-be", "utf-16-be"),
        (FRENCH, "cp1252", "cp1252"),
        (CZECH, "cp1250", "cp1250"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        ("名前,都市\n田中太郎,東京都\n鈴木花子,大阪府\n" * 5, "shift_jis", "cp932"),
    ],
)
def test_an_encoding_is_told_from_the_bytes(text: str, written: str, found: str) -> None:
    """Marked or not; the text is the same afterwards."""
    raw = text.encode(written)
    assert encoding_of([raw], name="f") == found
    assert raw.decode(found) == text


def test_what_the_head_does_not_show_the_end_does() -> None:
    """Samples of middle and end count, though they are cut within characters."""
    head = b"a,b\n" + b"1,x\n" * 100
    assert encoding_of([head, "é,ü,ß,é".encode()[1:-1]], name="f") == "utf-8"
    assert encoding_of([head, "1,café\n2,fête\n".encode("cp1252")], name="f") == "cp1252"


def test_a_few_damaged_lines_do_not_change_the_encoding() -> None:
    """UTF-8 with one bad line is UTF-8."""
    assert encoding_of(["1,é\n2,ü\n".encode() + b"3,x\xff\xfey\n"], name="f") == "utf-8"
    damaged = "1,é\n2,ü\n3,ß\n4,ø\n".encode() + b"5,x\xe9y\n6,\xe9z\n7,x\xe9\n"
    assert encoding_of([damaged], name="f") == "utf-8"
    assert encoding_of([b"1,x\n" * 50 + b"3,x\xff\xfe\n"], name="f") == "utf-8"


def test_a_declared_encoding_wins() -> None:
    """It is not doubted; a name that Python does not know is refused."""
    assert encoding_of([FRENCH.encode()], name="f", declared="latin-1") == "iso8859-1"
    with pytest.raises(ContractError, match="no encoding called 'utf-9'"):
        encoding_of([b""], name="f", declared="utf-9")


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "password"),
        (b"PAR1rest", "Parquet"),
        (b"%PDF-1.7", "PDF"),
        (bytes(range(256)), "binary"),
        (b"\n<!DOCTYPE html><p>Not found, sorry</p>\n", "HTML"),
        ('<?xml version="1.0"?>\n<a b="1"/>\n'.encode("utf-16"), "XML"),
        (b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "JSON"),
        (b'[\n  {"a": 1, "b": 2},\n  {"a": 3, "b": 4}\n]\n', "JSON"),
    ],
)
def test_what_is_no_text_is_refused_by_what_it_is(tmp_path: Path, raw: bytes, what: str) -> None:
    """Whatever its name says, in a gzip or not."""
    for name, content in (("f.csv", raw), ("f.csv.gz", gzip.compress(raw))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BatchRefused, match=what):
            detect_file(tmp_path / name)


def rows(file: Path) -> tuple[list[tuple[str, ...]], list[str]]:
    """Rows of a file, and texts of its rejects."""
    dialect = detect_file(file).dialect
    reading = Reading(dialect)
    with lines_of_file(file, dialect) as lines:
        parts = list(reading.parts(lines))
    return (
        [record.cells for part, record in parts if part is Part.ROW],
        [record.text for part, record in parts if part is Part.REJECT],
    )


def test_a_bracket_makes_no_document(tmp_path: Path) -> None:
    """Titles have brackets, and cells may be documents."""
    for text in ("[Data]\na,b\n1,2\n3,4\n", '{"a": 1};5\n{"a": 2};6\n', "[1;2\n[3;4\n"):
        (tmp_path / "f.csv").write_text(text)
        assert rows(tmp_path / "f.csv")[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_are_read_in_their_encoding(tmp_path: Path, encoding: str, packed: bool) -> None:
    """Compressed or not."""
    raw = FRENCH.replace("Noël, ", "Noël ").encode(encoding)
    file = tmp_path / "f.csv"
    file.write_bytes(gzip.compress(raw) if packed else raw)
    found, rejected = rows(file)
    assert found == [("1", "Café d\u2019été \u2013 3 £"), ("2", "naïve"), ("3", "Noël «œuvre»")]
    assert rejected == []


def test_a_damaged_line_keeps_its_bytes(tmp_path: Path) -> None:
    """As escapes in the text of the reject, of one byte and of two."""
    file = tmp_path / "f.csv"
    file.write_bytes("id,n\n1,é\n2,ü\n".encode() + b"3,x\xff\xfey\n4,z\n")
    assert rows(file) == ([("1", "é"), ("2", "ü"), ("4", "z")], [r"3,x\xff\xfey"])


def test_the_end_of_a_long_file_is_looked_at(tmp_path: Path) -> None:
    """Letters that only its last lines have tell the encoding."""
    file = tmp_path / "f.csv"
    file.write_bytes(b"id,n\n" + b"1,x\n" * 80_000 + "2,Café\n".encode("cp1252"))
    assert detect_file(file).dialect.encoding == "cp1252"


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    """Whether it breaks within the sample or after it."""
    file = tmp_path / "f.csv.gz"
    text = "id,n\n" + "".join(f"{number},{number * 7919 % 10007}\n" for number in range(60_000))
    packed = gzip.compress(text.encode())
    for length in (40, len(packed) - 9):
        file.write_bytes(packed[:length])
        with pytest.raises(BatchRefused, match="truncated gzip"):
            rows(file)


def test_a_gzip_within_a_gzip_is_refused(tmp_path: Path) -> None:
    """An archive of archives is unpacked by whoever packed it."""
    file = tmp_path / "f.csv.gz"
    file.write_bytes(gzip.compress(gzip.compress(b"a,b\n1,2\n")))
    with pytest.raises(BatchRefused, match="further archive"):
        detect_file(file)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it fills the memory: at the beginning of a file, and after other lines."""
    file = tmp_path / "f.csv"
    file.write_bytes(b"a," * (3 << 20))
    with pytest.raises(BatchRefused, match="no line end"):
        detect_file(file)
    monkeypatch.setattr("sluicegate.dialect.files.MOST_LINE", 1 << 20)
    file.write_bytes(b"a,b\n" + b"1,2\n" * 70_000 + b"x" * (2 << 20))
    with pytest.raises(BatchRefused, match="longer than 1 MiB") as refused:
        rows(file)
    assert refused.value.where == "f.csv, line 70,002"
