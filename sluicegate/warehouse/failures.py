"""Whose move it is when dbt fails: dbt's and DuckDB's messages, sorted into our tree of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sluicegate.errors import Bug, ConfigurationError, EnvironmentFailed, SluicegateError

_BROKEN_BY_DATA = (
    "Constraint Error",
    "Conversion Error",
    "Out of Range Error",
    "Invalid Input Error",
)
_BROKEN_BY_MACHINE = (
    "IO Error",
    "Out of Memory Error",
    "HTTP Error",
    "Connection Error",
    "database is locked",
)
_NULL_IN = re.compile(r"NOT NULL constraint failed: (?:\S+\.)?(\w+)")
_DBT_FILE = re.compile(r"\b((?:models|macros|tests|seeds|snapshots)/[\w./-]+\.\w+)")
_DBT_LINE = re.compile(r"\bline (\d+)")
_HEADING = re.compile(r"^[A-Z]\w+ Error(?: in .*)?$")
_ENFORCED = "has an enforced contract that failed"
_MISMATCH = re.compile(
    r"(?m)^\s*\|\s*(?!column_name\b|-)(\S+)\s*\|\s*([^|]*?)\s*\|\s*([^|]*?)\s*\|[^|]*\|\s*$"
)
"""A column that dbt finds otherwise than an enforced contract says: name, its type, the other."""

_MOST_TOLD = 10
_EXCERPT = re.compile(r"(?m)^\s*LINE \d+: (.+)$")


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
    if _ENFORCED in message and (unlike := _MISMATCH.findall(message)):
        return _of_contract(node, unlike, project)
    where = _place(project / node.original_file_path, message)
    what = f"The dbt {node.resource_type} {node.name!r} cannot run: {_essence(message)}"
    if any(kind in message for kind in _BROKEN_BY_MACHINE):
        return EnvironmentFailed(what, where=where)
    return ConfigurationError(what, where=where, hint="correct it, then run again")


def _of_contract(node: Any, unlike: list[tuple[str, ...]], project: Path) -> SluicegateError:
    """The error for a model that has other columns than its YAML file says."""
    told = [
        f"{name} is {made}, and {said} there"
        if made and said
        else f"{name} is {'not there' if made else 'only there'}"
        for name, made, said in unlike
    ]
    more = f", and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    described = str(node.patch_path or "").partition("://")[2]
    return ConfigurationError(
        f"The dbt {node.resource_type} {node.name!r} has other columns than its YAML file says: "
        f"{'; '.join(told[:_MOST_TOLD])}{more}.",
        where=str(project / (described or node.original_file_path)),
        hint=f"write what is right into it, or correct {project / node.original_file_path}: both "
        "follow the contract of the source",
    )


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
        return ConfigurationError(
            f"The dbt project cannot be read: {_essence(text)}",
            where=_place(project / file[1] if file else project, text),
            hint="correct it, then run again",
        )
    return Bug(f"dbt failed in a way we do not know: {type(error).__name__}: {_essence(text)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _place(file: Path, message: str) -> str:
    """A file, with the line in it where that can be told.

    A template error names the line. DuckDB counts the lines of the query that dbt made of the
    file, so what it quotes is looked up in the file instead.
    """
    if excerpt := _EXCERPT.search(message):
        quoted = excerpt[1].removeprefix("...").removesuffix("...").strip()
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        found = [number for number, line in enumerate(lines, start=1) if quoted in line]
        return f"{file}, line {found[0]}" if len(found) == 1 else str(file)
    line = _DBT_LINE.search(message)
    return f"{file}, line {line[1]}" if line else str(file)


def _essence(message: str) -> str:
    """The first lines of a dbt message, without its headings and without what it quotes."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    while len(lines) > 1 and _HEADING.match(lines[0]):
        lines.pop(0)
    quotes = (n for n, line in enumerate(lines) if line.startswith(("LINE ", "-----")))
    return " ".join(lines[: max(1, min(next(quotes, 3), 3))])
