"""Texts that are not UTF-8: what was declared is what their bytes mean, in every format of text."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest

import sluicegate.sources.text as text_module
from sluicegate.errors import BatchRefused, ContractError
from sluicegate.sources import Delimited, FixedWidth, Format, Ndjson, Records
from sluicegate.sources.text import blocks
from tests.unit.kit import together


def declared(encoding: str) -> list[Format]:
    """Every format of text, with an encoding."""
    return [
        Delimited(encoding=encoding),
        Ndjson(encoding=encoding),
        FixedWidth({"a": 3, "b": 3}, header=True, encoding=encoding),
    ]


def written(format_: Format, cells: str) -> str:
    """A record of two columns in a format, with the header that it needs."""
    a, b = cells.split(",")
    if isinstance(format_, Delimited):
        return f"a,b\n{a},{b}\n"
    if isinstance(format_, FixedWidth):
        return f"a  b\n{a:3}{b:3}\n"
    return f'{{"a": "{a}", "b": "{b}"}}\n'


def read(format_: Format, content: bytes, folder: Path) -> Records:
    """The records of a file."""
    file = folder / "drop"
    file.write_bytes(content)
    return together(format_.read(file, name="drop", columns=("a", "b"), most=100))


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-be", "UTF8", "utf-7"])
def test_text_is_read_in_the_encoding_that_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """Also where a byte that looks like a line feed is none (U+0A0A, in UTF-16), and in pieces."""
    monkeypatch.setattr(text_module, "_HEAD", 6)
    text = "€ü,x" if encoding == "cp1252" else "\u0a0a\u010a,x"
    for format_ in declared(encoding):
        records = read(format_, written(format_, text).encode(encoding), tmp_path)
        assert records.rows.drop("_line").rows() == [tuple(text.split(","))]
        assert records.rejects.is_empty()


@pytest.mark.parametrize(
    ("encoding", "bad", "text"),
    [
        ("cp1252", b"\x81", r"\x81"),
        ("utf-16-le", b"\x00\xd8", r"\x00\xd8"),
        ("cp1252", b"\x00", r"\x00"),
        ("utf-16-le", b"\x00\x00", r"\x00"),
    ],
)
def test_what_an_encoding_has_no_character_for_is_a_reject(
    tmp_path: Path, encoding: str, bad: bytes, text: str
) -> None:
    """With its bytes as escapes, so that it can be repaired; its neighbours are rows."""
    padding = "x,y\n" * 2_000
    content = f"a,b\n{padding}".encode(encoding) + bad + ",z\n1,2\n".encode(encoding)
    records = read(Delimited(encoding=encoding), content, tmp_path)
    assert records.rows.height == 2_001
    assert records.rejects.rows() == [(2_002, f"{text},z", "record:encoding")]


def test_text_that_breaks_off_within_a_character_is_a_reject(tmp_path: Path) -> None:
    """Half of a character at the end of a file is not lost."""
    records = read(Ndjson("utf-16-le"), '{"a": 1}\n{"a'.encode("utf-16-le")[:-1], tmp_path)
    assert records.rows.rows() == [("1", 1)]
    assert records.rejects.rows() == [(2, '{"\\x61', "record:encoding")]


def test_utf_16_that_is_not_declared_is_named() -> None:
    """It holds NULs, as binary files do."""
    content = codecs.BOM_UTF16_LE + "a,b\n".encode("utf-16-le")
    with pytest.raises(BatchRefused, match="declare encoding='utf-16'"):
        list(blocks(content, "drop"))


@pytest.mark.parametrize(
    ("encoding", "hint"),
    [
        ("utf-88", "utf-8"),
        ("windws-1252", "windows-1252"),
        ("rot13", ""),
        ("hex", ""),
        ("undefined", ""),
        ("", ""),
        (None, ""),
    ],
)
@pytest.mark.parametrize("made", [Delimited, Ndjson, FixedWidth])
def test_unknown_encoding_is_refused_when_declared(made: Any, encoding: Any, hint: str) -> None:
    """And so is a codec that makes no text, or none that can be read piece by piece."""
    options = {"columns": {"a": 1}} if made is FixedWidth else {}
    with pytest.raises(ContractError, match="no encoding of text") as refused:
        made(encoding=encoding, **options)
    assert hint in (refused.value.hint or "")


@pytest.mark.parametrize("format_", declared("cp1252"), ids=["csv", "ndjson", "fixed"])
def test_records_of_another_encoding_are_counted(tmp_path: Path, format_: Format) -> None:
    """As what a batch which cannot be read must have meant to send."""
    (file := tmp_path / "drop").write_bytes(written(format_, "ü,x").encode("cp1252"))
    assert format_.count(file) == 1
