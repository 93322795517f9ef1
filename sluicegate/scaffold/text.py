"""Python as it is written here: literals, calls and comments that need no formatting."""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

WIDTH = 100


def literal(value: Any) -> str:
    """A value as Python."""
    if isinstance(value, str):
        if '"' in value and "'" not in value and value.isprintable():
            return repr(value)
        # JSON's escapes are Python's; what no editor shows is written as an escape.
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(each)}' for key, each in value.items())}}}"
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    return str(value) if isinstance(value, Decimal) else repr(value)


def call(begin: str, arguments: Sequence[str], indent: int, *, split: bool = False) -> str:
    """A call, on one line if there is room, else with an argument a line.

    Args:
        split: whether it is a tuple, of which a formatter splits all parts or none, and which a
            comma follows.
    """
    blanks = " " * indent
    line = f"{blanks}{begin}({', '.join(arguments)})"
    if len(line) + split <= WIDTH:
        return line
    inner = f"{blanks}    {', '.join(arguments)}"
    if len(inner) <= WIDTH and not split:
        return f"{blanks}{begin}(\n{inner}\n{blanks})"
    lines = [f"{blanks}    {argument},\n" for argument in arguments]
    return f"{blanks}{begin}(\n{''.join(_wrapped(line) for line in lines)}{blanks})"


def comment(text: str, indent: int = 4) -> str:
    """A comment, on as many lines as it needs."""
    blanks = " " * indent
    said = " ".join(text.split())
    return "\n".join(
        textwrap.wrap(said, WIDTH, initial_indent=f"{blanks}# ", subsequent_indent=f"{blanks}# ")
    )


def _wrapped(line: str) -> str:
    """A line with a list that is too long: a value a line."""
    if len(line) <= WIDTH + 1 or "=(" not in line:
        return line
    blanks = line[: len(line) - len(line.lstrip())]
    begin, _, rest = line.strip().rstrip(",").partition("=(")
    values = _values(rest.removesuffix(")"))
    inner = "".join(f"{blanks}    {value},\n" for value in values)
    return f"{blanks}{begin}=(\n{inner}{blanks}),\n"


def _values(listed: str) -> list[str]:
    """The literals of a list; a comma within quotes parts nothing."""
    return [literal(value) for value in ast.literal_eval(f"[{listed}]")]
