"""Files that are generated: written, and held against what they should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sluicegate.errors import EnvironmentFailed

MADE = "Made by `sluicegate contracts export` from the contract: change that, not this."
"""The first line of files that are written as a whole; others are never removed."""


@dataclass(frozen=True, slots=True)
class Made:
    """What one format writes.

    Attributes:
        files: what they should hold.
        owned: patterns of names, in the project, of files that are removed when their dataset is.
    """

    files: Mapping[Path, str]
    owned: tuple[str, ...] = field(default=())


def stale(project: Path, made: Made) -> list[str]:
    """Files that are not what they should be, or that should not be; as names in the project."""
    wrong = [file for file, text in made.files.items() if not _holds(file, text)]
    return sorted(str(file.relative_to(project)) for file in [*wrong, *_left(project, made)])


def write(project: Path, made: Made) -> list[str]:
    """Write what is not as it should be, and remove what should not be; returns the names.

    Raises:
        EnvironmentFailed: a file cannot be written.
    """
    changed = stale(project, made)
    for name in changed:
        file = project / name
        try:
            if file not in made.files:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(made.files[file], encoding="utf-8")
        except OSError as error:
            raise EnvironmentFailed(
                f"An export cannot be written: {error.strerror}.", where=str(file)
            ) from error
    return changed


def _holds(file: Path, text: str) -> bool:
    try:
        return file.read_bytes() == text.encode()
    except OSError:
        return False


def _left(project: Path, made: Made) -> list[Path]:
    """Files that an export wrote of datasets that are no more."""
    found = {file for pattern in made.owned for file in project.glob(pattern)}
    return [file for file in sorted(found - made.files.keys()) if _ours(file)]


def _ours(file: Path) -> bool:
    return file.is_file() and MADE.encode() in file.read_bytes()[:1000]
