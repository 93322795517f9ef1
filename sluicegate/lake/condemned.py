"""What became, or will become, of catalogs that nothing reaches: condemned, then removed.

Between being condemned and being removed lies the grace period. Nobody points anything at a
condemned catalog, so who found it uncondemned has the whole grace period to finish pointing; that
is what makes collecting safe where no lock reaches, on object storage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from sluicegate.errors import EnvironmentFailed, UnknownName
from sluicegate.lake.log import SUFFIX, Log
from sluicegate.lake.store import Store

_PLACE = "condemned/"


class Condemned:
    """The objects ``condemned/<name>.json``, of generations and of ``refused/<run>``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._removed = Log(store, "collected")

    def __contains__(self, name: str) -> bool:
        return self._store.exists(_key(name))

    def names(self) -> set[str]:
        """Everything that is condemned."""
        return {stored.key[len(_PLACE) : -len(SUFFIX)] for stored in self._store.list(_PLACE)}

    def at(self, name: str) -> datetime:
        """When it was condemned.

        Raises:
            EnvironmentFailed: the entry is damaged.
        """
        try:
            return datetime.fromisoformat(json.loads(self._store.read(_key(name)))["at"])
        except (ValueError, KeyError, TypeError) as error:
            raise EnvironmentFailed(
                "An entry of the condemned cannot be read.",
                where=self._store.where(_key(name)),
                hint="remove that file: the grace period of what it condemned begins anew",
            ) from error

    def add(self, name: str, at: datetime) -> None:
        """Condemn a catalog."""
        self._store.create(_key(name), json.dumps({"at": at.isoformat()}).encode())

    def pardon(self, name: str) -> None:
        """Let a catalog be as if it had never been condemned."""
        self._store.remove(_key(name))

    def put_on_record(self, names: Iterable[str], at: datetime) -> None:
        """Write down that these are about to be removed, so that they are not taken for lost."""
        self._removed.append({"at": at.isoformat(), "names": sorted(names)})

    def removed(self) -> set[str]:
        """Everything that is on record as removed."""
        return {name for _, entry in self._removed.entries() for name in entry["names"]}

    def told(self, name: str, *, there: bool) -> UnknownName | None:
        """What to tell who would point at a generation that was, or is about to be, collected.

        Args:
            there: whether its catalog is. If not, and it is not on record either, it was lost.
        """
        if name in self.names():
            happened = "is about to be collected"
        elif there or (moment := self._removed_at(name)) is None:
            return None
        else:
            happened = f"was collected at {moment:%Y-%m-%d %H:%M} UTC"
        return UnknownName(
            f"Generation {name} {happened}: nothing had shown it for long.",
            where=self._store.address,
        )

    def _removed_at(self, name: str) -> datetime | None:
        for _, entry in self._removed.entries(newest_first=True):
            if name in entry["names"]:
                return datetime.fromisoformat(entry["at"])
        return None


def _key(name: str) -> str:
    return f"{_PLACE}{name}{SUFFIX}"
