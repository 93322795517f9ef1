"""Every line that is not blank is told what it is, and nothing is made up of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sluicegate.dialect import Dialect, Part, detect
from sluicegate.errors import BatchRefused
from tests.files.dialects import read, read_under

HEAD = "id,name,amount\n"
ROWS = "1,x,2.5\n2,y,3.5\n"
TWO = [("1", "x", "2.5"), ("2", "y", "3.5")]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('3,"x,y",1', ("3", "x,y", "1")),
        ('3,"say ""hi""",1', ("3", 'say "hi"', "1")),
        ('3,"x\ny",1', ("3", "x\ny", "1")),
        ('3,"x\r\n4,5,6\r\n\r\ny",1', ("3", "x\r\n4,5,6\r\n\r\ny", "1")),
        ('3,5" pipe,1', ("3", '5" pipe', "1")),
        ('3,"say "hi" to me",1', ("3", 'say "hi" to me', "1")),
        ('3, "x, y" ,1', ("3", "x, y", "1")),
        ('3,"",""', ("3", "", "")),
        ("3,,", ("3", "", "")),
        (" 3 , x ,1 ", (" 3 ", " x ", "1 ")),
    ],
)
def test_a_record_is_read_as_it_was_meant(line: str, cells: tuple[str, ...]) -> None:
    """Quotes as RFC 4180 has them, and those that only one reading explains."""
    found = read(HEAD + ROWS + line + "\n4,z,1\n")
    assert (found.rows, found.rejects) == ([*TWO, cells, ("4", "z", "1")], [])


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("3,x", "fields"),
        ("3,x,1,2", "fields"),
        ('3,"x,1', "quoting"),
        ('3,x,"1', "quoting"),
        ('3,"x"y,"z,1', "quoting"),
        ('"a "b", c",x', "quoting"),
        ('3,"x "y" z"', "quoting"),
        ("3,x\0,1", "encoding"),
        ("3,\udcff,1", "encoding"),
    ],
)
def test_a_line_that_is_no_record_is_rejected_with_its_text(line: str, rule: str) -> None:
    """It alone: an open quote does not take the lines below it."""
    found = read(HEAD + ROWS + line + "\n4,z,1\n" * 3)
    text = line.replace("\0", r"\x00").replace("\udcff", r"\xff")
    assert found.rejects == [(4, rule, text)]
    assert found.rows == [*TWO, *[("4", "z", "1")] * 3]


def test_a_quote_that_is_closed_elsewhere_takes_nothing_in() -> None:
    """Neither where the record would be narrower than the table, nor many lines below."""
    found = read(HEAD + ROWS + '3,"x\n4,z,1"\n5,w,2\n', ["id", "name", "amount"])
    assert found.rows == [*TWO, ("4", "z", '1"'), ("5", "w", "2")]
    assert found.rejects == [(4, "quoting", '3,"x')]
    far = read(HEAD + ROWS + '3,"x\n' + "4,z,1\n" * 60 + 'y",1\n' + ROWS)
    assert far.rows == [*TWO, *[("4", "z", "1")] * 60, *TWO]
    assert [line for line, *_ in far.rejects] == [4, 65]


def test_names_of_a_header_span_no_others() -> None:
    """A name in the middle ends where a name above it does."""
    found = read_under(Dialect(header=3), "A,,B\nu,v,\n1,2,3\nx,y,z\n")
    assert (found.header, found.rows) == (("A u 1", "A v 2", "B 3"), [("x", "y", "z")])


def test_a_missing_final_line_end_costs_nothing_but_a_cut_record() -> None:
    """The last line is a record if it is whole."""
    assert read(HEAD + ROWS.removesuffix("\n")).rows == TWO
    assert read(HEAD + ROWS + "3,z").rejects == [(4, "fields", "3,z")]


def test_lines_of_delimiters_are_blank() -> None:
    """They hold nothing, unless their cells are quoted."""
    found = read(HEAD + ",,\n\n  \n" + ROWS + ' , ,\n"","",""\n')
    assert (found.rows, found.rejects) == ([*TWO, ("", "", "")], [])


def test_the_header_may_come_again() -> None:
    """With a title before it; neither is a row."""
    found = read(HEAD + ROWS + "\nSecond part,,\n" + HEAD.upper() + "3,z,1\n")
    assert found.rows == [*TWO, ("3", "z", "1")]
    assert found.lines(Part.HEADER) == [1, 6]
    assert found.lines(Part.PREAMBLE) == [5]


def test_a_value_may_be_the_name_of_its_column() -> None:
    """In a table of one column nothing is taken for a second header."""
    found = read("word\nother\nword\nWord\n", ["word"])
    assert found.rows == [("other",), ("word",), ("Word",)]


