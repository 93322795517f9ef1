"""Options that several commands have."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from sluicegate.errors import ConfigurationError

Env = Annotated[str, typer.Option("--env", help="Environment, as in deployments/environments/.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def day_option(name: str, about: str) -> Any:
    """An option that is a day.

    What is none is a :class:`ConfigurationError`, like any other slip: of what typer converts by
    itself it tells in a form of its own.
    """

    def day(text: str) -> date:
        try:
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError as error:
            raise ConfigurationError(
                f"{text!r} is no day.",
                where=name,
                hint="write year, month and day, as in 2026-01-31",
            ) from error

    return typer.Option(name, parser=day, metavar="YYYY-MM-DD", help=about)
