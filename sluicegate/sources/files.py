"""Files that a provider drops into the landing folder, or that come with the project.

A file counts as completely written when nothing touched it for ``landing.settle_seconds``, or when
a marker ``<file>.done`` lies beside it. Names that say otherwise (a leading dot, ``.part``,
``.tmp``) are left alone until they are renamed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Unpack

from sluicegate.contracts.arguments import one_of, require_kind
from sluicegate.errors import BatchRefused, ContractError
from sluicegate.sources import hive as partitions
from sluicegate.sources.base import (
    ROWS_AT_ONCE,
    Archive,
    Batch,
    Discovery,
    Known,
    Load,
    Source,
    Terms,
)
from sluicegate.sources.delimited import Delimited
from sluicegate.sources.landing import Landed, Landing, LandingFolder, Listing, Pattern
from sluicegate.sources.records import LINE, Format, Records
from sluicegate.sources.window import ALWAYS, Window, day_of

if TYPE_CHECKING:
    from sluicegate.settings import Settings

PARTIAL = frozenset({".part", ".partial", ".tmp", ".filepart", ".crdownload"})
_AT_WORK = "_temporary"
"""Folder in which Hadoop and Spark write what is not complete."""


class Under(StrEnum):
    """The folder of the settings that a pattern starts from."""

    LANDING = "landing"
    """Where providers drop files."""
    REFERENCE = "reference"
    """Where the project keeps data that hardly ever change, under version control."""


class Files(Source):
    """A drop of files.

    Args:
        match: pattern of the files below their folder, such as ``payments/*.csv*``, or
            ``payments/**/*.parquet`` for those of folders in folders.
        format: how they are read: ``Delimited()`` by default, or another format of
            :mod:`sluicegate.sources`.
        under: the folder that the pattern starts from.
        hive: columns whose values stand in the names of folders, such as ``("year", "country")``
            for ``year=2025/country=DE/part-0.csv``.
        terms: see :class:`~sluicegate.sources.base.Terms`.
    """

    def __init__(
        self,
        name: str,
        *,
        match: str,
        format: Format | None = None,  # noqa: A002 - it is what it is called
        under: Under = Under.LANDING,
        hive: Sequence[str] = (),
        **terms: Unpack[Terms],
    ) -> None:
        super().__init__(name, format or Delimited(), **terms)
        require_kind(str, match=match)
        self.match = match
        self.under = one_of(Under, "under", under)
        self.hive = (hive,) if isinstance(hive, str) else tuple(hive)
        self._require_read()
        Pattern(match)

    def _require_read(self) -> None:
        reads = {column.reads for column in self.contract.columns()} - {LINE}
        if unread := [key for key in self.hive if key not in reads]:
            raise ContractError(
                f"The source {self.name!r} takes {unread[0]!r} from the names of folders, and its "
                "contract does not read it.",
                where=self.contract.place(),
                hint="declare the column, or leave it out of hive=",
            )

    def discover(
        self,
        settings: Settings,
        manifest: Mapping[str, Known],
        archive: Archive,
        window: Window = ALWAYS,
    ) -> Discovery:
        """Find settled files whose content the lake does not have.

        What cannot be read now is left for the next run, with the reason.

        Raises:
            EnvironmentFailed: the landing folder is missing.
        """
        landing = self._landing(settings)
        listing = landing.listing()
        look = _Look(self, landing, manifest, archive, Discovery(waiting=dict(listing.odd)))
        for file in self._in_order(listing):
            if window.has(day := day_of(file.name, file.modified_ns)):
                look.at(file, settings.landing.settle_seconds)
            elif not look.knows(file):
                look.found.outside.append(day)
        if window == ALWAYS:
            look.miss(listing)
        return look.found

    def read(self, batch: Batch, most: int = ROWS_AT_ONCE) -> Iterator[Records]:
        """Read a batch's archived bytes as records; see :meth:`Source.read`."""
        if not self.hive:
            return super().read(batch, most)
        try:
            values = self.values_of(batch.name)
        except ValueError as error:
            raise BatchRefused(
                f"Its records lack a value: {error}.",
                where=batch.name,
                hint="land it below folders such as " + "/".join(f"{key}=…" for key in self.hive),
            ) from error
        parts = super().read(batch, most)
        return (partitions.with_values(part, values, batch.name) for part in parts)

    def reads(self) -> list[str]:
        """Names that the contract reads from a file itself, in its order."""
        return [name for name in super().reads() if name not in self.hive]

    def values_of(self, name: str) -> partitions.Values:
        """What the folders of a file say of its records.

        Raises:
            ValueError: they do not say all of it.
        """
        folders = (*Pattern(self.match).fixed, *name.split("/")[:-1])
        return partitions.values_of(folders, self.hive)

    def _landing(self, settings: Settings) -> Landing:
        root, pattern = getattr(settings, self.under).root, Pattern(self.match)
        if isinstance(root, Path):
            return LandingFolder(root, pattern, source=self.name, setting=self.under.value)
        # Whose files land in a folder need not load a client of object storage.
        from sluicegate.sources.landing_bucket import LandingBucket

        return LandingBucket.of(settings, root, pattern)

    def _in_order(self, listing: Listing) -> list[Landed]:
        files = sorted(listing.files, key=lambda file: file.name)
        if self.load is not Load.APPEND:
            # The later arrival is the correction, whatever the two are called.
            files.sort(key=lambda file: file.modified_ns)
        return files


