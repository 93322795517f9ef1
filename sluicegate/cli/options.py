"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Env = Annotated[str, typer.Option("--env", help="Environment, as in deployments/environments/.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
