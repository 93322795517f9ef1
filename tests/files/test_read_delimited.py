"""Delimited text as it really is: every record is a row or a reject, at its own line."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import sluicegate.sources.text as text_module
from sluicegate.errors import BatchRefused
from sluicegate.sources import Delimited, Detected, Format, Records
from sluicegate.sources.delimited import read_delimited as delimited_parts
from sluicegate.sources.records import LINE
from sluicegate.sources.text import BLOCK
from tests.unit.kit import read_delimited

Cells = tuple[str, ...]


def rows(records: Records) -> list[tuple[int, Cells]]:
    """Line and cells of every row; an absent cell is an empty one."""
    return [(line, tuple(cell or "" for cell in cells)) for *cells, line in records.rows.rows()]


def rejects(records: Records) -> list[tuple[int, str]]:
    """Line and rule of every reject."""
    return [(line, rule.removeprefix("record:")) for line, _, rule in records.rejects.rows()]


@pytest.mark.parametrize("size", [1, 7, 19, 1_000])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_mark_of_byte_order_within_a_file(size: int, quoted: bool) -> None:
    """Files that were put together: the line is no record, wherever a block of bytes begins."""
    rest = '2,"b"\n' if quoted else "2,b\n"
    text = f"\ufeffid,tags\n\ufeffa,x\n{rest}\ufeffid,tags\n3,c\ufeff\n"
    read = read_delimited(text.encode(), size=size)
    assert read.rows.sort(LINE).rows() == [("2", "b", 3), ("3", "c\ufeff", 5)]
    assert read.rejects.sort(LINE).rows() == [
        (2, "\ufeffa,x", "record:encoding"),
        (4, "\ufeffid,tags", "record:encoding"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('1,"x,y"\n', [(2, ("1", "x,y"))]),
        ('1,"say ""hi"""\n', [(2, ("1", 'say "hi"'))]),
        ('1,"x\ny"\n2,z\n', [(2, ("1", "x\ny")), (4, ("2", "z"))]),
        ('1,"x\n\n\ny"\n2,z\n', [(2, ("1", "x\n\n\ny")), (6, ("2", "z"))]),
        ('1,"x\n2,y\nz"\n3,w\n', [(2, ("1", "x\n2,y\nz")), (5, ("3", "w"))]),
        ("1,x\r\n2,y\r\n", [(2, ("1", "x")), (3, ("2", "y"))]),
        ('1,"x\r\ny"\r\n2,z\r\n', [(2, ("1", "x\r\ny")), (4, ("2", "z"))]),
        ("\n1,x\n\n\n2,y\n\n", [(3, ("1", "x")), (6, ("2", "y"))]),
        ("1,x", [(2, ("1", "x"))]),
        (",\n", [(2, ("", ""))]),
        ('"",""\n', [(2, ("", ""))]),
        (" 1 , x\n", [(2, (" 1 ", " x"))]),
        ("1,x\u2028y\x85z\x0bw\n2,ü\n", [(2, ("1", "x\u2028y\x85z\x0bw")), (3, ("2", "ü"))]),
        ("NULL,NaN\n#1,2\n", [(2, ("NULL", "NaN")), (3, ("#1", "2"))]),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_well_formed_records_are_read_as_written(
    text: str, found: list[tuple[int, Cells]], packed: bool
) -> None:
    """Quotes, line breaks, blank lines and odd characters change no cell and no line number."""
    content = f"a,b\n{text}".encode()
    records = read_delimited(gzip.compress(content) if packed else content)
    assert rows(records) == found
    assert rejects(records) == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'2,"open', "quoting"),
        (b'"open,2', "quoting"),
        (b'2,clo"sed', "quoting"),
        (b'2,"x"y', "quoting"),
        (b'2,"x" ', "quoting"),
        (b"2", "fields"),
        (b"2,x,y", "fields"),
        (b'2,"x","y"', "fields"),
        (b"2,", None),
        (b"2,\xff\xfe", "encoding"),
        (b"2,caf\xe9", "encoding"),
    ],
)
def test_broken_record_costs_itself_only(line: bytes, rule: str | None) -> None:
    """A record that cannot be parsed is one reject with its line; its neighbours are rows."""
    records = read_delimited(b"a,b\n1,x\n" + line + b"\n3,y\n4,z\n")
    wanted = [] if rule is None else [(3, rule)]
    assert rejects(records) == wanted
    assert [cells for _, cells in rows(records) if cells[0] != "2"] == [
        ("1", "x"),
        ("3", "y"),
        ("4", "z"),
    ]
    assert records.count == 4