class _Look:
    """One look at a landing folder, file by file."""

    def __init__(
        self,
        source: Files,
        landing: Landing,
        manifest: Mapping[str, Known],
        archive: Archive,
        found: Discovery,
    ) -> None:
        self.found = found
        self._source = source
        self._landing = landing
        self._manifest = manifest
        self._archive = archive
        self._seen = {(known.name, known.size, known.modified_ns) for known in manifest.values()}
        self._by_name = {known.name: known for known in manifest.values()}
        self._there: set[str] = set()

    def knows(self, file: Landed) -> bool:
        """Whether the lake has a file, as far as its name, size and moment tell."""
        return (file.name, *file.state) in self._seen

    def at(self, file: Landed, settle: float) -> None:
        """Take a file if it is new and complete."""
        if self.knows(file):
            self.found.known += 1
        elif reason := self._unfinished(file, settle) or self._unplaced(file):
            self.found.waiting[file.name] = reason
        else:
            self._take(file)

    def miss(self, listing: Listing) -> None:
        """Notice what was taken in once, and is there no more, neither by name nor by content."""
        missing = listing.missing(self._by_name)
        self.found.vanished = [
            known for name in missing if (known := self._by_name[name]).batch not in self._there
        ]

    def _take(self, file: Landed) -> None:
        try:
            with self._landing.opened(file) as content:
                content_id, place, size = self._archive.keep_stream(content)
        except OSError as error:
            self.found.waiting[file.name] = f"it cannot be read: {error.strerror or error}"
            return
        if self._landing.again(file) != (size, file.modified_ns):
            self.found.waiting[file.name] = "it changed while it was read"
            return
        batch, found = self._identity(file, content_id), self.found
        if batch in self._manifest or any(batch == new.id for new in found.new):
            self._there.add(batch)
            found.known += 1
            return
        former = self._by_name.get(file.name)
        found.new.append(
            Batch(
                batch,
                file.name,
                place,
                size,
                modified_ns=file.modified_ns,
                corrects=former.batch if former else None,
            )
        )

    def _identity(self, file: Landed, content: str) -> str:
        if not self._source.hive:
            return content
        return partitions.identity(content, self._source.values_of(file.name))

    def _unplaced(self, file: Landed) -> str | None:
        """Why the folders of a file do not say what they should; None if they do."""
        try:
            self._source.values_of(file.name)
        except ValueError as error:
            return str(error)
        return None

    def _unfinished(self, file: Landed, settle: float) -> str | None:
        """Why a file is not complete yet; None if it is. Waits for one that is nearly settled."""
        *folders, last = file.name.split("/")
        suffix = PurePosixPath(last).suffix
        if suffix in PARTIAL or last.startswith("."):
            return f"its name says that it is not complete ({suffix or 'leading dot'})"
        if any(each.startswith(".") or each == _AT_WORK for each in folders):
            return "the name of its folder says that it is not complete"
        # A clock that runs ahead must not leave a file waiting forever.
        age = max(0.0, time.time() - file.modified_ns / 1e9)
        if file.marked or age >= settle:
            return None
        time.sleep(settle - age)
        if (now := self._landing.again(file)) is None:
            return "it was taken away again"
        if now != file.state:
            return f"it is still being written (touched less than {settle:g} s ago)"
        return None
