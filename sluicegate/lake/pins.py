"""Named pins: what keeps a generation alive besides refs, such as a release that published it.

A pin is an object of the store, and holds until it is removed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.lake.locks import rooting
from sluicegate.lake.log import moment, parsed, text
from sluicegate.lake.store import Store

RELEASES = "releases"
"""The kind of pins that releases have."""

PLACE = "pins/"
_SUFFIX = ".json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")


@dataclass(frozen=True, slots=True)
class Pin:
    """A name that keeps a generation."""

    name: str
    generation: str
    kind: str
    at: datetime


class Pins:
    """The objects ``pins/<kind>/<name>.json``."""

    def __init__(self, store: Store, require_kept: Callable[[str], object]) -> None:
        self._store = store
        self._require_kept = require_kept

    def add(self, name: str, generation: str, kind: str = RELEASES) -> Pin:
        """Keep a generation under a name; the same pin may be added again.

        Raises:
            ConfigurationError: this cannot be a name, or it pins another generation.
            UnknownName: the generation is collected, or about to be.
            EnvironmentFailed: the lake lost it.
        """
        key = _key(kind, name)
        with rooting(self._store.workspace):
            self._require_kept(generation)
            entry = {"generation": generation, "at": datetime.now(UTC).isoformat()}
            if self._store.create(key, json.dumps(entry, indent=1).encode()):
                return self._pin(key)
        pin = self._pin(key)
        if pin.generation != generation:
            raise ConfigurationError(
                f"The pin {name!r} keeps generation {pin.generation} already.",
                where=self._store.where(key),
                hint="take another name, or remove that pin first",
            )
        return pin

    def remove(self, name: str, kind: str = RELEASES) -> None:
        """Let go of what a name keeps.

        Raises:
            UnknownName: there is no such pin.
        """
        key = _key(kind, name)
        if not self._store.exists(key):
            names = [pin.name for pin in self.list(kind)]
            raise UnknownName.of("pin", name, names, where=self._store.where(f"{PLACE}{kind}"))
        self._store.remove(key)

    def list(self, kind: str | None = None) -> Sequence[Pin]:
        """Every pin, or those of a kind, in the order of their names.

        Raises:
            EnvironmentFailed: one is damaged.
        """
        keys = (stored.key for stored in self._store.list(f"{PLACE}{kind}/" if kind else PLACE))
        return [self._pin(key) for key in sorted(keys)]

    def _pin(self, key: str) -> Pin:
        try:
            return pin_of(key, self._store.read(key))
        except (ValueError, KeyError) as error:
            raise EnvironmentFailed(
                "A pin cannot be read.",
                where=self._store.where(key),
                hint="restore it from a backup, or remove that file if nothing needs the pin;"
                " sluicegate lake verify names all damage",
            ) from error


def pin_of(key: str, content: bytes) -> Pin:
    """A pin, read.

    Raises:
        KeyError, ValueError: it is none.
    """
    kind, _, name = key.removeprefix(PLACE).removesuffix(_SUFFIX).partition("/")
    # A pin that lost its name keeps nothing by it: better told than taken for none.
    if not (key.endswith(_SUFFIX) and _NAME.match(kind) and _NAME.match(name)):
        raise ValueError("no name of a pin")
    entry = parsed(content)
    return Pin(name, text(entry["generation"]), kind, moment(entry["at"]))


def _key(kind: str, name: str) -> str:
    for part in (kind, name):
        if not _NAME.match(part):
            raise ConfigurationError(
                f"{part!r} cannot be the name of a pin, or of a kind of pins.",
                hint="use letters, digits, '.', '_', '+' and '-'",
            )
    return f"{PLACE}{kind}/{name}{_SUFFIX}"
