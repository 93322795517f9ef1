"""JSON records: lines and pages become text columns, and what cannot be one keeps its text."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.errors import BatchRefused, ProviderFailed
from sluicegate.sources import JsonPages, Ndjson, Records
from sluicegate.sources.json_shapes import shape_of
from sluicegate.sources.jsons import MOST_DEPTH, Sent, document, gathered, one_by_one, parse
from sluicegate.sources.ndjson import read_ndjson
from tests.unit.kit import together

WITH_LINES = {"_line": pl.Int64, "line": pl.String}
GOOD = '{"a": 1}'


def read(tmp_path: Path, content: str | bytes) -> Records:
    """Records of a text with one object a line."""
    file = tmp_path / "drop"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return together(Ndjson().read(file, name="drop.ndjson", columns=(), most=1_000))


def rows(records: Records) -> list[dict[str, Any]]:
    """Rows without the columns that they have no value for."""
    return [
        {name: cell for name, cell in row.items() if cell is not None}
        for row in records.rows.iter_rows(named=True)
    ]


def test_nested_values_become_columns(tmp_path: Path) -> None:
    """Objects are joined with dots, lists stay JSON, and a missing member is absent."""
    records = read(tmp_path, '{"a": {"b": {"c": "x"}, "d": null}, "e": [1, "y"]}\n{"f": true}\n')
    assert records.header == ("a.b.c", "a.d", "e", "f")
    assert rows(records) == [
        {"a.b.c": "x", "e": '[1, "y"]', "_line": 1},
        {"f": "true", "_line": 2},
    ]


@pytest.mark.parametrize(
    "number", ["19.10", "0.1", "-0", "1e3", "12345678901234567890123", "1234567890.123456789012"]
)
def test_numbers_keep_their_digits(tmp_path: Path, number: str) -> None:
    """No number goes through a float on its way."""
    assert rows(read(tmp_path, f'{{"n": {number}}}\n')) == [{"n": number, "_line": 1}]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('{"a": 1', "record:json"),
        ("[1, 2]", "record:json"),
        ('"text"', "record:json"),
        ("12", "record:json"),
        ("null", "record:json"),
        ('{"a": NaN}', "record:json"),
        ('{"a": {"b": -Infinity}}', "record:json"),
        ('{"a": 1} {"a": 2}', "record:json"),
        ("[" * 100_000, "record:json"),
        ('{"a": 1, "a": 2}', "record:duplicate_key"),
        ('{"a": {"b": 1, "b": 1}}', "record:duplicate_key"),
        ('{"a.b": 1, "a": {"b": 2}}', "record:duplicate_key"),
        ('{"a": {"b": 1}, "a": {"c": 2}}', "record:duplicate_key"),
        ('{"a": {"b": 1}, "a": 2}', "record:duplicate_key"),
        ('{"a": {"b": 1}, "a": {"c": "\\n"}}', "record:duplicate_key"),
        ('{"a": [1, NaN]}', "record:json"),
        ('{"a": [{"b": [-Infinity]}]}', "record:json"),
        ('{"a": [{"x": 1, "x": 2}]}', "record:duplicate_key"),
        ('{"a": [[{"b": {"x": 1, "x": 2}}]]}', "record:duplicate_key"),
        ('{"_line": 7}', "record:duplicate_key"),
        ("a,b,c", "record:json"),
        ('{"a": "\\ud83d"}', "record:encoding"),
        ('{"\\ud83d": 1}', "record:encoding"),
        ('{"a": "x\\u0000y"}', "record:encoding"),
    ],
)
def test_what_is_no_record_is_set_aside(tmp_path: Path, line: str, rule: str) -> None:
    """It keeps its line and its text, and costs no other record."""
    records = read(tmp_path, f"{GOOD}\n{line}\n\n{GOOD}\n")
    assert records.rejects.rows() == [(2, line, rule)]
    assert [row["_line"] for row in rows(records)] == [1, 4]
    assert records.count == 3


def test_what_all_lines_say_twice_is_set_aside(tmp_path: Path) -> None:
    """Also where it is the shape of the file, and one of its lines has an escape."""
    plain, escaped = '{"a":{"b":1},"a":{"c":"x"}}', '{"a":{"b":1},"a":{"c":"\\t"}}'
    records = read(tmp_path, f"{plain}\n{escaped}\n{plain}\n")
    assert records.rejects["_line"].to_list() == [1, 2, 3]
    assert records.rejects["rule"].unique().to_list() == ["record:duplicate_key"]
    assert records.rows.is_empty()


def test_lists_are_what_was_sent(tmp_path: Path) -> None:
    """A number is told from a text, and keeps its digits."""
    lists = [
        *('[1, "1", 1.10, -0, 1e3, 12345678901234567890123]', "[]", "[[], {}]", '["é\\n\\"q\\""]'),
        *('[true, false, null, {"x": 1.0, "y": {"z": ["2"]}}]', '["\\ud83d"]', '["\\u0000"]'),
    ]
    records = read(tmp_path, "".join(f'{{"a":{each}}}\n' for each in lists))
    assert records.rows["a"].to_list() == lists


def nested(depth: int, value: str) -> str:
    """A record of so many objects within one another."""
    return '{"a":' * depth + value + "}" * depth


@pytest.mark.parametrize("value", ["1", '"x"', '"\\t"'])
def test_how_deep_a_record_may_be(tmp_path: Path, value: str) -> None:
    """It is the same by shape and by line, and does not depend on how deep the parser gets."""
    most = nested(MOST_DEPTH, value)
    assert shape_of(most)
    depths = [MOST_DEPTH, MOST_DEPTH + 1, 500, 900, 3_000, 5_000]
    lines = [nested(depth, each) for depth in depths for each in ('"x"', value)]
    records = read(tmp_path, "".join(line + "\n" for line in lines))
    assert records.rows["_line"].to_list() == [1, 2]
    assert records.rejects.rows() == [
        (number, line, "record:json") for number, line in enumerate(lines[2:], 3)
    ]


def test_how_deep_a_list_may_be(tmp_path: Path) -> None:
    """Lists count as objects do."""
    within = ["[" * depth + "]" * depth for depth in (MOST_DEPTH - 1, MOST_DEPTH, 900)]
    records = read(tmp_path, "".join(f'{{"a":{each}}}\n' for each in within))
    assert records.rows["a"].to_list() == within[:1]
    assert records.rejects.select("_line", "rule").rows() == [
        (2, "record:json"),
        (3, "record:json"),
    ]


@pytest.mark.parametrize("name", ["x" * 2_000_000, "é" * 33_000], ids=["x", "é"])
def test_names_may_be_longer_than_a_pattern(tmp_path: Path, name: str) -> None:
    """They are read line by line then, as are many blanks behind the last value."""
    lines = [f'{{"{name}":1}}', f'{{"{name}":"\\n"}}']
    assert shape_of(lines[0]) is None
    records = read(tmp_path, "".join(line + "\n" for line in lines))
    assert records.rows.rows() == [("1", 1), ("\n", 2)]
    assert shape_of('{"a":1' + " " * 70_000 + "}") is None
    assert shape_of('{"' + "x" * 60_000 + '":1}')


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    """One line in another encoding is set aside with its bytes as escapes."""
    records = read(tmp_path, f"{GOOD}\n".encode() + b'{"a": "caf\xe9"}\n' + f"{GOOD}\n".encode())
    assert records.rejects.rows() == [(2, '{"a": "caf\\xe9"}', "record:encoding")]
    assert records.rows.height == 2


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_compression_marks_and_line_ends_change_nothing(tmp_path: Path, ending: str) -> None:
    """Gzip, a byte-order mark, CRLF or a missing last line end: the same record."""
    content = b"\xef\xbb\xbf" + f"{GOOD}{ending}".encode()
    for packed in (content, gzip.compress(content)):
        assert rows(read(tmp_path, packed)) == [{"a": "1", "_line": 1}]


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """Binary content under the name of a text refuses the batch."""
    with pytest.raises(BatchRefused, match="binary"):
        read(tmp_path, b"PAR1\0\0\0")


def test_empty_file_has_no_record(tmp_path: Path) -> None:
    """It has neither header nor record; whether that is an answer, the source decides."""
    records = read(tmp_path, "")
    assert (records.header, records.count) == ((), 0)


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
CELLS = st.one_of(st.none(), st.booleans(), st.integers(), TEXTS)


@settings(max_examples=60)
@given(sent=st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), CELLS), max_size=5))
def test_every_object_is_a_row(
    tmp_path_factory: pytest.TempPathFactory, sent: list[dict[str, Any]]
) -> None:
    """Whatever the values, as many rows as objects, each with its own values."""
    content = "".join(json.dumps(each) + "\n" for each in sent)
    records = read(tmp_path_factory.mktemp("json"), content)
    assert records.rejects.is_empty()
    meant = [
        {
            name: str(cell).lower() if isinstance(cell, bool) else str(cell)
            for name, cell in each.items()
            if cell is not None
        }
        for each in sent
    ]
    found = [{k: v for k, v in row.items() if k != "_line"} for row in rows(records)]
    assert found == meant


def test_pages_are_one_list(tmp_path: Path) -> None:
    """Records are numbered through all pages; one that is no object is set aside."""
    file = tmp_path / "pages"
    file.write_text('[{"data": [{"a": 1.50}, 7]},\n{"data": []}, {"data": [{"a": {"b": "x"}}]}]')
    (records,) = JsonPages().read(file, name="list", columns=(), most=1_000)
    assert rows(records) == [{"a": "1.50", "_line": 1}, {"a.b": "x", "_line": 3}]
    assert records.rejects.rows() == [(2, "7", "record:json")]


@pytest.mark.parametrize("content", ["[{}]", "[7]", '[{"data": 3}]', "[", "{"])
def test_damaged_pages_are_refused(tmp_path: Path, content: str) -> None:
    """An archive that holds something else is no list of records."""
    file = tmp_path / "pages"
    file.write_text(content)
    with pytest.raises(BatchRefused, match="JSON document cannot be read"):
        list(JsonPages().read(file, name="list", columns=(), most=1_000))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"data": {}}', b"\xff", b"[" * 99_999])
def test_a_page_has_a_list(body: bytes) -> None:
    """What has none is not what was agreed."""
    with pytest.raises(ProviderFailed, match="a list called 'data'"):
        document(body, "data", "here")


@pytest.mark.parametrize(
    "line",
    [
        '{"a": 1}',
        '{"a":"x","b":null,"c":true,"d":-1.50e+3}',
        ' { "a" : "x, y" ,\t"b": {"c": "\\"q\\" \\u00e9", "d": {"e": false}}, "f": "" } ',
        '{"ü": "\\\\", "x y": "{\\"a\\": 1, \\"b\\": 2}"}',
        '{"a,b": 1}',
        '{"a": {"a": {"b": 1}, "b": 1}, "b": {"a": 1}}',
    ],
)
def test_line_of_plain_values_has_a_shape(line: str) -> None:
    """What is found by place is what a parser finds."""
    shape = shape_of(line)
    assert shape is not None
    lines = pl.DataFrame({"_line": [7], "line": [line]})
    (wanted,) = gathered([(7, Sent(parse(line), line))]).rows.rows(named=True)
    for each in (shape, shape.wider):
        cells, same = each.read(lines)
        assert same.to_list() == [True]
        assert cells.rows(named=True) == [wanted]


def test_rows_are_in_the_order_of_lines(tmp_path: Path) -> None:
    """Those with an escape are parsed apart from the others."""
    records = read(tmp_path, '{"a": "\\t"}\n{"a": "b"}\n{"a": "\\n"}\n')
    assert records.rows.rows() == [("\t", 1), ("b", 2), ("\n", 3)]


def test_a_shape_takes_no_line_that_is_another() -> None:
    """Each is one step away from it: the parser finds the same, or has reason to refuse it."""
    shape = shape_of('{"a": 1, "b": "x", "c": null}')
    assert shape is not None
    others = (
        *('{"a": 01, "b": "x", "c": null}', '{"a": 1, "b": "x"y", "c": null}'),
        *('{"a": 1, "b": "\\ud83d", "c": null}', '{"a": 1, "b": "x", "c": nul}'),
        *('{"a": 1, "b": "x", "c": null} ', '{"a": 1, "b": "x", "d": null}'),
        *('{"a": "1", "b": "x", "c": null}', '{"a": 1, "b": 2, "c": null}'),
        *('{"a": +1, "b": "x", "c": null}', '{"a": 1., "b": "x", "c": [1]}'),
    )
    lines = pl.DataFrame({"_line": range(len(others)), "line": others})
    cells, same = shape.read(lines)
    assert (cells.height, same.any()) == (0, False)
    wider, same = shape.wider.read(lines)
    assert wider["_line"].to_list() == same.arg_true().to_list() == [6, 7]


@pytest.mark.parametrize(
    "line",
    [
        *('{"a": [1]}', "{}", '{"a": {}}', '{"a": 1', '{"a" 1}', '{"a": 1} x', '{"a": 1,}'),
        *('{"a":{"b":1},"a":{"c":2}}', '{"a":{"b":1},"a":2}', '{"a":2,"b":3,"a":{"b":1}}'),
        *('{"x":{"a":{"b":1},"c":2,"a":{"d":1}}}', '{"a":{"b":1},"c":{"b":1},"a":{"c":1}}'),
        *('{"a": 1, "a": 2}', '{"a.b": 1, "a": {"b": 2}}', '{"_line": 1}', '{"a": 01}', "[1]"),
        *('{"a": NaN}', '{"a": "\\ud83d"}', '{"a": "\\u0000"}', '{"a": "\\x"}'),
    ],
)
def test_other_lines_have_none(line: str) -> None:
    """What is no JSON, says a name twice or holds a list is for the parser to look at."""
    assert shape_of(line) is None


NAMES = st.sampled_from(["a", "b", "c", 'q"', "x,y", "é"])
RECORDS = st.dictionaries(NAMES, CELLS | st.dictionaries(NAMES, CELLS, max_size=2), max_size=4)
LINES = st.one_of(
    st.builds(json.dumps, RECORDS, ensure_ascii=st.booleans()),
    st.builds(partial(json.dumps, separators=(",", ":"), ensure_ascii=False), RECORDS),
    st.sampled_from(['{"a": 1.50}', '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "x"', "12", ""]),
    st.sampled_from(['{"a":{"b":1},"a":{"c":"x"}}', '{"a":{"b":1},"a":{"c":"\\t"}}']),
    st.sampled_from(['{"a":[1,"1",NaN]}', '{"a":[{"b":1,"b":2}]}', '{"a":[1.10,"x"]}']),
    st.sampled_from(['{"a":"x,\\"a\\":1","b":2}', '{"a":",","b":null}', '{"a":null,"b":"null"}']),
)


@settings(max_examples=200)
@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]), st.integers(1, 60))
def test_shapes_and_blocks_change_nothing(lines: list[str], end: str, size: int) -> None:
    """Read a few bytes at a time and by shape, or all at once by the parser: the same records."""
    sent = [(n, line) for n, line in enumerate(lines, 1) if line]
    wanted = gathered(one_by_one(pl.DataFrame(sent, WITH_LINES, orient="row")))
    found = together(read_ndjson(end.join(lines).encode(), size=size))
    assert found.rejects.sort("_line").rows() == wanted.rejects.sort("_line").rows()
    assert set(found.header) == set(wanted.header)
    for ours, theirs in zip(
        found.rows.select(wanted.rows.columns).sort("_line").rows(), wanted.rows.rows(), strict=True
    ):
        assert [cell or None for cell in ours] == [cell or None for cell in theirs]


@pytest.mark.parametrize("begin", [b"x^abc", b"\x1f\x8b\x08", b"x\x9c", b"(\xb5/\xfd", b"x^Eplv"])
@pytest.mark.parametrize("size", [20, 1 << 20])
def test_lines_are_not_unpacked_for_how_they_begin(begin: bytes, size: int) -> None:
    """They are no records, and cost none of their neighbours; in whichever block."""
    good = b'{"a":"1"}\n'
    found = together(read_ndjson(good * 3 + begin + b"\n" + good * 3, size=size))
    assert found.rows["_line"].to_list() == [1, 2, 3, 5, 6, 7]
    assert found.rejects["_line"].to_list() == [4]
    alone = together(read_ndjson(begin + b"\n" + good, size=size)) if begin[:1] == b"x" else found
    assert alone.rejects.height == 1
