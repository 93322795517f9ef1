"""What the command of previews prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from sluicegate.cli import render
from sluicegate.cli.render import out, print_json, table_of
from sluicegate.dialect import ENCODING, Part, Record
from sluicegate.errors import SluicegateError

if TYPE_CHECKING:
    from sluicegate.opening import Content
    from sluicegate.pipeline.previewed import Previewed

_MOST_COLUMNS = 12
"""Columns of rows that a terminal has room for."""

_MOST_SHAPES = 60
_MOST_REJECTED = 10
_LONGEST_TEXT = 160
_LONGEST_CELL = 32
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[dD][89a-fA-F])|\0")
"""What stands for bytes that are no characters, and half of a surrogate pair in JSON."""
_EMPTY = "empty; a batch like this is held"
_UNSURE = 0.3
"""Confidence below which the next best dialect is told."""

_PARTS = {
    Part.ROW: "rows",
    Part.REJECT: "rejected",
    Part.PREAMBLE: "before a header",
    Part.COMMENT: "comments",
    Part.FOOTER: "after the last row",
}


def told(found: Previewed | SluicegateError) -> None:
    """How a file would be read, or why not."""
    if isinstance(found, SluicegateError):
        render.error(found, json=False)
        return
    out.print(f"[bold]{escape(str(found.file))}[/bold]: {escape(_form(found))}")
    if found.detected and found.detected.rival and found.detected.confidence < _UNSURE:
        out.print(f"[yellow]nearly as likely:[/yellow] {escape(str(found.detected.rival))}")
    for remark in found.remarks:
        out.print(f"[yellow]note:[/yellow] {_shown(remark, _LONGEST_TEXT)}")
    _columns(found)
    _rows(found)
    _rejected(found)
    _counts(found)
    if found.written:
        cells = "cell" if found.changed == 1 else "cells"
        told = f"; {found.changed:,} {cells} changed for spreadsheets" if found.changed else ""
        out.print(f"written: {escape(str(found.written))}{told}", soft_wrap=True)


def _form(found: Previewed) -> str:
    if found.form:
        called, declared = found.form
        count = len(found.header)
        columns = f"{count:,} {'column' if count == 1 else 'columns'}"
        return f"{called}, {columns}; a source declares {declared}"
    return str(found.detected.dialect) if found.detected else _EMPTY


def all_told(files: Sequence[Content], found: Sequence[Previewed | SluicegateError]) -> None:
    """How all files would be read, for programs."""
    print_json([_plain(file, each) for file, each in zip(files, found, strict=True)])


def _plain(file: Content, found: Previewed | SluicegateError) -> dict[str, Any]:
    if not isinstance(found, SluicegateError):
        return found.to_dict()
    return {
        "file": str(file),
        "error": type(found).__name__,
        "message": found.message,
        "where": found.where,
        "next": found.hint,
        "exit_code": found.exit_code,
    }


def _columns(found: Previewed) -> None:
    table = table_of("column", "looks like", "note")
    for name, shape in list(zip(found.header, found.shapes, strict=True))[:_MOST_SHAPES]:
        table.add_row(_shown(name), shape.kind.value, escape("; ".join(shape.notes)))
    out.print(table)
    if (more := len(found.header) - _MOST_SHAPES) > 0:
        out.print(f"[dim]… and {more:,} more columns[/dim]")
    if found.absent:
        out.print(f"[yellow]named, but in no row:[/yellow] {_listed(found.absent)}")
    if found.unknown:
        out.print(f"[yellow]{_missed(found)} in the header:[/yellow] {_listed(found.unknown)}")


def _listed(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _MOST_COLUMNS else ""
    return f"{', '.join(map(_shown, names[:_MOST_COLUMNS]))}{more}"


def _missed(found: Previewed) -> str:
    """How many of the names that were given no column has."""
    missed, given = len(found.unknown), found.named
    if missed == given:
        return (
            f"none of the {given:,} names of --columns is"
            if given > 1
            else "the name of --columns is not"
        )
    return f"{missed:,} of the {given:,} names of --columns {'is' if missed == 1 else 'are'} not"


def _rows(found: Previewed) -> None:
    if not found.rows:
        return
    table = table_of(*map(_shown, found.header[:_MOST_COLUMNS]))
    for row in found.rows:
        table.add_row(*map(_shown, row[:_MOST_COLUMNS]))
    out.print(table)
    if (more := len(found.header) - _MOST_COLUMNS) > 0:
        out.print(f"[dim]… and {more:,} more {'column' if more == 1 else 'columns'}[/dim]")


def _rejected(found: Previewed) -> None:
    for record in found.rejected[:_MOST_REJECTED]:
        text = _shown(_around_flaw(record), _LONGEST_TEXT)
        out.print(f"[yellow]line {record.line}[/yellow], {record.flaw}: {text}", soft_wrap=True)
    if (more := found.broken.total() - _MOST_REJECTED) > 0:
        rules = ", ".join(f"{count:,} {rule}" for rule, count in found.broken.most_common())
        told = f"; by rule, of all: {rules}" if len(found.broken) > 1 else ""
        out.print(f"[dim]… and {more:,} more{told}[/dim]", soft_wrap=True)


def _around_flaw(record: Record) -> str:
    """The text of a record; of a long one, from shortly before what its encoding does not allow."""
    found = _ESCAPE.search(record.text) if record.flaw == ENCODING else None
    start = found.start() - _LONGEST_TEXT // 2 if found else 0
    if not found or found.end() <= _LONGEST_TEXT or start <= 0:
        return record.text
    return f"…{record.text[start:]}"


def _counts(found: Previewed) -> None:
    counts = [
        f"{found.counts[part]:,} {_singular(word) if found.counts[part] == 1 else word}"
        for part, word in _PARTS.items()
        if found.counts[part] or part is Part.ROW
    ]
    if repeated := found.counts[Part.HEADER] - bool(
        found.detected and found.detected.dialect.header
    ):
        counts.append(f"{repeated:,} more of the header")
    read = "" if found.whole else f" in the first {found.counts.total():,} records"
    out.print(f"{', '.join(counts)}{read}")


def _singular(word: str) -> str:
    return {"rows": "row", "comments": "comment"}.get(word, word)


def _shown(text: str, most: int = _LONGEST_CELL) -> str:
    """A text of a file as a terminal may show it: no control character reaches it."""
    short = text if len(text) <= most else f"{text[:most]}…"
    plain = "".join(char if char.isprintable() else repr(char)[1:-1] for char in short)
    return escape(plain)
