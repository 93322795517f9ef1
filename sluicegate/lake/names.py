"""Names of tables as one text, and when two names are the same one."""

from __future__ import annotations

import re
from string import ascii_lowercase, ascii_uppercase

_PARTS = re.compile(r'(?P<schema>"(?:[^"]|"")*"|[^".][^.]*)\.(?P<name>.*)', re.DOTALL)
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def full_name(schema: str, name: str) -> str:
    """A table's name with its schema; no two tables have the same.

    ``marts.customers``; a part with a dot or a quote in it is quoted: ``"a.b".c`` is not
    ``a."b.c"``.
    """
    return f"{_part(schema)}.{_part(name)}"


def parts(text: str) -> tuple[str, str]:
    """Schema and name of a table that a text like ``marts.customers`` names."""
    found = _PARTS.fullmatch(text)
    schema, name = (found["schema"], found["name"]) if found else ("", text)
    return _plain(schema), _plain(name)


def folded(name: str) -> str:
    """A name as it is compared: DuckDB takes A and a for one letter, but not Ä and ä."""
    return name.translate(_LOWER)


def _part(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if "." in name or '"' in name else name


def _plain(part: str) -> str:
    quoted = len(part) > 1 and part[0] == part[-1] == '"'
    return part[1:-1].replace('""', '"') if quoted else part
