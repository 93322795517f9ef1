"""Verifying a folder of backups: every object is what its backup's list says, to the last byte.

A later backup does not read again what the folder has, so a byte that rots there is found by this,
or when it is too late: by a restore.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sluicegate.errors import EnvironmentFailed
from sluicegate.lake.backup_lists import Backup, backups, chosen
from sluicegate.lake.problem import Problem
from sluicegate.lake.restore import digested
from sluicegate.lake.store import Folder

_ADVICE = (
    "remove the objects that are named, and back up again into this folder: what the lake still has"
    " is copied anew; or take another folder"
)

_Told = dict[Path, defaultdict[tuple[int, str], list[str]]]
"""File → size and SHA-256 that it should have → names of the backups that say so."""


@dataclass(frozen=True, slots=True)
class VerifiedBackups:
    """What was looked at in a folder, and everything that is wrong with it.

    Attributes:
        backups: their names, oldest first.
        objects: files, and their bytes as the lists have them.
        problems: those who have a problem are the backups that cannot be restored for it.
        advice: what to do; None if nothing is wrong.
    """

    folder: str
    backups: list[str]
    objects: int
    size: int
    problems: list[Problem]
    advice: str | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def require_whole(self) -> None:
        """Be sure that every backup of the folder can be restored.

        Raises:
            EnvironmentFailed: one cannot; it has all that was found as its result.
        """
        if self.problems:
            names = {name for problem in self.problems for name in problem.catalogs}
            raise EnvironmentFailed(
                f"{len(names)} of {len(self.backups)} backups cannot be restored:"
                f" {self.problems[0].what}{' ...' if len(self.problems) > 1 else '.'}",
                where=self.problems[0].place,
                hint=self.advice,
                result=self.to_dict(),
            )


def verify_backups(folder: Path) -> VerifiedBackups:
    """Read every object of every backup in a folder, each once.

    Raises:
        ConfigurationError: there is no backup in the folder.
    """
    names = backups(folder) or [chosen(folder, None).name]
    told: _Told = {}
    problems = []
    for name in names:
        try:
            _note(chosen(folder, name), told)
        except EnvironmentFailed as error:
            problems.append(Problem(error.message.removesuffix("."), (name,), place=error.where))
    for file, wanted in sorted(told.items()):
        problems += _look_at(file, wanted)
    size = sum(max(size for size, _ in wanted) for wanted in told.values())
    return VerifiedBackups(
        str(folder), names, len(told), size, problems, _ADVICE if problems else None
    )


def _note(backup: Backup, told: _Told) -> None:
    for key, facts in backup.objects.items():
        told.setdefault(backup.file(key), defaultdict(list))[facts].append(backup.name)


def _look_at(file: Path, wanted: Mapping[tuple[int, str], list[str]]) -> Iterator[Problem]:
    found, what = None, "an object is not what was backed up"
    try:
        found = digested(Folder(file.parent).stream(file.name))
    except FileNotFoundError:
        what = "an object is missing"
    except OSError as error:
        what = f"an object cannot be read: {error.strerror or error}"
    for facts, names in wanted.items():
        if found != facts:
            yield Problem(what, tuple(names), place=str(file))
