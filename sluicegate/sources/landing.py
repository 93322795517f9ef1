"""What lies in a landing folder: names below the fixed part of a pattern, listed and opened safely.

Whoever drops files there is a third party. So nothing but a regular file is ever opened, no link
leads out of the folder, not even one that is put in place between the look and the reading, and a
name is shown with everything escaped that a terminal or a page could take for something else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from sluicegate.errors import ContractError, EnvironmentFailed
from sluicegate.packing import Stream

DONE = ".done"
"""Ending of the marker beside a file that says that it is complete."""

_ANY = "**"
_WILD = frozenset("*?[")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opening a pipe without O_NONBLOCK waits for somebody to write into it.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Landed:
    """One file that a pattern matches.

    Attributes:
        name: below the fixed part of the pattern, as it is shown and remembered.
        size: in bytes.
        modified_ns: when it was last written to.
        marked: whether a marker beside it says that it is complete.
        parts: where its bytes are, from the root on: of a link, where that leads.
        path: its name from the root on, whether it is a link or not.
    """

    name: str
    size: int
    modified_ns: int
    marked: bool
    parts: tuple[str, ...]
    path: tuple[str, ...]

    @property
    def state(self) -> tuple[int, int]:
        """What changes when somebody writes to it."""
        return self.size, self.modified_ns


@dataclass(slots=True)
class Listing:
    """What a pattern matches now.

    Attributes:
        files: in no order.
        odd: name of what is there and cannot be taken → why.
        unseen: folders that could not be looked into, by name.
    """

    files: list[Landed] = field(default_factory=list)
    odd: dict[str, str] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of some names of which there is no file; one that may be unseen is not missing."""
        there = {*(file.name for file in self.files), *self.odd}
        unseen = tuple(f"{folder}/" for folder in self.unseen)
        return [name for name in names if name not in there and not name.startswith(unseen)]


class Landing(Protocol):
    """Where files land."""

    def listing(self) -> Listing:
        """What is there now.

        Raises:
            EnvironmentFailed: the place is missing, or cannot be looked into.
        """

    def again(self, file: Landed) -> tuple[int, int] | None:
        """Size and moment of a file now; None if it is gone."""

    def opened(self, file: Landed) -> AbstractContextManager[Stream]:
        """Open a file for reading.

        Raises:
            OSError: it is gone, may not be read, or is no file any more.
        """


class Pattern:
    """Names of files below a folder: ``payments/**/*.csv``. ``**`` stands for any folders, or none.

    Attributes:
        fixed: the folders before the first part that has a wildcard.

    Raises:
        ContractError: it leads out of its folder, or matches folders only.
    """

    def __init__(self, text: str) -> None:
        parts = tuple(text.split("/"))
        if not text or any(part in ("", ".", "..") for part in parts) or "\0" in text:
            raise ContractError(
                f"The pattern {text!r} cannot be looked for below a folder.",
                hint='write it like "payments/*.csv", without "..", and with no "/" at its ends',
            )
        if any(_ANY in part and part != _ANY for part in parts) or parts[-1] == _ANY:
            raise ContractError(
                f"The pattern {text!r} has '**' where it stands for no folders.",
                hint='write it as a part of its own, and a name after it: "payments/**/*.csv"',
            )
        wild = (at for at, part in enumerate(parts) if _WILD & set(part))
        at = min(next(wild, len(parts)), len(parts) - 1)
        self.fixed, self._parts = parts[:at], parts[at:]

    def matches(self, name: tuple[str, ...]) -> bool:
        """Whether a name below the fixed part is one of those that are meant."""
        return _fits(name, self._parts, begins=False)

    def leads(self, folder: tuple[str, ...]) -> bool:
        """Whether there may be such names in a folder below the fixed part."""
        return _fits(folder, self._parts, begins=True)


def _fits(name: tuple[str, ...], parts: tuple[str, ...], *, begins: bool) -> bool:
    if not parts:
        return not name and not begins
    if parts[0] == _ANY:
        return _fits(name, parts[1:], begins=begins) or (
            bool(name) and _fits(name[1:], parts, begins=begins)
        )
    if not name:
        return begins
    return fnmatchcase(name[0], parts[0]) and _fits(name[1:], parts[1:], begins=begins)


