"""Verifying: whether everything that the lake says it keeps is there, and is what it was.

A generation is named after its catalog's content, and the catalog has the sizes, row counts and
checksums of its data files: a whole catalog tells of each of them whether it is whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sluicegate.errors import EnvironmentFailed, UnknownName
from sluicegate.lake.branch import key_of
from sluicegate.lake.lake import Lake
from sluicegate.lake.problem import Problem
from sluicegate.lake.verify_catalogs import look_into
from sluicegate.lake.verify_files import FileVerifier, Named
from sluicegate.lake.verify_logs import (
    Entries,
    Published,
    gaps,
    ledger_problems,
    logs,
    ref_problems,
)
from sluicegate.lake.verify_marks import Marks, look_at_marks


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and everything that is wrong with it.

    Attributes:
        catalogs: generations and refused runs.
        files: data files, and their bytes.
        entries: of the logs of refs, of the ledger, of what is pinned, condemned and removed.
        deep: whether data files were read to the last byte.
        advice: what to do; None if nothing is wrong.
    """

    catalogs: list[str]
    files: int
    size: int
    entries: int
    deep: bool
    problems: list[Problem]
    advice: str | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def require_whole(self) -> None:
        """Be sure that nothing is wrong.

        Raises:
            EnvironmentFailed: something is; it has all that was found as its result.
        """
        if self.problems:
            count = len(self.problems)
            raise EnvironmentFailed(
                f"The lake has {count} problem{'s' if count > 1 else ''}: {self.problems[0].what}"
                f"{' ...' if count > 1 else '.'}",
                where=self.problems[0].place,
                hint=self.advice,
                result=self.to_dict(),
            )


def verify(
    lake: Lake,
    name: str | None = None,
    *,
    keep: timedelta,
    deep: bool = False,
    published: Published | None = None,
) -> Verified:
    """Look at every generation and refused run that is kept, and at every log.

    Others may publish, read and collect meanwhile.

    Args:
        name: look at this ref, generation or refused run only.
        keep: how long what a ref showed must be there after the ref moved on.
        deep: read data files to the last byte too.
        published: how to read in the ledger what was published; the logs of refs must know of it.

    Raises:
        UnknownName: there is no such ref, generation or refused run.
        EnvironmentFailed: there is nothing that could be looked at.
    """
    with TemporaryDirectory(prefix="sluicegate-") as scratch:
        return _Verifier(lake, Path(scratch), published, deep=deep).run(name, keep)


