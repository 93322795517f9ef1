"""Records of a JSON document, found without holding it: each is cut out, and read as a line is.

Cutting only tells strings from brackets, so that a record which is no JSON costs itself and not the
document. A streaming parser of others (``ijson``) would not do: it makes numbers of digits, says
``?`` for half of a surrogate pair, and stops for good at the first ``NaN``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from sluicegate.errors import BatchRefused, meant
from sluicegate.opening import MOST_LINE, Reached, opened
from sluicegate.sources.text import BLOCK, Block, pieces

EACH = None
"""A step of a path: into every element of a list."""

Steps = Sequence[str | None]
"""The members that lead to a list of records, from the outside."""

_BLANK = rb"[ \t\r\n]*+"
_STRING = rb'"(?>[^"\\\x00-\x1f]++|\\.)*+"'
_NESTED = rb"[^\x00-\xff]"
for _ in range(5):
    # What nests deeper, or holds a control character, is walked through bracket by bracket.
    _NESTED = rb'[{\[](?>[^"{}\[\]]++|%b|%b)*+[}\]]' % (_STRING, _NESTED)
_SCALAR = rb'[^ \t\r\n,:"{}\[\]]++'

_blank = re.compile(_BLANK)
_nested = re.compile(_NESTED, re.DOTALL)
_run = re.compile(_BLANK + rb"(" + _NESTED + rb")" + _BLANK + rb",", re.DOTALL)
_string = re.compile(rb'"(?>[^"\\]++|\\.)*+"', re.DOTALL)
_scalar = re.compile(_SCALAR)
_token = re.compile(rb'[^"{}\[\]]*+(?:("(?>[^"\\]++|\\.)*+")|([{\[])|[}\]])', re.DOTALL)
_broken = re.compile(rb"[ \t\r]*\n[ \t\r\n]*")

_MOST_NAMES = 1_000


def record_blocks(
    content: Path | bytes,
    name: str,
    path: Steps,
    encoding: str = "utf-8",
    size: int = BLOCK,
) -> Iterator[Block]:
    """Cut a document into blocks of one record a line, whose number is that of the record.

    There is at least one block, and exactly the last one says so.

    Args:
        name: of the batch, for messages.
        path: what leads to the list of records; nothing, if the document is that list.
        encoding: what its bytes mean.
        size: bytes that are looked at together, about.

    Raises:
        BatchRefused: it is damaged, is no JSON document, or has no such list.
    """
    reached = Reached()
    with opened(content, name, reached) as stream:
        cursor = _Cursor(pieces(stream, encoding, name, size), name)
        lines: list[bytes] = []
        held, first = 0, 1
        for record in _records(cursor, path, ()):
            line = _one_line(record)
            if held and held + len(line) > size:
                yield Block(b"\n".join(lines) + b"\n", first, last=False, share=reached.share())
                first += len(lines)
                lines, held = [], 0
            lines.append(line)
            held += len(line) + 1
        cursor.require_end()
        whole = b"".join(line + b"\n" for line in lines)
        yield Block(whole, first, last=True, share=reached.share())


def count_records(content: Path, path: Steps, encoding: str = "utf-8") -> int:
    """Records of a document; of a damaged one, those that it yields before it breaks off."""
    count = 0
    with suppress(BatchRefused):
        for block in record_blocks(content, "", path, encoding):
            count += block.count
    return count


def _records(cursor: _Cursor, path: Steps, taken: tuple[str, ...]) -> Iterator[bytes]:
    """The bytes of each record of what comes next."""
    if not path:
        cursor.enter(b"[", _a_list(taken), 'say where it is, such as records="data.items"')
        yield from cursor.elements()
        return
    step, *rest = path
    if step is EACH:
        cursor.enter(b"[", "a list of pages")
        for _ in cursor.items(b"]"):
            yield from _records(cursor, rest, taken)
        return
    cursor.enter(b"{", f"an object with a member {step!r}")
    names: dict[str, None] = {}
    for _ in cursor.items(b"}"):
        member = cursor.member()
        if member != step:
            names.update({member: None} if len(names) < _MOST_NAMES else {})
            cursor.skip()
            continue
        if step in names:
            raise cursor.refused(f"It says {step!r} twice")
        names[step] = None
        yield from _records(cursor, rest, (*taken, step))
    if step not in names:
        raise cursor.refused(
            f"It has no member {'.'.join((*taken, step))!r}",
            meant(step, names) or "say where its records are with records=",
        )


def _a_list(taken: tuple[str, ...]) -> str:
    return f"a list of records in {'.'.join(taken)!r}" if taken else "a list of records"


def _one_line(record: bytes) -> bytes:
    """A record without line feeds; within a string one is no JSON, and must not become some."""
    if b"\n" not in record:
        return record
    if _nested.fullmatch(record):
        return _broken.sub(b" ", record)
    return record.replace(b"\n", b"\x0b")


class _Cursor:
    """A place in a document, of which only what is looked at is held."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces, self._name = pieces, name
        self._held, self._at = b"", 0
        self._count = 0

    def enter(self, bracket: bytes, wanted: str, hint: str | None = None) -> None:
        """Go into a list or an object."""
        if (found := self._next()) != bracket:
            if not found:
                raise self._broken()
            kind = {b"{": "an object", b"[": "a list"}.get(found, "a plain value")
            raise self.refused(f"Expected {wanted}, and found {kind}", hint)
        self._at += 1

    def items(self, closing: bytes) -> Iterator[None]:
        """Stop before each item of the list or object that was entered, and leave it."""
        if self._next() == closing:
            self._at += 1
            return
        while True:
            yield
            mark = self._next()
            if mark not in (b",", closing):
                raise self._broken()
            self._at += 1
            if mark == closing:
                return

    def elements(self) -> Iterator[bytes]:
        """The bytes of each element of the list that was entered, and leave it."""
        for _ in self.items(b"]"):
            # Many at once, of which each is followed by a comma and so by a further one.
            while match := _run.match(self._held, self._at):
                self._count += 1
                self._at = match.end()
                yield match[1]
            element = self._value()
            self._count += 1
            yield element

    def member(self) -> str:
        """The name of a member, and go to its value."""
        if self._next() != b'"':
            raise self._broken()
        try:
            name = str(json.loads(self._value()))
        except ValueError as error:
            raise self._broken() from error
        if self._next() != b":":
            raise self._broken()
        self._at += 1
        return name

    def skip(self) -> None:
        """Leave the next value out, however large it is."""
        if self._next() not in (b"{", b"["):
            self._value()
            return
        depth = 0
        while True:
            match = _token.match(self._held, self._at)
            if not match:
                self._require_short()
                if not self._more():
                    self._at = len(self._held)
                    raise self._broken()
                continue
            self._at = match.end()
            if not match[1]:
                depth += 1 if match[2] else -1
            if not depth:
                return

    def require_end(self) -> None:
        """Refuse what comes behind the document."""
        if self._next():
            raise self.refused(
                "It goes on behind its end", "if it is one JSON object a line, declare Ndjson()"
            )

    def refused(self, what: str, hint: str | None = None) -> BatchRefused:
        """Say what is wrong with the document, and where."""
        where = f"{self._name}, after record {self._count:,}" if self._count else self._name
        return BatchRefused(f"The JSON document cannot be read: {what}.", where=where, hint=hint)

    def _broken(self) -> BatchRefused:
        if not self._next():
            return self.refused("It breaks off", "have the provider send it again")
        return self.refused("It is no JSON", "have the provider send it again")

    def _next(self) -> bytes:
        """The next byte that is no blank; none at the end."""
        while True:
            match = _blank.match(self._held, self._at)
            assert match
            self._at = match.end()
            if self._at < len(self._held) or not self._more():
                return self._held[self._at : self._at + 1]

    def _value(self) -> bytes:
        """The bytes of the next value."""
        kind, whole = self._next(), False
        while (end := self._end(kind, whole=whole)) is None:
            self._require_short()
            if whole:
                self._at = len(self._held)
                raise self._broken()
            whole = not self._more()
        value, self._at = self._held[self._at : end], end
        return value

    def _end(self, kind: bytes, *, whole: bool) -> int | None:
        """Where the next value ends; None if that is not held, though it may be ``whole``."""
        held, at = self._held, self._at
        if kind == b'"':
            match = _string.match(held, at)
            return match.end() if match else None
        if kind not in (b"{", b"["):
            match = _scalar.match(held, at)
            if not match:
                raise self._broken()
            return match.end() if whole or match.end() < len(held) else None
        if match := _nested.match(held, at):
            return match.end()
        depth = 0
        while match := _token.match(held, at):
            at = match.end()
            if not match[1]:
                depth += 1 if match[2] else -1
            if not depth:
                return at
        return None

    def _require_short(self) -> None:
        if len(self._held) - self._at > MOST_LINE:
            raise self.refused(f"A value is longer than {MOST_LINE >> 20} MiB, which no record is")

    def _more(self) -> bool:
        """Hold more of the document."""
        for piece in self._pieces:
            if piece:
                self._held, self._at = self._held[self._at :] + piece, 0
                return True
        return False
