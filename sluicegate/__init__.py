"""Sluicegate: data CI/CD on Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.lake.connection import Connection

__all__ = ["__version__", "connect"]

__version__ = "0.2.0"


def connect(
    env: str | None = None, *, ref: str | None = None, project: str | Path | None = None
) -> Connection:
    """A read-only DuckDB connection to what the readers of an environment see now.

    ``sluicegate.connect("prod").sql("FROM payments_net").show()``. Marts are found by their name,
    other tables with their schema (``raw.payments``). The view does not change while it is open.

    Args:
        env: environment, as in deployments/environments/; its settings say where the lake is. By
            default what the settings of ``dev`` have runs publish to.
        ref: another ref, a generation or ``refused/<run>`` instead, such as ``feature/fees``.
        project: the project's folder; by default the one that we are in.

    Raises:
        UnknownName: there is no such environment or ref, or nothing was published to it yet.
    """
    # Imported here: the version is asked for by those who need no DuckDB.
    from sluicegate.lake.handout import reader
    from sluicegate.settings import load_settings

    # An empty name is a variable that was not set: nobody is given another environment for it.
    settings = load_settings(
        "dev" if env is None else env, Path(project).resolve() if project else None
    )
    return reader(settings, env if ref is None else ref)
