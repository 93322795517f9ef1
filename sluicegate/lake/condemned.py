"""What became, or will become, of catalogs that nothing reaches: condemned, then removed.

Between being condemned and being removed lies the grace period. Nobody points anything at a
condemned catalog, so who found it uncondemned has the whole grace period to finish pointing; that
is what makes collecting safe where no lock reaches, on object storage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import datetime

from sluicegate.errors import EnvironmentFailed, UnknownName
from sluicegate.lake.log import SUFFIX, Log, moment, parsed
from sluicegate.lake.store import Store

PLACE = "condemned/"
COLLECTED = "collected"

_NAME = re.compile(r"(?:g[0-9a-f]{12}|refused/[^/]+)\Z")


class Condemned:
    """The objects ``condemned/<name>.json``, of generations and of ``refused/<run>``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._removed = Log(store, COLLECTED)

    def __contains__(self, name: str) -> bool:
        return self._store.exists(_key(name))

    def names(self) -> set[str]:
        """Everything that is condemned."""
        names = (condemned_by(stored.key) for stored in self._store.list(PLACE))
        return {name for name in names if name is not None}

    def at(self, name: str) -> datetime:
        """When it was condemned.

        Raises:
            EnvironmentFailed: the entry is damaged.
        """
        try:
            return moment(parsed(self._store.read(_key(name)))["at"])
        except (ValueError, KeyError) as error:
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
        """Everything that is on record as removed.

        Raises:
            EnvironmentFailed: an entry is damaged.
        """
        return {name for _, _, names in self._removals() for name in names}

    def gone(self, catalogs: Set[str]) -> set[str]:
        """What is condemned, and has no catalog: who removed it had no room to put it on record.

        Args:
            catalogs: names of all that there are.
        """
        return self.names() - catalogs

    def told(self, name: str, *, there: bool) -> UnknownName | None:
        """What to tell who would point at a generation that was, or is about to be, collected.

        Args:
            there: whether its catalog is. If not, and it is not on record either, it was lost.
        """
        if name in self.names():
            happened = "is about to be collected" if there else "was collected"
        elif there or (moment := self._removed_at(name)) is None:
            return None
        else:
            happened = f"was collected at {moment:%Y-%m-%d %H:%M} UTC"
        return UnknownName(
            f"Generation {name} {happened}: nothing had shown it for long.",
            where=self._store.address,
        )

    def _removed_at(self, name: str) -> datetime | None:
        for _, at, names in self._removals(newest_first=True):
            if name in names:
                return at
        return None

    def _removals(self, *, newest_first: bool = False) -> Iterator[tuple[int, datetime, list[str]]]:
        for number, entry in self._removed.entries(newest_first=newest_first):
            try:
                yield number, *removal_of(entry)
            except (ValueError, KeyError) as error:
                raise self._removed.damaged(number, "is no record of a removal") from error


def condemned_by(key: str) -> str | None:
    """What an object condemns, by its key; None if it is no such record."""
    name = key.removeprefix(PLACE).removesuffix(SUFFIX)
    return name if key == _key(name) and _NAME.match(name) else None


def removal_of(entry: Mapping[str, object]) -> tuple[datetime, list[str]]:
    """An entry of the record of removals, read: when, and what.

    Raises:
        KeyError, ValueError: it is none.
    """
    names = entry["names"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("no names")
    return moment(entry["at"]), names


def _key(name: str) -> str:
    return f"{PLACE}{name}{SUFFIX}"
