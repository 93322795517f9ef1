"""What is wrong with the deployment file: all of it at once, each with its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from sluicegate.errors import ConfigurationError

Place = tuple[str | int, ...]
"""Where in the file: keys and positions from the top."""


def nearest(name: str, known: Sequence[str]) -> str:
    """Say which known name may have been meant, or which there are."""
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


@dataclass(slots=True)
class Problems:
    """Collects problems, so that a file is mended in one go.

    Attributes:
        file: the file they are in.
        lines: line of every place in it.
        names: what stands for a position in the messages: the name of the deployment there.
    """

    file: Path
    lines: dict[Place, int] = field(default_factory=dict)
    names: dict[Place, str] = field(default_factory=dict)
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, place: Place, message: str) -> None:
        """Note a problem. Messages name keys and variables; parameters' values stay out."""
        self.found.append((self._line(place), f"{self._spelled(place)}: {message}"))

    def refuse(self) -> None:
        """Raise what was noted, if anything was.

        Raises:
            ConfigurationError: with every problem, in the order of the file.
        """
        if not self.found:
            return
        unique = sorted(set(self.found))
        if len(unique) == 1:
            line, message = unique[0]
            raise ConfigurationError(
                f"The deployments cannot be applied, and nothing was: {message}",
                where=f"{self.file}, line {line}",
            )
        listed = "".join(f"\n  line {line}: {message}" for line, message in unique)
        raise ConfigurationError(
            f"The deployments cannot be applied, and nothing was: {len(unique)} problems.{listed}",
            where=str(self.file),
        )

    def _line(self, place: Place) -> int:
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def _spelled(self, place: Place) -> str:
        words = []
        for end, part in enumerate(place, start=1):
            name = self.names.get(place[:end])
            words.append(name or (f"[{part}]" if isinstance(part, int) else str(part)))
        return ".".join(words).replace(".[", "[") or "the file"
