"""A recorder between the lake and the disk: what was flushed, named and removed, in which order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from sluicegate.lake.durable import DRAFT

Step = tuple[str, str]
"""What was done, to what: to a file in ``refs/dev``, or to the ``refs/dev folder`` itself.

A file that has no name yet that matters is a ``draft``.
"""


class Disk:
    """Stands between the lake and the disk: writes down every step, and fails one on demand.

    Args:
        roots: what places are below: the lake, a folder of backups.
    """

    def __init__(self, *roots: Path) -> None:
        self.steps: list[Step] = []
        self.fail_at: int | None = None
        self._roots = roots

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch what happens to the disk in the block."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", self._step("fsync", os.fsync))
            patch.setattr(os, "link", self._step("link", os.link))
            patch.setattr(Path, "replace", self._step("replace", Path.replace))
            patch.setattr(Path, "unlink", self._step("unlink", Path.unlink))
            yield

    @property
    def summary(self) -> list[Step]:
        """The same without repetitions: of many files flushed after one another, the kind once."""
        return [step for step, _ in groupby(self.steps)]

    def before(self, first: Step, then: Step) -> bool:
        """Whether the last of the one came before the first of the other, and both came."""
        last = max(place for place, step in enumerate(self.steps) if step == first)
        return last < self.steps.index(then)

    def _step(self, name: str, real: Any) -> Any:
        def step(target: Any, *arguments: Any, **options: Any) -> Any:
            path = Path(f"/proc/self/fd/{target}").readlink() if name == "fsync" else Path(target)
            # A link and a rename are told by the name that they make.
            named = Path(arguments[0]) if name in ("link", "replace") else path
            place = self._place(named)
            if place is None or (name == "unlink" and place == "draft"):
                return real(target, *arguments, **options)
            if len(self.steps) == self.fail_at:
                self.steps.append(("failed", name))
                raise OSError(5, "Input/output error")
            self.steps.append((name, place))
            return real(target, *arguments, **options)

        return step

    def _place(self, path: Path) -> str | None:
        root = next((root for root in self._roots if path.is_relative_to(root)), None)
        if root is None:
            return None
        if path.is_dir():
            return f"{path.relative_to(root)} folder"
        if path.name.endswith(DRAFT):
            return "draft"
        folder = path.relative_to(root).parent
        # That a lock goes, or what else a branch has on this machine, is nobody's concern.
        ours = folder.parts[:1] == ("branches",) and path.suffix != ".db"
        return None if ours else str(folder)