def test_reject_keeps_every_byte() -> None:
    """What cannot be decoded is kept as escapes, so that it can be repaired."""
    (text,) = read_delimited(b"a,b\n1,caf\xe9\n").rejects["text"]
    assert text == r"1,caf\xe9"


def test_truncated_last_line_is_one_reject() -> None:
    """A file that ends within a record loses that record, and says so."""
    records = read_delimited(b"a,b,c\n1,2,3\n4,5")
    assert (rows(records), rejects(records)) == ([(2, ("1", "2", "3"))], [(3, "fields")])


def test_open_quote_does_not_swallow_the_file() -> None:
    """A quote that closes only far below is broken: the lines between are rows."""
    lines = ['0,"open', *(f"{n},x" for n in range(1, 100)), '100"']
    records = read_delimited("\n".join(["a,b", *lines]).encode())
    assert rejects(records) == [(2, "quoting"), (102, "quoting")]
    assert records.rows.height == 99


@pytest.mark.parametrize(
    ("text", "cells"),
    [("x\n", "x"), ('"x"\n', "x"), ('"""x"""\n', '"x"'), ('""\n', ""), ('"x,y"\n', "x,y")],
)
def test_file_of_one_column(text: str, cells: str) -> None:
    """One column is a table too, its empty and quoted fields included."""
    assert rows(read_delimited(f"a\n{text}".encode())) == [(2, (cells,))]


