"""JSON documents: the list that is declared is read, record by record, whatever is around it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sluicegate.sources.json_records as module
from sluicegate.errors import BatchRefused, ContractError
from sluicegate.sources import Json, Records
from sluicegate.sources.json_records import record_blocks
from sluicegate.sources.ndjson import read_ndjson, records_of
from tests.unit.kit import together


def read(text: str | bytes, folder: Path, records: str = "", **options: Any) -> Records:
    """The records of a document."""
    (file := folder / "drop").write_bytes(text if isinstance(text, bytes) else text.encode())
    format_ = Json(records, **options)
    found = together(format_.read(file, name="drop.json", columns=(), most=100))
    assert format_.count(file) == found.count
    return found


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('[{"a": {"b": 1.50}}, {"a": {"b": 1e400}}]', ""),
        ('{"data": {"n": 2, "items": [{"a": {"b": 1.50}}, {"a": {"b": 1e400}}]}}', "data.items"),
        ('{"x": "\\"]}[{", "y": [[{"d": []}]], "d": [{"a":{"b":1.50}},{"a":{"b":1e400}}]}', "d"),
        ('{"d": [{"a.b": 1.50},\r\n {"a":\n\t{"b": 1e400}}\n], "e": {"d": [{}]}, "f": null}', "d"),
        ('\ufeff { "\\u0064" : [ {"a.b": "1.50"} , {"a.b":"1e400"} ] } \n', "d"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_records_of_the_declared_list_are_read(
    tmp_path: Path, text: str, path: str, packed: bool
) -> None:
    """Numbers keep their digits, nested members have dotted names, positions are numbers."""
    raw = gzip.compress(text.encode()) if packed else text.encode()
    records = read(raw, tmp_path, path)
    assert records.rows.select("a.b", "_line").rows() == [("1.50", 1), ("1e400", 2)]
    assert records.rejects.is_empty()


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ("7", "json"),
        ("null", "json"),
        ("NaN", "json"),
        ("[1, 2]", "json"),
        ('"a"', "json"),
        ('{"a": NaN}', "json"),
        ('{"a": -Infinity}', "json"),
        ('{"a": 1,}', "json"),
        ('{"a": 1]', "json"),
        ('{"a": "x\ny"}', "json"),
        ('{"a": "x\ty"}', "json"),
        ('{"a": ' + "[" * 9_999 + "]" * 9_999 + "}", "json"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"a": {"b": 1}, "a.b": 1}', "duplicate_key"),
        ('{"_line": 1}', "duplicate_key"),
        ('{"a": "\\ud800"}', "encoding"),
        ('{"a": "\\u0000"}', "encoding"),
    ],
)
def test_record_that_is_none_is_a_reject(tmp_path: Path, record: str, rule: str) -> None:
    """As a line is; its neighbours are rows."""
    found = read(f'[{{"a": 1}},\n{record}, {{"a": 2}}]', tmp_path)
    assert found.rows.rows() == [("1", 1), ("2", 3)]
    assert found.rejects.rows() == [(2, record.replace("\n", "\x0b"), f"record:{rule}")]


def test_what_is_no_text_is_a_reject(tmp_path: Path) -> None:
    """Also a NUL; both with their escapes."""
    blank = b'{"a": "' + b"x" * 4_096 + b'"}, '
    found = read(b"[" + blank + b'{"a": "\xff"}, {"a": "x\0y"}, {"a": 1}]', tmp_path)
    assert found.rows["_line"].to_list() == [1, 4]
    assert found.rejects.rows() == [
        (2, r'{"a": "\xff"}', "record:encoding"),
        (3, r'{"a": "x\x00y"}', "record:encoding"),
    ]


def test_records_over_lines_are_recognised_by_their_shape(tmp_path: Path) -> None:
    """What is indented for people is read as what is not: integers of any size are texts."""
    sent = [{"a": 2**70, "b": {"c": "x\ny"}, "d": [1, {"e": "]"}]}, {"a": 0, "b": {}, "d": []}]
    flat, indented = (
        read(json.dumps(sent, indent=indent), tmp_path).rows.to_dicts() for indent in (None, 2)
    )
    assert flat == indented
    assert flat[0] | {"d": ""} == {"a": str(2**70), "b.c": "x\ny", "d": "", "_line": 1}


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("", "", "breaks off"),
        ('[{"a": 1}', "", "breaks off"),
        ('[{"a": 1}, ', "", "breaks off"),
        ('[{"a": 1}, {"a"', "", "breaks off"),
        ('{"d": [{"a": 1}]', "d", "breaks off"),
        ('{"d": [{"a": 1}], "e": [', "d", "breaks off"),
        ('{"e": "', "d", "breaks off"),
        ("[7", "", "breaks off"),
        ('[{"a": [1}, {"a": 2}]', "", "breaks off"),
        ('[{"a": 1} {"a": 2}]', "", "is no JSON"),
        ('[{"a": 1},, {"a": 2}]', "", "is no JSON"),
        ('[{"a": 1},]', "", "is no JSON"),
        ("{d: []}", "d", "is no JSON"),
        ('{"e" 1}', "d", "is no JSON"),
        ('{"\\x": 1}', "d", "is no JSON"),
        ("[{}]\n[{}]", "", "goes on behind its end"),
        ('{"a": 1}\n{"a": 2}\n', "", "found an object"),
        ('{"data": {"items": []}}', "data.item", "did you mean 'items'"),
        ('{"data": {"items": []}}', "data.x.y", "no member 'data.x'"),
        ('{"data": {"items": {}}}', "data.items", "a list of records in 'data.items', and found"),
        ('{"data": {"items": null}}', "data.items", "found a plain value"),
        ("[]", "data", "an object with a member 'data', and found a list"),
        ('{"d": [], "d": []}', "d", "says 'd' twice"),
        ("<html>", "", "found a plain value"),
    ],
)
def test_document_that_cannot_be_read_is_refused(
    tmp_path: Path, text: str, path: str, message: str
) -> None:
    """With what was found instead, and without a value of it."""
    (file := tmp_path / "drop").write_text(text)
    with pytest.raises(BatchRefused, match="JSON document cannot be read") as refused:
        list(Json(path).read(file, name="drop.json", columns=(), most=100))
    assert message in str(refused.value)


def test_refusal_says_after_which_record(tmp_path: Path) -> None:
    """That is where people look; what came before it can be counted."""
    (file := tmp_path / "drop").write_text('[{"a": 1}, {"a": 2}')
    with pytest.raises(BatchRefused, match="after record 2"):
        list(Json().read(file, name="drop.json", columns=(), most=100))
    assert Json().count(file) == 0


def test_empty_list_has_no_records(tmp_path: Path) -> None:
    """Whether that may be is for its contract."""
    assert read('{"data": [ ]}', tmp_path, "data").count == 0


@pytest.mark.parametrize("path", [".", "data.", "a..b"])
def test_path_without_a_name_is_refused_when_declared(path: str) -> None:
    """It leads nowhere."""
    with pytest.raises(ContractError, match="leads to no list"):
        Json(path)


def test_declared_encoding_is_what_its_bytes_mean(tmp_path: Path) -> None:
    """Also where brackets are not one byte."""
    records = read('[{"a": "€[{"}]'.encode("utf-16"), tmp_path, encoding="utf-16")
    assert records.rows.rows() == [("€[{", 1)]
    with pytest.raises(ContractError, match="no encoding"):
        Json(encoding="utf-77")


def test_record_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be held as a whole; what is not read may be as large as it likes."""
    monkeypatch.setattr(module, "MOST_LINE", 1_000)
    records = [{"a": "x" * 300}] * 8
    raw = json.dumps({"skipped": [records], "d": records}).encode()
    assert sum(block.count for block in record_blocks(raw, "drop", ("d",), size=100)) == 8
    for path in ("skipped", "d"):
        raw = json.dumps({"skipped": [], "d": [], path: [{"a": "x" * 3_000}]}).encode()
        with pytest.raises(BatchRefused, match="A value is longer than"):
            list(record_blocks(raw, "drop", ("d",), size=100))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(
    records=st.lists(VALUES, max_size=6),
    beside=VALUES,
    indent=st.sampled_from([None, 1]),
    size=st.integers(1, 40),
)
def test_document_is_read_as_its_records_by_line(
    records: list[Any], beside: Any, indent: int | None, size: int
) -> None:
    """Whatever stands in it and beside it, and wherever it is cut."""
    document = {"x": beside, "data": {"y": beside, "items": records, "z": beside}, "w": beside}
    raw = json.dumps(document, indent=indent, ensure_ascii=False).encode(errors="surrogatepass")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sluicegate.sources.text._HEAD", 4)
        blocks = list(record_blocks(raw, "drop", ("data", "items"), size=size))
        found = together(records_of(blocks))
    assert [block.last for block in blocks] == [False] * (len(blocks) - 1) + [True]
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)
    wanted = together(read_ndjson(lines.encode(errors="surrogatepass")))
    assert found.rows.to_dicts() == wanted.rows.to_dicts()
    assert found.rejects.drop("text").equals(wanted.rejects.drop("text"))
