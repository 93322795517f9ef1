"""The documentation site of the models, as dbt makes it: one file that needs no server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.errors import Bug, EnvironmentFailed
from sluicegate.warehouse import failures
from sluicegate.warehouse.build import closing, invoke
from sluicegate.warehouse.events import Listener
from sluicegate.warehouse.handover import handed

if TYPE_CHECKING:
    from sluicegate.lake.store import DataFiles

_MADE = "static_index.html"


def write_docs(catalog: Path, files: DataFiles, *, project: Path, target: Path, page: Path) -> None:
    """Write a page about every model, source and column: descriptions, types, lineage, checks.

    It tells of tables and columns, and of no row.

    Args:
        catalog: a branch of the lake that has the models; it is read only.
        files: the folder of the lake's data files.
        project: the dbt project.
        target: where dbt keeps its parse cache.
        page: the file to write.

    Raises:
        ConfigurationError: the project cannot be read.
        EnvironmentFailed: the branch cannot be attached, or the page cannot be written.
    """
    project, target = project.resolve(), target.resolve()
    listener = Listener(None)
    with handed(catalog.resolve(), files) as branch, closing(branch):
        outcome = invoke(["docs", "generate", "--static"], project, target, listener)
        if outcome.exception is not None:
            raise failures.of_run(outcome.exception, project) from None
    made = target / _MADE
    if not outcome.success or not made.is_file():
        raise Bug("dbt wrote no documentation.", where=str(target))
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        os.replace(made, page)  # noqa: PTH105 - the page of the time before may be there
    except OSError as error:
        raise EnvironmentFailed(
            f"The page cannot be written: {error.strerror or error}.", where=str(page)
        ) from error
