"""The branch that a dbt of one's own works on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.lake.branch import copy_catalog
from sluicegate.lake.lake import Lake
from sluicegate.lake.locks import rooting

if TYPE_CHECKING:
    from sluicegate.settings import Settings


def development_branch(settings: Settings) -> Path:
    """Catalog of the branch that a dbt of your own works on: yours alone, never published.

    It is a fresh copy of the environment ``dev`` whenever that was published to since.

    Raises:
        UnknownName: nothing was published to ``dev`` yet.
    """
    lake = Lake.of(settings)
    catalog, origin = lake.development, lake.development.with_name("origin.json")
    with rooting(lake.root):
        head = lake.refs.require("dev")
        if not (origin.is_file() and json.loads(origin.read_text()) == head.generation):
            # Killed in between, the next one must not take this copy for that of another head.
            origin.unlink(missing_ok=True)
            copy_catalog(lake.catalog(head.generation), catalog)
            origin.write_text(json.dumps(head.generation))
    return catalog
