"""Dialects are found by what a text looks like, and by the names and types that are known."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.dialect import Dialect, Kind, Reading, detect, lines_of
from sluicegate.errors import BatchRefused, ContractError
from tests.files.dialects import read

AB = [("1", "x"), ("2", "y")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,x\n2,y\n", "comma"),
        ("a;b\n1;x\n2;y\n", "semicolon"),
        ("a\tb\n1\tx\n2\ty\n", "tab"),
        ("a|b\n1|x\n2|y\n", "bar"),
        ("a~b\n1~x\n2~y\n", "~"),
        ("a^b\n1^x\n2^y\n", "^"),
        ("a§b\n1§x\n2§y\n", "§"),
        ("a\x1fb\n1\x1fx\n2\x1fy\n", r"'\x1f'"),
        ("a||b\n1||x\n2||y\n", "||"),
        ("a b\n1 x\n2 y\n", "blank"),
        ("   a  b\n   1  x\n  2    y\n", "runs of blank"),
    ],
)
def test_a_delimiter_is_found(text: str, told: str) -> None:
    """Usual ones, odd ones, doubled ones, and blanks that align columns."""
    found = read(text)
    assert (found.header, found.rows) == (("a", "b"), AB)
    assert f"{told} between cells" in str(found.dialect)


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("1,5;2,5;x\n2,5;3,5;y\n", ";"),
        ("2020-01-01 10:00:00,5.5\n2020-01-01 11:00:00,6.5\n", ","),
        ("id,url\n1,http://x.example/?a=1&b=2\n2,http://x.example/?a=2&b=3\n", ","),
        ("id;doc\n1;{'a': 1, 'b': [1, 2]}\n2;{'a': 2, 'b': [3, 4]}\n", ";"),
        ("t\tx\n10:00\tone, two\n11:00\tthree\n", "\t"),
        ("value\n1.5\n2.5\n", None),
        ("2020-01-01\n2020-01-02\n", None),
    ],
)
def test_other_marks_are_not_taken_for_it(text: str, delimiter: str | None) -> None:
    """Decimal commas, times, addresses, documents and dates keep their marks."""
    assert detect(text).dialect.delimiter == delimiter


def test_decimal_commas_are_no_close_call() -> None:
    """They cut numbers in two as regularly as a delimiter does, and leave a mess."""
    assert detect("1,5;2,5\n2,5;3,5\n").confidence > 0.3


def test_a_column_that_is_known_to_be_alone_is_not_split() -> None:
    """Texts with commas are one column where one name is known."""
    found = read("note\nfirst, second\nthird, fourth\n", ["note"])
    assert found.rows == [("first, second",), ("third, fourth",)]


def test_two_dialects_that_are_as_good_are_not_chosen_from() -> None:
    """A text that two delimiters cut as well is refused, and what is known decides."""
    text = "a;b,c\nd;e,f\ng;h,i\n"
    with pytest.raises(BatchRefused, match="cannot be told") as refused:
        detect(text)
    assert "comma" in str(refused.value.hint)
    assert "semicolon" in str(refused.value.hint)
    assert detect(text, columns=["a;b", "c"]).dialect.delimiter == ","
    assert detect(text, declared={"delimiter": ";"}).dialect.delimiter == ";"


def test_types_decide_where_looks_do_not() -> None:
    """One delimiter gives whole numbers, another gives decimals: the contract knows which."""
    text = "1;5,2;5\n2;5,3;5\n"
    decimals = {"x": Kind.TEXT, "y": Kind.INTEGER, "z": Kind.INTEGER}
    assert detect(text, columns=["x", "y", "z"], types=decimals).dialect.delimiter == ";"
    pairs = {"x": Kind.INTEGER, "y": Kind.INTEGER}
    assert detect("1|2\n3|4\n", columns=["x", "y"], types=pairs).confidence > 0.9
    times = {"x": Kind.TIME, "y": Kind.TIME}
    assert detect("10:30,11:30\n12:30,13:30\n", columns=["x", "y"], types=times).confidence > 0.9


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,'x, y'\n2,'z'\n", [("1", "x, y"), ("2", "z")]),
        ("a,b\n1,O'Hara\n2,'t Hooft\n", [("1", "O'Hara"), ("2", "'t Hooft")]),
        ('a,b\n1,"say \\"hi\\", you"\n2,"z"\n', [("1", 'say "hi", you'), ("2", "z")]),
        ("a,b\n1,x\\, y\n2,z\\\n", [("1", "x, y"), ("2", "z\\")]),
        ("a,b\n1,x\\, y\n2,z\n", [("1", "x, y"), ("2", "z")]),
        ('a, b\n1, "x, y"\n2, "z"\n', [("1", "x, y"), ("2", "z")]),
        ('a,b\n1,"5\\" pipe"\n2,"z"\n', [("1", '5" pipe'), ("2", "z")]),
        ("a, b\n1, x\n2, y\n", AB),
        ('"a,""b"""\n"1,""x, y"""\n"2,z"\n', [("1", "x, y"), ("2", "z")]),
        ('a,b\n"1,""x, y"""\n"2,""z"""\n', [("1", "x, y"), ("2", "z")]),
    ],
)
def test_quotes_and_escapes_are_found(text: str, rows: list[tuple[str, ...]]) -> None:
    """Single quotes, apostrophes, backslashes, blanks before quotes, lines quoted once more."""
    found = read(text, ["a", "b"])
    assert (found.header, found.rows, found.rejects) == (("a", "b"), rows, [])