def test_a_row_of_one_cell_is_a_row() -> None:
    """Only a header below it makes it a title."""
    assert read(HEAD + ROWS + "\nOf which,,\n3,z,1\n").rows == [
        *TWO,
        ("Of which", "", ""),
        ("3", "z", "1"),
    ]


@pytest.mark.parametrize(
    "notes",
    [
        "\nSource: the office of figures\n",
        "\nSource: the office, its branch, its house, and others\nNotes: see there\n",
        "\nAll of these were paid by card.,,\n",
        "* figures are provisional until May\n",
        "* figures are provisional until May,,\n",
    ],
)
def test_notes_at_the_end_are_no_rows(notes: str) -> None:
    """Prose after the last row is told apart from a record that broke."""
    found = read(HEAD + ROWS + notes)
    assert (found.rows, found.rejects) == (TWO, [])
    assert len(found.lines(Part.FOOTER)) == len(notes.split("\n")) - 1 - notes.startswith("\n")


def test_what_is_not_prose_is_rejected_at_the_end_too() -> None:
    """A record that was cut off is not taken for a note; a total is a row."""
    assert read(HEAD + ROWS + "\n3,z\n").rejects == [(5, "fields", "3,z")]
    cut = "3,the name of somebody"
    assert read(f"{HEAD}{ROWS}\n{cut}").rejects == [(5, "fields", cut)]
    assert read(HEAD + ROWS + "Total,,6.0\n").rows == [*TWO, ("Total", "", "6.0")]
    assert read(HEAD + "x,,\n" + ROWS + "\nA fee that is not known,,\n").rows[-1][0][:5] == "A fee"
    lone = 'number\tname\tplace\n"a"\t""\t""\n'
    assert read(lone, ["number", "name", "place"]).rows == [("a", "", "")]
    assert read("title,note\nEmma,read\n\nThe Mill on the Floss,\n").rows[-1][1] == ""


def test_a_second_table_of_another_width_is_rejected() -> None:
    """It is another table: its rows are not given our names."""
    found = read(HEAD + ROWS + "\nregion,total\nnorth,5\nsouth,6\n", ["id", "name", "amount"])
    assert found.rows == TWO
    assert [line for line, *_ in found.rejects] == [5, 6, 7]


def test_a_header_that_cannot_be_read_refuses_the_batch() -> None:
    """Names are not guessed."""
    with pytest.raises(BatchRefused, match="header cannot be read") as refused:
        read_under(Dialect(width=2), 'a,"b\n1,2\n')
    assert refused.value.where == "text, line 1"


def test_characters_of_a_wrong_label_are_those_of_windows_1252() -> None:
    """Bytes 0x80 to 0x9F that were taken for ISO 8859-1 are told, and read as what they are."""
    found = read("id,name\n1,Pat\x92s \x96 caf\xe9\n2,y\n")
    assert found.rows[0] == ("1", "Pat\u2019s \u2013 café")
    assert "utf-8 over windows-1252" in str(found.dialect)
    kept = read("id,name\n1,Pat\x92s\n2,y\n", declared={"relabelled": False})
    assert kept.rows[0] == ("1", "Pat\x92s")


def test_a_million_quotes_are_read_in_one_go() -> None:
    """Neither open quotes nor quotes beyond number are looked at again and again."""
    found = read("a,b\n" + '"' * 300_000 + "\n1,2\n" + '"x,1\n"' * 20_000, ["a", "b"])
    assert len(found.rows) + len(found.rejects) > 10_000


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet="ab12,;\"'\n\r \t#\\é\0\x92", min_size=1, max_size=120))
@example('a,b\n1,"x\n2,y\n3,z"\n')
@example("# x\n# y\na,b\n1,2\n")
@example("a,b\n\nx\n\na,b\n1,2\n\nsome more words\n")
def test_every_line_is_told_what_it_is(text: str) -> None:
    """Each line is part of one record; those that are of none have nothing but marks."""
    try:
        dialect = detect(text).dialect
    except BatchRefused:
        return
    try:
        found = read_under(dialect, text)
    except BatchRefused:
        return  # the header: test_a_header_that_cannot_be_read_refuses_the_batch
    taken = [line for _, record in found.parts for line in range(record.line, record.last + 1)]
    assert taken == sorted(set(taken))
    lines = text.replace("\r\n", "\n")
    lines = lines.replace("\r", "\n") if dialect.returns else lines
    for number, line in enumerate(lines.split("\n"), 1):
        assert number in taken or not any(char.isalnum() for char in line)
