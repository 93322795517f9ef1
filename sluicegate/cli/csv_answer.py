"""The answer to a query as CSV: safe to open in a spreadsheet, unless it is to be exact."""

from __future__ import annotations

import json as jsonlib
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.markup import escape

from sluicegate.cli.plain import plain
from sluicegate.cli.render import err, out, print_json
from sluicegate.csv_files import CsvWriter, whole_file
from sluicegate.errors import ConfigurationError
from sluicegate.lake.query import rows_of

if TYPE_CHECKING:
    from sluicegate.lake import Lake

_STDOUT = "-"


def require_sense(place: str | None, *, exact: bool, json: bool) -> None:
    """Refuse options that say nothing together.

    Raises:
        ConfigurationError: see there.
    """
    if exact and place is None:
        raise ConfigurationError("--exact is about CSV.", hint="say where to: --csv FILE")
    if json and place == _STDOUT:
        raise ConfigurationError(
            "--csv - and --json would both be printed.", hint="write one of them: --csv FILE"
        )


def write(lake: Lake, name: str, sql: str, place: str, *, exact: bool, json: bool) -> None:
    """Write what a query finds, row by row, and tell how much it was."""
    rows = 0
    # First the query: one that is wrong leaves the file of the time before.
    with rows_of(lake, name, sql) as found, _target(place) as target:
        writer = CsvWriter(target, exact=exact)
        writer.write([found.columns])
        for row in found.rows:
            writer.write([[cell(value) for value in row]])
            rows += 1
    if json:
        print_json({"file": place, "rows": rows, "changed": writer.changed})
        return
    told = err if place == _STDOUT else out
    which = "" if place == _STDOUT else f" written to {escape(place)}"
    told.print(f"{rows:,} {'row' if rows == 1 else 'rows'}{which}", soft_wrap=True)
    if writer.changed:
        told.print(
            f"[yellow]{writer.changed:,} {'cell' if writer.changed == 1 else 'cells'} changed[/]: "
            "an apostrophe stands where a spreadsheet would run a formula; --exact writes them as"
            " they are",
            soft_wrap=True,
        )


def _target(place: str) -> AbstractContextManager[IO[str]]:
    return nullcontext(sys.stdout) if place == _STDOUT else whole_file(Path(place))


def cell(value: object) -> str:
    """A value as CSV has it: nothing for NULL, JSON for what is nested."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case dict() | list() | tuple():
            return jsonlib.dumps(plain(value), ensure_ascii=False, default=str)
    return str(plain(value))