class _Verifier:
    def __init__(
        self, lake: Lake, scratch: Path, published: Published | None, *, deep: bool
    ) -> None:
        self._lake = lake
        self._store = lake.store
        self._scratch = scratch
        self._published = published
        self._deep = deep
        self._files: dict[str, Named] = {}

    def run(self, name: str | None, keep: timedelta) -> Verified:
        # Before the logs: what the ledger has on record, a log had before.
        ledgers, problems = logs(self._lake, "ledger/")
        catalogs = self._catalogs(name)
        refs, strays = logs(self._lake, "refs/")
        problems += strays
        if name is not None:
            problems.clear()
            refs = {ref: entries for ref, entries in refs.items() if ref == name}
            ledgers = {ref: entries for ref, entries in ledgers.items() if ref == name}
        problems += self._log_problems(refs, datetime.now(UTC) - keep)
        problems += self._ledger_problems(refs, ledgers, whole=name is None)
        marks = look_at_marks(self._lake, ledgers) if name is None else Marks()
        problems += marks.problems
        if not catalogs and not problems:
            raise self._nothing()
        whole, damaged = self._look_into(catalogs)
        problems += damaged
        # Listed after the catalogs: what is published meanwhile brings its files along.
        sizes = {stored.key: stored.size for stored in self._store.list("files/")}
        verifier = FileVerifier(self._store, sizes, whole, deep=self._deep)
        problems += verifier.problems(self._files.values())
        problems = list(self._left(problems))
        return Verified(
            catalogs=sorted(catalogs),
            files=len(self._files),
            size=sum(sizes.get(key, 0) for key in self._files),
            entries=marks.entries
            + sum(len(entries) for entries in (*refs.values(), *ledgers.values())),
            deep=self._deep,
            problems=problems,
            advice=_advice(refs, problems, catalogs.keys(), name) if problems else None,
        )

    def _catalogs(self, name: str | None) -> dict[str, str]:
        """What to look at: generation, or ``refused/<run>`` → key of its catalog."""
        refused = self._lake.refused_runs()
        if name is None:
            return {each: key_of(each) for each in self._lake.generations()} | refused
        if name in refused:
            return {name: refused[name]}
        try:
            generation = self._lake.generation(name)
        except UnknownName:
            if name.startswith("refused/"):
                raise UnknownName.of("refused run", name, refused) from None
            raise
        return {generation: key_of(generation)}

    def _nothing(self) -> EnvironmentFailed:
        return EnvironmentFailed(
            "There is nothing to verify: this lake has no generation.",
            where=self._store.address,
            hint="sluicegate run publishes one; if there should be one, look where the lake is",
        )

    def _log_problems(self, refs: Mapping[str, Entries], since: datetime) -> Iterator[Problem]:
        kept = set(self._lake.generations())
        for ref, entries in refs.items():
            yield from ref_problems(self._lake, ref, entries, kept, since)

    def _ledger_problems(
        self, refs: Mapping[str, Entries], ledgers: Mapping[str, Entries], *, whole: bool
    ) -> Iterator[Problem]:
        """What ledgers know and refs do not; what is wrong with ledgers, if all is looked at."""
        for ref, ledger in ledgers.items():
            if whole:
                yield from gaps(self._lake, f"ledger/{ref}", ledger)
            if self._published is not None:
                yield from ledger_problems(
                    self._lake, ref, ledger, refs.get(ref, {}), self._published
                )

    def _look_into(self, catalogs: Mapping[str, str]) -> tuple[Path | None, list[Problem]]:
        """Read all catalogs; a copy of one that is whole, and what is wrong with the others."""
        whole = None
        problems = []
        for name, key in sorted(catalogs.items()):
            copy = self._scratch / "catalog.db"
            catalog = look_into(self._lake, name, key, copy)
            problems += catalog.problems
            for file in catalog.files:
                named = self._files.setdefault(file.key, Named(file.key))
                named.says[file].append(name)
                if file.key in catalog.checksums:
                    named.checksums[catalog.checksums[file.key]].append(name)
            if whole is None and not catalog.problems:
                whole = copy.rename(self._scratch / "whole.db")
        return whole, problems

    def _left(self, problems: list[Problem]) -> Iterator[Problem]:
        """Problems without what was collected, before or meanwhile."""
        gone: Set[str] = set()
        if any(problem.catalogs for problem in problems):
            # Once more: others collect meanwhile. What of it is damaged was told already.
            gone = look_at_marks(self._lake, {}).removed
            gone -= {*self._lake.generations(), *self._lake.refused_runs()}
        for problem in problems:
            catalogs = tuple(name for name in problem.catalogs if name not in gone)
            if catalogs or not problem.catalogs:
                yield replace(problem, catalogs=catalogs)


def _advice(
    refs: Mapping[str, Entries], problems: list[Problem], seen: Set[str], name: str | None
) -> str:
    """Which refs can be rolled back to something whole; for the rest there are backups."""
    broken = {catalog for problem in problems for catalog in problem.catalogs}
    advice = []
    for ref, entries in refs.items():
        shown = [str(entry.get("generation")) for _, entry in sorted(entries.items()) if entry]
        whole = [each for each in reversed(shown) if each in seen - broken]
        if shown and shown[-1] in broken and whole:
            advice.append(f"sluicegate lake rollback {ref} --to {whole[0]}, which is whole")
    advice.append("restore what is named from a backup")
    if name is not None and broken:
        advice.append("sluicegate lake verify looks for generations that are whole")
    return "; ".join(advice)