def test_blanks_that_align_columns_stay_in_their_cells() -> None:
    """One after every delimiter is part of that; several are written there on purpose."""
    assert read("a, b\n1, 20\n2, 3\n").rows == [("1", "20"), ("2", "3")]
    assert read("1, 20\n2, 3\n").rows == [("1", " 20"), ("2", " 3")]
    assert read("a,  b\n1, 20\n2,  3\n").rows == [("1", " 20"), ("2", "  3")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_found(end: str) -> None:
    """Those of Unix, Windows and old Macs."""
    assert read(end.join(["a,b", "1,x", "2,y"])).rows == AB


def test_line_ends_may_be_mixed() -> None:
    """A carriage return alone ends a line if records are whole by it, and not within a text."""
    assert read("a,b\r\n1,x\r2,y\r\n3,z\n").rows == [*AB, ("3", "z")]
    assert read("a,b\n1,x\ry\n2,z\n3,w\n4,v\n").rows[0] == ("1", "x\ry")


PREAMBLE = "Sales, by month and region\nMade: 2026-10-01\n\n"


@pytest.mark.parametrize("columns", [(), ("id", "name", "amount")])
@pytest.mark.parametrize(
    "above", ["", PREAMBLE, "Sales by month,,\n,,\n", "\n\n", 'An "open one\n']
)
def test_the_header_is_found_below_a_preamble(above: str, columns: tuple[str, ...]) -> None:
    """Whether it has the width of the table or not, and whatever quotes it opens."""
    found = read(above + "id,name,amount\n1,x,2.5\n2,y,3.5\n", columns)
    assert found.header == ("id", "name", "amount")
    assert found.rows == [("1", "x", "2.5"), ("2", "y", "3.5")]
    assert found.dialect.preamble == above.count("\n")


def test_comments_of_the_preamble_are_comments_below_it() -> None:
    """A line that begins as all lines before the header do is no record."""
    found = read("# made at noon\n# by me\na,b\n1,x\n# a gap, said twice\n2,y\n")
    assert (found.rows, found.rejects) == (AB, [])


def test_several_lines_name_columns_together() -> None:
    """A name above spans the columns up to the next one, but not those of its neighbour."""
    names = ["Region", "2025 Sales", "2025 Cost", "2026 Sales", "2026 Cost", "Note"]
    text = "Figures,,,,,\n,,,,,\nRegion,2025,,2026,,Note\n,Sales,Cost,Sales,Cost,\nNorth,1,2,3,4,\n"
    found = read(text, names)
    assert (found.header, found.rows) == (tuple(names), [("North", "1", "2", "3", "4", "")])
    assert (found.dialect.preamble, found.dialect.header) == (2, 2)


@pytest.mark.parametrize(
    ("above", "named"),
    [
        ("t,v\n", ("t", "v")),
        ("t,v\n[s],[m]\n", ("t [s]", "v [m]")),
        ("Area,2026\nregion,sales\n", ("Area region", "2026 sales")),
        ("2025,2026\n", ("2025", "2026")),
    ],
)
def test_a_header_is_told_by_its_looks(above: str, named: tuple[str, ...]) -> None:
    """Of one line or of several: units below names, years above them."""
    found = read(above + "1,2.5\n3,4.5\n5,6.5\n")
    assert (found.header, len(found.rows)) == (named, 3)


def test_a_row_that_misses_a_number_is_no_header() -> None:
    """A text in one column does not make a row of numbers one."""
    found = read("1,x,2\n3,unknown,4\nwrong,y,6\n7,z,8\n")
    assert (found.dialect.header, len(found.rows)) == (0, 4)
    found = read("a,b\n1,2\nlost,lost\n3,4\n5,6\n")
    assert (found.dialect.header, len(found.rows)) == (1, 4)


def test_the_first_header_counts() -> None:
    """A second table may have the names as well, or better."""
    names = [f"name {letter}" for letter in "abcdefghij"]
    first = ",".join(["label a", *names[1:]])
    text = f"{first}\n{'1,' * 9}1\n\n{','.join(names)}\n{'2,' * 9}2\n"
    found = read(text, names)
    assert (found.dialect.preamble, found.header[:2]) == (0, ("label a", "name b"))


def test_names_may_hold_line_ends() -> None:
    """A header that spans lines because it is quoted is one."""
    found = read('id,"amount\nin EUR"\n1,2\n3,4\n', ["id", "amount in EUR"])
    assert (found.header, found.rows) == (("id", "amount in EUR"), [("1", "2"), ("3", "4")])


@pytest.mark.parametrize(
    ("header", "columns", "named"),
    [
        ("#id,name", ["id", "name"], ("id", "name")),
        ("#,id,name", ["id", "name"], ("id", "name")),
        ("ID , Name", ["id", "name"], ("id", "name")),
        ("name,id", ["id", "name"], ("name", "id")),
        ("customer-id,full name", ["customer_id", "full_name"], ("customer_id", "full_name")),
        ("id,other", ["id", "name"], ("id", "other")),
    ],
)
def test_names_are_recognised_as_they_are_written(
    header: str, columns: list[str], named: tuple[str, ...]
) -> None:
    """Case, blanks, marks and order may differ; a name that is not known is the file's."""
    assert read(f"{header}\n1,x\n2,y\n", columns).header == named


def test_a_file_without_header_has_the_names_that_are_known() -> None:
    """By their number; another number of columns is not given names."""
    assert read("1,x\n2,y\n", ["a", "b"]).header == ("a", "b")
    assert read("1,x\n2,y\n", ["a", "b", "c"]).header == ("column_1", "column_2")
    assert read("1,x\n2,y\n", ["a", "b"]).rows == AB
    assert read("u,x\nv,y\n", ["a", "b"]).rows == [("u", "x"), ("v", "y")]
    assert read("u,x\nv,y\n").rows == [("v", "y")]


def test_lines_may_end_in_a_delimiter() -> None:
    """The last column has no name then, and what stands in it later is no row."""
    found = read("a,b\n" + "1,x,\n" * 30 + "2,y,z\n", ["a", "b"])
    assert found.header == ("a", "b", "")
    assert found.rows == [("1", "x", "")] * 30
    assert found.rejects == [(32, "fields", "2,y,z")]


def test_columns_that_no_row_has_are_told() -> None:
    """A header may name more than there is; the rest is not given other names."""
    text = "id,name,approve,reject\n1,x\n2,y\n"
    found = detect(text, columns=["id", "name", "approve", "reject"]).dialect
    reading = Reading(found)
    rows = [record.cells for part, record in reading.parts(lines_of(text, returns=False))]
    assert (reading.header, reading.absent) == (("id", "name"), ("approve", "reject"))
    assert rows[1:] == AB


def test_names_of_rows_have_no_name() -> None:
    """As R writes tables; a delimiter within a text must not look like it."""
    assert read('"a","b"\n"r1",1,2\n"r2",3,4\n').header == ("", "a", "b")
    split = read("name,age\nHill, Ann,42\nLake, Bob,43\n", ["name", "age"])
    assert (split.header, split.rows) == (("name", "age"), [])
    assert [line for line, *_ in split.rejects] == [2, 3]


def test_what_is_declared_is_not_looked_for() -> None:
    """Each part of a dialect may be declared, and the rest is found under it."""
    found = detect("x;y\na;b\n1;2\n", declared={"preamble": 1, "header": 1, "quote": None}).dialect
    assert (found.delimiter, found.preamble, found.header, found.quote) == (";", 1, 1, None)


@pytest.mark.parametrize(
    "wrong",
    [{"delimiter": ""}, {"delimiter": '"'}, {"quote": "''"}, {"escape": "\n"}, {"width": 0}],
)
def test_a_dialect_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    """Marks must differ and be no line end."""
    with pytest.raises(ContractError):
        Dialect(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "\n\n", " \n\t\n"])