class LandingFolder:
    """A folder of this machine.

    Args:
        root: the landing folder; no link is followed out of it.
        source: name of the source that looks, for messages.
        setting: the section of the settings that says where it is.
    """

    def __init__(self, root: Path, pattern: Pattern, *, source: str, setting: str) -> None:
        self._root = Path(os.path.realpath(root))
        self._pattern = pattern
        self._source = source
        self._setting = setting

    def listing(self) -> Listing:
        """What is there now."""
        folder = self._root.joinpath(*self._pattern.fixed)
        self._require(folder)
        found = Listing()
        self._look(folder, (), found)
        return found

    def again(self, file: Landed) -> tuple[int, int] | None:
        """Size and moment of a file now."""
        try:
            now = self._root.joinpath(*file.path).stat()
        except OSError:
            return None
        return now.st_size, now.st_mtime_ns

    @contextmanager
    def opened(self, file: Landed) -> Iterator[Stream]:
        """Open a file for reading, step by step, so that no step is a link."""
        folder = os.open(self._root, _FOLDER)
        try:
            for part in file.parts[:-1]:
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            handle = os.open(file.parts[-1], _FILE, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(handle, "rb") as content:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(None, "it is no file")
            yield content

    def _require(self, folder: Path) -> None:
        if not folder.is_dir():
            raise EnvironmentFailed(
                f"The {self._setting} folder of source {self._source!r} is missing.",
                where=str(folder),
                hint="create it, or point "
                f"SLUICEGATE_{self._setting.upper()}__ROOT at the right place; `make data` fills "
                "the landing folder with generated data",
            )
        if self._inside(folder) is None:
            raise EnvironmentFailed(
                f"The {self._setting} folder of source {self._source!r} is a link that leads out "
                "of it.",
                where=str(folder),
                hint="mount it there, or point "
                f"SLUICEGATE_{self._setting.upper()}__ROOT at a folder that has it inside",
            )
        try:
            next(folder.iterdir(), None)
        except OSError as error:
            # A look would find nothing there, and say nothing.
            raise EnvironmentFailed(
                f"The {self._setting} folder of source {self._source!r} cannot be listed: "
                f"{error.strerror}.",
                where=str(folder),
                hint="give this user permission to read it",
            ) from error

    def _look(self, folder: Path, above: tuple[str, ...], found: Listing) -> None:
        try:
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            name = shown(above)
            found.odd[f"{name}/"] = f"the folder cannot be looked into: {error.strerror}"
            found.unseen.append(name)
            return
        names = {entry.name for entry in entries}
        for entry in entries:
            path = (*above, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if self._pattern.leads(path):
                    self._look(Path(entry.path), path, found)
            elif not entry.name.endswith(DONE):
                self._take(entry, path, found, marked=entry.name + DONE in names)

    def _take(
        self, entry: os.DirEntry[str], path: tuple[str, ...], found: Listing, *, marked: bool
    ) -> None:
        matches, name = self._pattern.matches(path), shown(path)
        place = Path(entry.path)
        try:
            linked = entry.is_symlink()
            is_folder = linked and entry.is_dir()
            if not (matches or (is_folder and self._pattern.leads(path))):
                return
            if is_folder:
                found.odd[name] = "it is a link to a folder, and those are not followed"
                return
            inside = self._inside(place) if linked else place.relative_to(self._root).parts
            if inside is None:
                found.odd[name] = "it is a link that leads out of the landing folder"
                return
            now = entry.stat()
        except OSError as error:
            found.odd[name] = f"it cannot be looked at: {error.strerror}"
            return
        if not stat.S_ISREG(now.st_mode):
            found.odd[name] = "it is no file, but a pipe, a socket or a device"
            return
        whole = (*self._pattern.fixed, *path)
        found.files.append(Landed(name, now.st_size, now.st_mtime_ns, marked, inside, whole))

    def _inside(self, place: Path) -> tuple[str, ...] | None:
        """Where something really is, from the root on; None if that is elsewhere."""
        real = Path(os.path.realpath(place))
        return real.relative_to(self._root).parts if real.is_relative_to(self._root) else None


def shown(path: tuple[str, ...]) -> str:
    """A name as people may see it; no two names look alike.

    Line ends, control characters, those that turn the direction of writing and bytes that are no
    text are escaped, and so is the backslash that escapes them.
    """
    return "/".join("".join(map(_shown, part)) for part in path)


def _shown(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    if letter.isprintable():
        return letter
    return letter.encode("unicode_escape").decode()
