"""A dialect: everything one has to know to take delimited text apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TypedDict

from sluicegate.errors import ContractError

_NAMES = {
    "\t": "tab",
    " ": "blank",
    ",": "comma",
    ";": "semicolon",
    "|": "bar",
    ":": "colon",
    '"': "double quote",
    "'": "single quote",
    "\\": "backslash",
}


class Declared(TypedDict, total=False):
    """What is known of a dialect before anybody looks at the file; see :class:`Dialect`."""

    encoding: str
    delimiter: str | None
    runs: bool
    quote: str | None
    escape: str | None
    returns: bool
    comment: str | None
    preamble: int
    header: int
    width: int | None
    row_names: bool
    wrapped: bool
    trimmed: bool
    relabelled: bool


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""How records lie in a text.

    Attributes:
        encoding: codec of the bytes, by its name in Python.
        delimiter: what stands between two cells, one character or more; None if there is but one
            column.
        runs: whether several delimiters in a row are one, as in tables that blanks align.
        quote: the character around a cell that may hold delimiters, line ends and, doubled, itself.
        escape: the character that takes its meaning from a quote, a delimiter or itself.
        returns: whether a carriage return alone ends a line, too.
        comment: how lines begin that belong to no record.
        preamble: lines before the header.
        header: lines of the header, 0 where there is none. Several name a column together.
        width: cells of a record; None if there are as many as the header has.
        row_names: whether the header names all columns but the first, which names the rows.
        wrapped: whether a line may be one quoted cell that holds a whole record, quotes doubled
            once more: somebody quoted lines of CSV.
        trimmed: whether blanks after a delimiter are not part of the cell.
        relabelled: whether U+0080 to U+009F, which are no characters of a text, stand for those of
            Windows-1252: somebody took that for ISO 8859-1 before (WHATWG, Encoding Standard).

    Raises:
        ContractError: it cannot be.
    """

    encoding: str = "utf-8"
    delimiter: str | None = ","
    runs: bool = False
    quote: str | None = '"'
    escape: str | None = None
    returns: bool = False
    comment: str | None = None
    preamble: int = 0
    header: int = 1
    width: int | None = None
    row_names: bool = False
    wrapped: bool = False
    trimmed: bool = False
    relabelled: bool = False

    def __post_init__(self) -> None:
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark is not None]
        if any(not mark or set(mark) & set("\r\n") for mark in marks) or len({*marks}) < len(marks):
            raise ContractError(
                "Delimiter, quote and escape must be different, and hold no line end.",
                hint="write one character each, such as ',' and '\"'",
            )
        if any(mark is not None and len(mark) != 1 for mark in (self.quote, self.escape)):
            raise ContractError("Quote and escape are one character each.")
        if self.preamble < 0 or self.header < 0 or (self.width is not None and self.width < 1):
            raise ContractError("Lines and columns are counted from 0 and from 1.")

    def __str__(self) -> str:
        return ", ".join(self.told())

    def to_dict(self) -> dict[str, object]:
        """For programs, and to declare it by."""
        return asdict(self)

    def told(self) -> list[str]:
        """For people, a few words each."""
        said = [self.encoding + (" over windows-1252" if self.relabelled else "")]
        if self.delimiter is None:
            said.append("one column")
        else:
            said.append(f"{'runs of ' if self.runs else ''}{_name(self.delimiter)} between cells")
        if self.trimmed:
            said[-1] += ", with blanks after it"
        said.append(f"{_name(self.quote)} around them" if self.quote else "no quotes")
        if self.wrapped:
            said.append("lines quoted once more")
        if self.escape:
            said.append(f"{_name(self.escape)} escapes")
        if self.returns:
            said.append("a carriage return ends a line")
        if self.comment:
            said.append(f"comments begin with {self.comment}")
        if self.preamble:
            said.append(f"{_lines(self.preamble)} before the header")
        said.append(f"header of {_lines(self.header)}" if self.header else "no header")
        if self.width:
            said.append(f"{self.width:,} column{'s' * (self.width > 1)}")
        if self.row_names:
            said.append("the first without a name")
        return said


def _name(mark: str) -> str:
    return _NAMES.get(mark, mark if mark.isprintable() else repr(mark))


def _lines(count: int) -> str:
    return f"{count:,} line{'s' * (count > 1)}"
