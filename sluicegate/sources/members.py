"""A zip of several files as one batch: each is read by itself, one after the other, by name.

A record's place tells the file as well: ``2_000_000_000_007`` is line 7 of the second one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import polars as pl

from sluicegate.errors import BatchRefused, ContractError, SluicegateError
from sluicegate.opening import Content, Member, members_of
from sluicegate.sources.records import LINE, Records

if TYPE_CHECKING:
    from sluicegate.sources.records import Format

__all__ = ["count", "of_several", "place_of", "read", "require_glob"]

_A_FILE = 10**12
"""Lines that no file has."""

_MOST_NAMED = 10
_USUAL = frozenset({".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".dat"})
"""How names of files with records end, beside others that are about them."""


@runtime_checkable
class ReadsMembers(Protocol):
    """A format of which a zip may hold several files.

    Attributes:
        members: which files of a zip are meant, such as ``*.csv``; by default all of them.
    """

    @property
    def members(self) -> str | None:
        """See there."""
        ...

    def read(
        self, content: Content, *, name: str, columns: Sequence[str], most: int
    ) -> Iterator[Records]:
        """Read one file."""
        ...

    def count(self, content: Content) -> int:
        """Records that one file must have meant to send."""
        ...


def read(
    form: Format, content: Path, *, name: str, columns: Sequence[str], most: int
) -> Iterator[Records]:
    """Read a batch, whether it is one file or a zip of several; see :class:`Format`."""
    if not isinstance(form, ReadsMembers) or not (files := _chosen(form, content, name)):
        yield from form.read(content, name=name, columns=columns, most=most)
        return
    if len(files) == 1:
        (file,) = files
        yield from form.read(file, name=_named(name, file), columns=columns, most=most)
        return
    empty: Records | None = None
    told, reached, left = False, 0.0, Counter[str]()
    for file in files:
        at = 0.0
        for records in form.read(file, name=_named(name, file), columns=columns, most=most):
            # Each tells where in the zip it is; by name is not the order in which they are there.
            at += records.share
            part = replace(_placed(records, file), share=max(0.0, at - reached))
            reached = max(reached, at)
            left.update(part.left_out)
            if part.count:
                told = True
                yield replace(part, left_out=dict(left))
                left.clear()
            else:
                empty = part if empty is None else empty
    # A month without records is one; a batch without any is told as that.
    if empty is not None and (left or not told):
        yield replace(empty, left_out=dict(left))


def count(form: Format, content: Path) -> int:
    """Records that a batch which cannot be read must have meant to send."""
    if not isinstance(form, ReadsMembers):
        return form.count(content)
    try:
        files = _chosen(form, content, "")
    except BatchRefused:
        return 0
    return sum(form.count(file) for file in files) if files else form.count(content)


def place_of(line: int, find: Callable[[], Path] | None = None) -> str:
    """Where a record stands in its batch, for people.

    Args:
        find: finds the batch, to tell a file of a zip by its name; without it, or if the batch is
            not there any more, it has a number, by name.
    """
    number, line = divmod(line, _A_FILE)
    if not number:
        return f"line {line}"
    try:
        files = members_of(find(), "") if find else None
        told = files[number - 1].told if files else f"{number:,}"
    except (SluicegateError, OSError, IndexError):
        told = f"{number:,}"
    return f"member {told}, line {line}"


def of_several(places: pl.Series) -> bool:
    """Whether some records stand in one of several files of a zip, going by their places."""
    return bool((places >= _A_FILE).any())


def require_glob(glob: object) -> None:
    """Refuse what chooses no files.

    Raises:
        ContractError: it is no text, or an empty one.
    """
    if glob is not None and not (isinstance(glob, str) and glob.strip()):
        raise ContractError(f"members={glob!r} chooses no files.", hint='write members="*.csv"')


def _chosen(form: ReadsMembers, content: Path, name: str) -> Sequence[Member]:
    """The files that are meant; none of what is no zip, or holds one file that must be meant."""
    found = members_of(content, name)
    if found is None:
        return ()
    if form.members is None:
        # One file is read as it always is, whatever it is called; and no file is refused there.
        return _of_one_kind(found, name) if len(found) > 1 else ()
    chosen = [file for file in found if fnmatchcase(file.path, form.members)]
    if not chosen:
        raise BatchRefused(
            f"No file of the archive is called {form.members}: {_listed(found)}.",
            where=name,
            hint="look at members= of the source's format",
        )
    return chosen


def _of_one_kind(files: Sequence[Member], name: str) -> Sequence[Member]:
    """All files, if they are of one kind: a provider's remarks must not be taken for records."""
    kinds = sorted({PurePosixPath(file.name).suffix.lower() for file in files})
    if len(kinds) > 1:
        usual = next((kind for kind in kinds if kind in _USUAL), kinds[-1])
        raise BatchRefused(
            f"The archive holds files of several kinds: {_listed(files)}.",
            where=name,
            hint=f'say which are meant, in the format of the source: members="*{usual}"',
        )
    return files


def _listed(files: Sequence[Member]) -> str:
    named = ", ".join(file.told for file in files[:_MOST_NAMED])
    more = len(files) - _MOST_NAMED
    return f"{named} and {more:,} more" if more > 0 else named or "it is empty"


def _named(name: str, file: Member) -> str:
    return f"{name}, member {file.told}"


def _placed(records: Records, file: Member) -> Records:
    """The same, whose lines tell the file."""
    line = (pl.col(LINE) + file.number * _A_FILE).alias(LINE)
    return replace(
        records, rows=records.rows.with_columns(line), rejects=records.rejects.with_columns(line)
    )
