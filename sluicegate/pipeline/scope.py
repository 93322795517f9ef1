"""The scope of a run: which sources it looks at, for which days, and how much it takes at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.sources import ALWAYS, Discovery, Source, Window


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is about; by default everything that is new.

    Attributes:
        sources: names of those that are looked at; empty for all.
        window: days that their batches must be about.
        most: batches to take in; the others are left for a later run. None for all.
        passed: ``source/id`` of batches to pass over, which earlier chunks held.

    Raises:
        ConfigurationError: it leaves nothing.
    """

    sources: tuple[str, ...] = ()
    window: Window = ALWAYS
    most: int | None = None
    passed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise ConfigurationError(
                f"A run cannot take in {self.most} batches at once.", hint="say 1 or more"
            )

    @classmethod
    def of(
        cls,
        sources: tuple[str, ...],
        since: date | None,
        until: date | None,
        most: int | None,
        passed: tuple[str, ...] = (),
    ) -> Scope:
        """The scope that a flow run's parameters say."""
        return cls(tuple(dict.fromkeys(sources)), Window(since, until), most, passed)

    def chosen(self, sources: Mapping[str, Source]) -> Mapping[str, Source]:
        """The sources that are looked at, in the order in which they are taken in.

        Raises:
            UnknownName: there is none of a name.
        """
        for name in self.sources:
            if name not in sources:
                raise UnknownName.of("source", name, sources)
        return {
            name: source
            for name, source in sources.items()
            if not self.sources or name in self.sources
        }

    def cut(self, found: Mapping[str, Discovery]) -> tuple[dict[str, Discovery], dict[str, int]]:
        """As many new batches as are taken in, and how many of each source are left."""
        room = self.most
        taken, left = dict(found), dict[str, int]()
        if room is None:
            return taken, left
        for name, discovery in found.items():
            if (over := len(discovery.new) - room) > 0:
                taken[name] = replace(discovery, new=discovery.new[:room])
                left[name] = over
            room -= min(room, len(discovery.new))
        return taken, left


EVERYTHING = Scope()
"""All that is new."""
