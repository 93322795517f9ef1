"""The mark of a lake that is being restored: until all is there, nobody reads or writes in it.

A restore may be killed, and what it leaves looks like a lake: refs that show their past, data that
nobody can find. The mark is an object of the store, so other machines see it too. It is made before
anything else, and removed when everything is there.
"""

from __future__ import annotations

import json

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake import durable
from sluicegate.lake.store import Store

_MARK = "restoring.json"


def mark(store: Store, folder: str, name: str) -> None:
    """Say that a lake is being restored, and from which backup."""
    store.create(_MARK, json.dumps({"folder": folder, "name": name}).encode())


def unmark(store: Store) -> None:
    """Say that all is there.

    Raises:
        EnvironmentFailed: the disk fails.
    """
    with durable.written(store.workspace):
        store.remove(_MARK)
        # Else a power cut could bring it back, and take away what was acknowledged.
        durable.sync_folder(store.workspace)


def marked(store: Store) -> bool:
    """Whether a restore has begun, and not ended."""
    return store.exists(_MARK)


def require_restored(store: Store) -> None:
    """Be sure that a lake is all there.

    Raises:
        EnvironmentFailed: a restore of it has not ended.
    """
    if not marked(store):
        return
    folder, name = "<folder>", "<name>"
    try:
        told = json.loads(store.read(_MARK))
        folder, name = told["folder"], told["name"]
    except FileNotFoundError:
        # It has ended at this moment.
        return
    except (ValueError, KeyError, TypeError):
        pass
    raise EnvironmentFailed(
        "This lake is being restored from a backup, and not all of it is there.",
        where=store.address,
        hint="wait until that has ended; or if it was cut short, run it again:"
        f" sluicegate lake restore {folder} --name {name}",
    )
