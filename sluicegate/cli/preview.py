"""The command that shows how files would be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluicegate.cli.options import Json
from sluicegate.errors import ConfigurationError, SluicegateError

if TYPE_CHECKING:
    from sluicegate.pipeline.previewed import Previewed


def preview(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    columns: Annotated[
        str,
        typer.Option("--columns", help="Names of the columns, as a line of CSV: they help a lot."),
    ] = "",
    output: Annotated[
        str | None,
        typer.Option("--output", help="Write the reading as CSV: a file, or a folder for several."),
    ] = None,
    spreadsheets: Annotated[
        bool,
        typer.Option(
            "--for-spreadsheets",
            help="Write an apostrophe where a spreadsheet would run a cell as a formula.",
        ),
    ] = False,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Rows to show of each file.")] = 5,
    json: Json = False,
) -> None:
    """Show how files would be read: dialect or format, types, first rows, rejects.

    The exit code is that of the first file that would be held; the others are read all the same.
    """
    from sluicegate.cli import render_preview
    from sluicegate.pipeline.preview import inputs, places, preview

    if spreadsheets and output is None:
        raise ConfigurationError(
            "--for-spreadsheets is about what is written, and nothing is.",
            hint="say where to: --output FILE",
        )
    names = _names(columns)
    found: list[Previewed | SluicegateError] = []
    contents = inputs(files)
    for file, place in zip(contents, places(contents, output), strict=True):
        try:
            found.append(
                preview(file, columns=names, output=place, exact=not spreadsheets, rows=rows)
            )
        except SluicegateError as error:
            found.append(error)
        if not json:
            render_preview.told(found[-1])
    failed = [each for each in found if isinstance(each, SluicegateError)]
    if json:
        render_preview.all_told(contents, found)
    if failed:
        raise typer.Exit(failed[0].exit_code)


def _names(columns: str) -> list[str]:
    """Names out of one record of CSV: a name may hold a comma, a quote or a line end."""
    from sluicegate.dialect import Dialect, Lexer

    (record,) = Lexer(Dialect()).records([columns])
    if record.flaw:
        raise ConfigurationError(
            "The names of --columns are not a line of CSV: their quotes do not match.",
            hint='write them as a,b,"c, with a comma"',
        )
    return [] if record.blank else list(record.cells)
