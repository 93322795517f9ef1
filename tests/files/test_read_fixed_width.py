"""Text of fixed width: columns stand at characters, and what shifted is no record."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sluicegate.sources.fixed_width as module
from sluicegate.errors import BatchRefused, ContractError
from sluicegate.sources import FixedWidth, Records
from tests.unit.kit import together

NAMED = {"id": (1, 3), "name": (5, 8)}


def read(format_: FixedWidth, text: str | bytes, folder: Path) -> Records:
    """The records of a text."""
    (file := folder / "drop").write_bytes(text if isinstance(text, bytes) else text.encode())
    return together(format_.read(file, name="drop", columns=(), most=100))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_columns_stand_at_their_characters(tmp_path: Path, line_end: str) -> None:
    """Padding is no value, what is between columns is not read, and blank lines are none."""
    text = line_end.join([" 1 |äöü ", "", "  2|    ", "        ", "003|a b ", ""])
    records = read(FixedWidth(NAMED), gzip.compress(text.encode()), tmp_path)
    assert records.header == ("id", "name")
    assert records.rows.rows() == [("1", "äöü", 1), ("2", None, 3), ("003", "a b", 5)]
    assert records.rejects.is_empty()


def test_widths_count_on_from_the_column_before() -> None:
    """However they are written, positions are what is declared."""
    assert FixedWidth({"a": 2, "b": (5, 6), "c": 1}) == FixedWidth(
        {"a": (1, 2), "b": (5, 6), "c": (7, 7)}
    )


@pytest.mark.parametrize(
    ("options", "line", "cells"),
    [
        ({}, "1   abcd", ("1", "abcd")),
        ({}, "1   abc", None),
        ({}, "1   abcd ", None),
        ({"width": 9}, "1   abcdX", ("1", "abcd")),
        ({"width": 9}, "1   abcdXY", None),
        ({"optional": ("name",)}, "1   ab", ("1", "ab")),
        ({"optional": ("name",)}, "1  ", ("1", None)),
        ({"optional": ("name",)}, "1", None),
        ({"optional": ("name",)}, "1   abcde", None),
    ],
)
def test_line_of_another_width_is_a_reject(
    tmp_path: Path, options: dict[str, Any], line: str, cells: tuple[str, ...] | None
) -> None:
    """Only columns that are declared so may be lacking at its end."""
    records = read(FixedWidth(NAMED, **options), f"{line}\n", tmp_path)
    assert records.rows.rows() == ([] if cells is None else [(*cells, 1)])
    assert records.rejects.rows() == ([(1, line, "record:width")] if cells is None else [])


def test_what_is_no_text_is_a_reject(tmp_path: Path) -> None:
    """Bytes that are no character would shift what stands behind them."""
    records = read(FixedWidth(NAMED), b"1   abcd\n2   \xffbcd\n", tmp_path)
    assert records.rows.height == 1
    assert records.rejects.rows() == [(2, r"2   \xffbcd", "record:encoding")]


@pytest.mark.parametrize("name", ["name", "surname"])
def test_header_says_each_name_in_its_place(tmp_path: Path, name: str) -> None:
    """A name that is wider than its column is cut; the header is no record."""
    format_ = FixedWidth({"id": (1, 3), name: (5, 8)}, header=True)
    records = read(format_, f"\nID  {name[:4]}\n1   abcd\n", tmp_path)
    assert records.rows.rows() == [("1", "abcd", 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1   abcd\n", "does not say 'id' at the characters 1 to 3"),
        ("id   name\n", "does not say 'name' at the characters 5 to 8"),
        ("", "not even a header"),
        ("\n \n", "not even a header"),
    ],
)
def test_first_line_that_is_no_header_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A record must not be taken for a header, and columns that moved are noticed."""
    with pytest.raises(BatchRefused, match=message):
        read(FixedWidth(NAMED, header=True), text, tmp_path)


def test_empty_file_has_no_records(tmp_path: Path) -> None:
    """There is one part, and nothing in it; whether that may be is for its contract."""
    assert read(FixedWidth(NAMED), "", tmp_path).count == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {}}, "has columns"),
        ({"columns": [("a", 1)]}, "has columns"),
        ({"columns": {"a": (0, 3)}}, "'a' cannot stand at"),
        ({"columns": {"a": (4, 3)}}, "'a' cannot stand at"),
        ({"columns": {"a": (1,)}}, "'a' cannot stand at"),
        ({"columns": {"a": 0}}, "'a' cannot stand at 0"),
        ({"columns": {"a": True}}, "'a' cannot stand at True"),
        ({"columns": {"a": "1-3"}}, "'a' cannot stand at '1-3'"),
        ({"columns": {"a": (1, 3), "b": (3, 4)}}, "'a' and 'b' overlap"),
        ({"columns": {"a": (1, 9), "b": (3, 4)}}, "'a' and 'b' overlap"),
        ({"columns": {"b": (5, 6), "a": 2, "c": (1, 5)}}, "'c' and 'b' overlap"),
        ({"columns": {"_line": 3}}, "no column of a file"),
        ({"columns": {"a": 3}, "width": 2}, "has no character 3"),
        ({"columns": {"name": 3}, "optional": ("nme",)}, "did you mean 'name'"),
        ({"columns": {"a": 3, "b": 3}, "optional": ("a",)}, "'a' cannot be lacking"),
    ],
)
def test_positions_that_cannot_be_are_refused_when_declared(
    options: dict[str, Any], message: str
) -> None:
    """Not when the first batch arrives."""
    with pytest.raises(ContractError, match=message):
        FixedWidth(**options)


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), max_size=5)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS).filter(any), max_size=8),
    size=st.integers(1, 30),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], size: int
) -> None:
    """Whatever stands in the columns, and however many lines are looked at together."""
    text = "".join(f"{a:5}{b:<7}{c:>5}\n" for a, b, c in rows)
    whole = module.blocks
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "blocks", lambda *given: whole(*given, size=size))
        format_ = FixedWidth({"a": 5, "b": 7, "c": 5})
        records = read(format_, text, tmp_path_factory.getbasetemp())
    assert records.rows.drop("_line").rows() == [tuple(c or None for c in row) for row in rows]
    assert records.rows["_line"].to_list() == list(range(1, len(rows) + 1))