def test_an_empty_text_is_refused(text: str) -> None:
    """There is no dialect in it."""
    with pytest.raises(BatchRefused, match="empty"):
        detect(text, columns=["a"])


def test_a_million_columns_are_refused() -> None:
    """And the message tells how many are too many."""
    with pytest.raises(BatchRefused, match="more than 16,384 columns"):
        detect(",".join("a" * 1_000_000) + "\n", whole=False)


# What begins with an apostrophe may be within single quotes: nothing tells in a table so small.
CELLS = st.text(alphabet="ab1 é.,;|\t'\"\n-", max_size=8).filter(
    lambda cell: not cell.lstrip().startswith("'")
)
FIRST = st.text(alphabet="abcde12", min_size=1, max_size=6)
NAMES = ("number", "first name", "place", "größe", "remark")


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[str, ...]]:
    width = draw(st.integers(2, len(NAMES)))
    row = st.tuples(FIRST, *[CELLS] * (width - 1))
    return [NAMES[:width], *draw(st.lists(row, min_size=1, max_size=12))]


@settings(max_examples=120, deadline=None)
@given(
    table=tables(),
    delimiter=st.sampled_from(",;|\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    every=st.booleans(),
    preamble=st.sampled_from(["", "Figures of the year\n\n"]),
)
def test_what_was_written_in_any_dialect_is_read_back(
    table: list[tuple[str, ...]], delimiter: str, end: str, every: bool, preamble: str
) -> None:
    """Every cell of every table, if the names of its columns are known."""
    written = io.StringIO()
    quoting = csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows(table)
    found = read(preamble + written.getvalue(), table[0])
    assert (found.header, found.rows) == (table[0], table[1:])
