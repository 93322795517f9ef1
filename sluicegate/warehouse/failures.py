"""Whose move it is when dbt fails: dbt's and DuckDB's messages, sorted into our tree of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sluicegate.errors import Bug, ConfigurationError, EnvironmentFailed, SluicegateError

_BROKEN_BY_DATA = ("Constraint Error", "Conversion Error", "Out of Range Error")
_BROKEN_BY_MACHINE = (
    "IO Error",
    "Out of Memory Error",
    "HTTP Error",
    "Connection Error",
    "database is locked",
)
_NULL_IN = re.compile(r"NOT NULL constraint failed: (?:\S+\.)?(\w+)")
_DBT_FILE = re.compile(r"\(((?:models|macros|tests|seeds|snapshots)/[^()\s]+)\)")
_LINE = re.compile(r"(?m)^\s*(?:line|LINE) (\d+)")


def broken_promise(message: str) -> str | None:
    """What the data did, where a model failed because of them; None where it was not the data.

    DuckDB quotes the value it tripped over, which may be personal: it does not get out of here.
    """
    for kind in _BROKEN_BY_DATA:
        if kind in message:
            null = _NULL_IN.search(message)
            return f"NULL in the column {null[1]}" if null else f"{kind} in a value of a row"
    return None


def of_node(node: Any, message: str, project: Path) -> SluicegateError:
    """The error for a model or test that could not run."""
    where = str(project / node.original_file_path)
    if line := _LINE.search(message):
        # A template error counts the lines of the file, DuckDB those of the query made from it.
        compiled = getattr(node, "compiled_path", None)
        in_query = f" of the query in {compiled}" if compiled and "LINE" in line[0] else ""
        where += f", line {line[1]}{in_query}"
    what = f"The dbt {node.resource_type} {node.name!r} cannot run: {_essence(message)}"
    if any(kind in message for kind in _BROKEN_BY_MACHINE):
        return EnvironmentFailed(what, where=where)
    return ConfigurationError(what, where=where, hint="correct it, then run again")


def of_run(error: BaseException, project: Path) -> SluicegateError:
    """The error for a run of dbt that ended before it had results.

    An error of ours on the way (the branch could not be attached) is the one that counts.
    """
    from dbt_common.exceptions import DbtBaseException

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, SluicegateError):
            return cause
    text = str(error)
    if any(kind in text for kind in _BROKEN_BY_MACHINE):
        return EnvironmentFailed(f"dbt could not run: {_essence(text)}", where=str(project))
    if isinstance(error, DbtBaseException):
        file = _DBT_FILE.search(text)
        line = _LINE.search(text)
        where = str(project / file[1]) if file else str(project)
        return ConfigurationError(
            f"The dbt project cannot be read: {_essence(text)}",
            where=where + (f", line {line[1]}" if line else ""),
            hint="correct it, then run again",
        )
    return Bug(f"dbt failed in a way we do not know: {type(error).__name__}: {_essence(text)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _essence(message: str) -> str:
    """The first lines of a dbt message, without its heading and the excerpt of the query."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    headings = re.compile(r"^[A-Z]\w+ Error(?: in .*)?$")
    while len(lines) > 1 and headings.match(lines[0]):
        lines.pop(0)
    excerpt = next((n for n, line in enumerate(lines) if line.startswith("LINE ")), len(lines))
    return " ".join(lines[: max(1, min(excerpt, 3))])
