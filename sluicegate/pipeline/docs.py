"""The documentation of what an environment's readers see."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sluicegate import warehouse
from sluicegate.lake.branch import copy_catalog
from sluicegate.pipeline.platform import Platform


def document(env: str) -> Path:
    """Write the page about an environment's models; returns where it is.

    Raises:
        UnknownName: there is no such environment, or nothing was published to it yet.
        ConfigurationError: the settings, a contract or the dbt project are wrong.
    """
    platform = Platform.open(env)
    lake = platform.lake
    generation = lake.refs.require(platform.settings.ref).generation
    page = platform.settings.state / "docs" / env / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=platform.settings.state, prefix="docs-") as folder:
        catalog = Path(folder) / "catalog.db"
        copy_catalog(lake.catalog(generation), catalog)
        warehouse.write_docs(
            catalog,
            lake.files,
            project=platform.dbt_project,
            target=platform.dbt_target,
            page=page,
        )
    return page
