"""Files that a provider drops into the landing folder, or that come with the project.

A file counts as completely written when nothing touched it for ``landing.settle_seconds``, or when
a marker ``<file>.done`` lies beside it. Names that say otherwise (a leading dot, ``.part``,
``.tmp``) are left alone until they are renamed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from sluicegate.contracts.arguments import one_of, require_kind
from sluicegate.errors import ContractError, EnvironmentFailed
from sluicegate.sources.base import Archive, Batch, Discovery, Known, Load, Source, Terms
from sluicegate.sources.delimited import Delimited
from sluicegate.sources.records import Format

if TYPE_CHECKING:
    from sluicegate.settings import Settings

PARTIAL = frozenset({".part", ".partial", ".tmp", ".filepart", ".crdownload"})
DONE = ".done"


class Under(StrEnum):
    """The folder of the settings that a pattern starts from."""

    LANDING = "landing"
    """Where providers drop files."""
    REFERENCE = "reference"
    """Where the project keeps data that hardly ever change, under version control."""


class Files(Source):
    """A drop of files.

    Args:
        match: pattern of the files below their folder, such as ``payments/*.csv*``.
        format: how they are read: ``Delimited()`` by default, ``Ndjson()``, ``Parquet()``.
        under: the folder that the pattern starts from.
        terms: see :class:`~sluicegate.sources.base.Terms`.
    """

    def __init__(
        self,
        name: str,
        *,
        match: str,
        format: Format | None = None,  # noqa: A002 - it is what it is called
        under: Under = Under.LANDING,
        **terms: Unpack[Terms],
    ) -> None:
        super().__init__(name, format or Delimited(), **terms)
        require_kind(str, match=match)
        if not match or match.startswith("/") or ".." in Path(match).parts:
            raise ContractError(
                f"The source {name!r} matches {match!r}, which is no pattern below a folder.",
                hint='write match="terminals/*.csv"; the settings say where the folder is',
            )
        self.match = match
        self.under = one_of(Under, "under", under)

    def discover(
        self, settings: Settings, manifest: Mapping[str, Known], archive: Archive
    ) -> Discovery:
        """Find settled files whose content the lake does not have.

        Raises:
            EnvironmentFailed: the landing folder is missing, or a file cannot be read.
        """
        root = getattr(settings, self.under).root
        folder = root / Path(self.match).parent
        if not folder.is_dir():
            raise EnvironmentFailed(
                f"The {self.under} folder of source {self.name!r} is missing.",
                where=str(folder),
                hint=f"create it, or point SLUICEGATE_{self.under.upper()}__ROOT at the right "
                "place; `make data` fills the landing folder with generated data",
            )
        try:
            next(folder.iterdir(), None)
        except OSError as error:
            # A glob would find nothing there, and say nothing.
            raise EnvironmentFailed(
                f"The {self.under} folder of source {self.name!r} cannot be listed: "
                f"{error.strerror}.",
                where=str(folder),
                hint="give this user permission to read it",
            ) from error
        seen = {(known.name, known.size, known.modified_ns) for known in manifest.values()}
        found = Discovery()
        for file in self._in_order(root):
            stat = _stat(file)
            if file.suffix == DONE or not file.is_file():
                continue
            if (file.name, stat.st_size, stat.st_mtime_ns) in seen:
                found.known += 1
            elif reason := _unfinished(file, settings.landing.settle_seconds):
                found.waiting[file.name] = reason
            else:
                self._take(file, stat, manifest, archive, found)
        return found

    def _in_order(self, root: Path) -> list[Path]:
        files = sorted(root.glob(self.match))
        if self.load is not Load.APPEND:
            # The later arrival is the correction, whatever the two are called.
            files.sort(key=lambda file: _stat(file).st_mtime_ns)
        return files

    def _take(
        self,
        file: Path,
        stat: os.stat_result,
        manifest: Mapping[str, Known],
        archive: Archive,
        found: Discovery,
    ) -> None:
        try:
            batch, content, size = archive.keep_file(file)
        except OSError as error:
            raise EnvironmentFailed(
                f"A file of source {self.name!r} cannot be read: {error.strerror or error}.",
                where=str(file),
                hint="give this user permission to read it, or move it out of the landing folder",
            ) from error
        after = _stat(file)
        if (after.st_size, after.st_mtime_ns) != (size, stat.st_mtime_ns):
            found.waiting[file.name] = "it changed while it was read"
        elif batch in manifest or any(batch == new.id for new in found.new):
            found.known += 1
        else:
            found.new.append(Batch(batch, file.name, content, size, modified_ns=stat.st_mtime_ns))


def _unfinished(file: Path, settle: float) -> str | None:
    """Why a file is not complete yet; None if it is. Waits for a file that is nearly settled."""
    if file.suffix in PARTIAL or file.name.startswith("."):
        return f"its name says that it is not complete ({file.suffix or 'leading dot'})"
    if file.with_name(file.name + DONE).exists():
        return None
    before = _stat(file)
    # A clock that runs ahead must not leave a file waiting forever.
    age = max(0.0, time.time() - before.st_mtime)
    if age < settle:
        time.sleep(settle - age)
        after = _stat(file)
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            return f"it is still being written (touched less than {settle:g} s ago)"
    return None


def _stat(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as error:
        raise EnvironmentFailed(
            f"A landed file cannot be examined: {error.strerror or error}.", where=str(file)
        ) from error