@pytest.mark.parametrize("mark", [";", "\t", "|", "^", "."])
def test_any_delimiter(mark: str) -> None:
    """What separates fields is taken literally, and quotes protect it."""
    records = read_delimited(f'a{mark}b\n1{mark}"x{mark}y"\n1\n'.encode(), delimiter=mark)
    assert rows(records) == [(2, ("1", f"x{mark}y"))]
    assert rejects(records) == [(3, "fields")]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (b"\xef\xbb\xbfa,b\n", ("a", "b")),
        (b'"a","b,c"\n', ("a", "b,c")),
        (b" a , b\r\n", ("a", "b")),
        (b"\n\na,b", ("a", "b")),
    ],
)
def test_header_alone_has_names_and_no_record(text: bytes, header: tuple[str, ...]) -> None:
    """A byte-order mark, quotes, blanks and blank lines do not belong to the names."""
    records = read_delimited(text)
    assert records.header == header
    assert records.count == 0
    assert records.rows.columns == [*header, "_line"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\n\r\n\n", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"a,b,a\n1,2,3\n", "names a column twice or not at all: its columns 1, 3"),
        (b"a,,b\n1,2,3\n", "names a column twice or not at all: its columns 2"),
        (b"PAR1\0\0\x15\x04", "binary"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], "truncated gzip"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:12], "truncated gzip"),
        (b"\x1f\x8bnonsense", "damaged"),
        (gzip.compress(b"a,b\n", mtime=0) + b"trailing", "damaged"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, message: str) -> None:
    """Without a usable header there is no record to account for: the whole file is refused."""
    with pytest.raises(BatchRefused, match=message) as caught:
        read_delimited(content, name="drop.csv")
    assert str(caught.value.where).startswith("drop.csv")


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
SIZES = st.integers(1, 40) | st.just(BLOCK)
NASTY = st.text(st.sampled_from('"",\n\r;x é\u2028'), max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A few rows of cells, as wide as each other."""
    width = draw(st.integers(1, 4))
    row = st.lists(CELL | NASTY, min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=8))


@settings(max_examples=150)
@given(tables(), st.sampled_from(["\r\n", "\n"]), st.booleans(), SIZES)
@example([['"']], "\r\n", False, BLOCK)
@example([[""], ['""'], ["\r\n"]], "\n", True, 3)
def test_what_python_writes_is_read_back(
    table: list[list[str]], end: str, packed: bool, size: int
) -> None:
    """Any table of texts survives a trip through Python's csv module, at the right lines.

    However it is cut into blocks: a record that goes on in the next one is one record.
    """
    # With "\n" Python leaves a carriage return bare, which nothing can tell from a line's end.
    quoting = csv.QUOTE_ALL if end == "\n" else csv.QUOTE_MINIMAL
    header = [f"c{n}" for n in range(len(table[0]))]
    wanted, line, text = [], 1, ""
    for cells in [header, *table]:
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator=end, quoting=quoting).writerow(cells)
        wanted.append((line, tuple(cells)))
        line += out.getvalue().count("\n")
        text += out.getvalue()
    content = text.encode()
    records = read_delimited(gzip.compress(content) if packed else content, size=size)
    assert rows(records) == wanted[1:]
    assert rejects(records) == []


BROKEN = (b'"open,1', b'1,"open', b'x"y,1', b"alone", b"1,2,3", b"\xc3\x28,1", b'1,"x"y')


@settings(max_examples=80)
@given(
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), max_size=12),
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(BROKEN)), max_size=6),
    SIZES,
)
def test_broken_lines_cost_nothing_but_themselves(
    table: list[tuple[int, int]], broken: list[tuple[int, bytes]], size: int
) -> None:
    """However many lines break, and wherever: as many rejects, and every other row is there."""
    lines = [f"{a},{b}".encode() for a, b in table]
    for place, line in sorted(broken, key=lambda each: each[0], reverse=True):
        lines.insert(place, line)
    records = read_delimited(b"\n".join([b"a,b", *lines]), size=size)
    assert [cells for _, cells in rows(records)] == [(str(a), str(b)) for a, b in table]
    assert records.rejects.height == len(broken)
    assert records.count == len(lines)
    assert [lines[line - 2] in BROKEN for line in records.rejects["_line"]] == [True] * len(broken)


def test_lines_of_unequal_width_do_not_make_up_for_each_other() -> None:
    """As many delimiters as a whole table has, but not on each line: two rejects."""
    records = read_delimited(b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert rejects(records) == [(3, "fields"), (4, "fields")]
    assert [line for line, _ in rows(records)] == [2, 5]


def test_record_longer_than_a_block_is_one() -> None:
    """A quoted field over forty lines, read a few bytes at a time."""
    text = "\n".join(["x"] * 40)
    records = read_delimited(f'a,b\n1,"{text}"\n2,y\n'.encode(), size=7)
    assert rows(records) == [(2, ("1", text)), (42, ("2", "y"))]


@pytest.mark.parametrize("size", [5, BLOCK])
def test_nul_is_no_character(size: int) -> None:
    """A record with a NUL is a reject, whose text says so; the rest of the file is read."""
    filler = "".join(f"{n},x\n" for n in range(2_000))
    records = read_delimited(f"a,b\n{filler}1,x\0y\n2,z\n".encode(), size=size)
    assert records.rejects.rows() == [(2002, "1,x\\x00y", "record:encoding")]
    assert records.rows.height == 2_001


def test_carriage_returns_end_the_lines_of_a_file_without_line_feeds() -> None:
    """Old systems write so; the lines count as they do everywhere."""
    assert rows(read_delimited(b"a,b\r1,x\r2,y\r")) == [(2, ("1", "x")), (3, ("2", "y"))]


def test_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in one line is not taken into memory to find that out."""
    monkeypatch.setattr(text_module, "MOST_LINE", 1_000)
    with pytest.raises(BatchRefused, match="A line is longer than"):
        read_delimited(b"a,b\n" + b"1" * 5_000, size=100)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n3,z\n", ""])
@pytest.mark.parametrize("letter", ["x", "😀"])
@pytest.mark.parametrize("size", [7, 64, 239])
@pytest.mark.parametrize("form", [Delimited(), Detected()], ids=["declared", "detected"])
def test_all_text_has_one_longest_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Format,
    size: int,
    letter: str,
    end: str,
) -> None:
    """It is taken at the limit, in bytes, and refused one byte above, wherever a block ends."""
    monkeypatch.setattr(text_module, "MOST_LINE", 240)
    monkeypatch.setattr("sluicegate.dialect.files.MOST_LINE", 240)
    monkeypatch.setitem(delimited_parts.__kwdefaults__, "size", size)
    file = tmp_path / "f.csv"

    def read(length: int) -> int:
        filler = letter * ((length - 2) // len(letter.encode()))
        line = f"2,{filler}{'x' * (length - 2 - len(filler.encode()))}"
        file.write_bytes(f"a,b\n1,y\n{line}{end}".encode())
        parts = form.read(file, name="f.csv", columns=["a", "b"], most=100)
        return sum(part.count for part in parts)

    assert read(240) == (3 if "z" in end else 2)
    with pytest.raises(BatchRefused, match="A line is longer than") as refused:
        read(241)
    assert refused.value.where == "f.csv, line 3"


def test_header_of_too_many_columns_is_refused() -> None:
    """A million names are no table."""
    header = ",".join(f"c{n}" for n in range(1_000_000))
    with pytest.raises(BatchRefused, match="names 1,000,000 columns"):
        read_delimited(header.encode())


@pytest.mark.parametrize("quoted", ["x", '"x,y"'], ids=["plain", "quoted"])
def test_wide_table(quoted: str) -> None:
    """Hundreds of columns are read like few."""
    header = ",".join(f"c{n}" for n in range(400))
    row = ",".join([quoted] * 400)
    records = read_delimited(f'{header}\n{row}\n{row},"z\n'.encode())
    assert rows(records) == [(2, (quoted.strip('"'),) * 400)]
    assert rejects(records) == [(3, "quoting")]


@pytest.mark.parametrize("ending", ["\n", "", '"x\ny"\n'], ids=["line", "none", "quoted"])
def test_file_that_fits_into_a_block_is_read_in_one_part(ending: str) -> None:
    """Else each drop of a day would be loaded by itself; also one larger than what is peeked at."""
    text = "a,b\n" + "".join(f"{n},{n}\n" for n in range(20_000)) + f"1,{ending or 'x'}"
    assert len([*delimited_parts(gzip.compress(text.encode()))]) == 1
    assert len([*delimited_parts(text.encode())]) == 1


@pytest.mark.parametrize("cell", ["x^2", "x^kh", "x^Kp", "x^tJDi", "x^Eplv", "x\x01y", "x^"])
@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
@pytest.mark.parametrize("size", [8, 1 << 20])
def test_text_is_not_unpacked_for_how_it_begins(cell: str, quote: str, size: int) -> None:
    """Some words begin as packed bytes do; of a row, of a header, and of a further block."""
    body = f"{cell},1\n{cell},{quote}2{quote}\n".encode()
    found = read_delimited(b"unit,n\n" + body, size=size)
    assert rows(found) == [(2, (cell, "1")), (3, (cell, "2"))]
    assert rows(read_delimited(body, size=size)) == [(2, (cell, "2"))]
    alone = read_delimited(f"unit\n{cell}\n{cell}y\n".encode(), size=size)
    assert rows(alone) == [(2, (cell,)), (3, (f"{cell}y",))]
