"""The lake: generations that nobody writes, refs that point at them, branches that become them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.errors import EnvironmentFailed, RefMoved, UnknownName
from sluicegate.lake import durable
from sluicegate.lake.branch import CATALOG, Branch, copy_catalog, doorway, hold, sweep
from sluicegate.lake.connection import open_read_only
from sluicegate.lake.refs import Move, Refs
from sluicegate.lake.session import Session

if TYPE_CHECKING:
    from sluicegate.settings import Settings


class Lake:
    """One lake in one folder.

    ====================  ======================================================================
    ``refs/<ref>/``       the log of each ref; its newest entry is where the ref points
    ``catalogs/<g>.db``   generations: immutable DuckLake catalogs, named after their content
    ``files/``            Parquet data files, shared by all catalogs
    ``branches/<run>/``   work in progress, one folder a writer
    ``evidence/<run>/``   what a refused run left behind, its catalog included
    ``archive/``          raw bytes of every ingested batch, named after their content
    ``ledger/<env>/``     what happened, run by run
    ====================  ======================================================================
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = root / "files"
        self.catalogs = root / "catalogs"
        self.branches = root / "branches"
        self.evidence = root / "evidence"
        self.archive = root / "archive"
        self.ledger = root / "ledger"
        self.refs = Refs(root / "refs")

    def prepare(self) -> None:
        """Make the folders, be sure that we may write, and sweep what dead runs left.

        Raises:
            EnvironmentFailed: we may not, or the disk is full.
        """
        probe = self.root / f".probe-{os.getpid()}"
        try:
            for folder in (self.root, self.files, self.catalogs, self.branches, self.archive):
                durable.make_folder(folder)
            probe.write_bytes(b"x")
            probe.unlink()
            with doorway(self.branches):
                # A run that finds nothing to do makes no branch, and must not leave those of the
                # killed lying about.
                sweep(self.branches)
        except OSError as error:
            raise EnvironmentFailed(
                f"The lake's folder cannot be written: {error.strerror or error}.",
                where=str(self.root),
                hint="give this user write permission, or set SLUICEGATE_LAKE__ROOT elsewhere",
            ) from error

    @contextmanager
    def branch(self, ref: str, name: str) -> Iterator[Branch]:
        """A private copy of what readers of a ref see, gone at the end unless published.

        Args:
            ref: environment that the branch starts from and will be published to.
            name: name of the branch, usually the run's.

        Raises:
            BranchBusy: another process writes on a branch of that name.
        """
        folder = self.branches / name
        with ExitStack() as held:
            with doorway(self.branches):
                sweep(self.branches)
                held.enter_context(hold(folder))
            base = self.refs.head(ref)
            if base is not None:
                copy_catalog(self.catalog(base.generation), folder / CATALOG)
            branch = Branch(folder, self.files, ref, base)
            try:
                yield branch
            finally:
                branch.close()

    def publish(self, branch: Branch, *, run: str) -> Move:
        """Let readers of the branch's ref see it, all tables at once.

        Raises:
            RefMoved: somebody published to the ref meanwhile. Readers see theirs.
        """
        if self.refs.head(branch.ref) != branch.base:
            # Refused early: sealing would leave a generation that nothing points at.
            raise RefMoved(
                f"The environment {branch.ref!r} was published to while this run worked.",
                hint="run again: the work is repeated on top of what was published",
            )
        generation = branch.seal(self.catalogs)
        return self.refs.move(branch.ref, branch.base, generation, action="publish", run=run)

    def rollback(self, ref: str, to: str | None = None) -> Move:
        """Point a ref back at an earlier generation; by default the one before what it shows.

        Raises:
            UnknownName: no such ref, or it never pointed at that generation, or at none before.
        """
        head = self.refs.require(ref)
        moves = list(self.refs.log(ref))
        target = to or _before(head.generation, moves)
        if target is None:
            raise UnknownName(
                f"{ref!r} shows its first generation; there is none before it.", where=ref
            )
        known = {move.generation for move in moves}
        if target not in known:
            raise UnknownName.of("generation", target, known - {head.generation}, where=ref)
        self.catalog(target)
        return self.refs.move(ref, head, target, action="rollback")

    def resolve(self, name: str) -> Path:
        """The catalog behind a name: a ref, a generation, or ``refused/<run>``.

        Raises:
            UnknownName: it is none of these.
        """
        # Looked up among what there is, never joined into a path: a name may hold anything.
        if name in (refs := self.refs.names()):
            return self.catalog(self.refs.require(name).generation)
        places = {file.stem: file for file in self.catalogs.glob("g*.db")}
        for kept in self.evidence.glob(f"*/{CATALOG}"):
            places[f"refused/{kept.parent.name}"] = kept
        if name in places:
            return places[name]
        raise UnknownName.of("ref or generation", name, [*refs, *places], where=str(self.root))

    def catalog(self, generation: str) -> Path:
        """The catalog file of a generation.

        Raises:
            EnvironmentFailed: the lake lost it.
        """
        file = self.catalogs / f"{generation}.db"
        if not file.is_file():
            raise EnvironmentFailed(
                f"The catalog of generation {generation} is missing.",
                where=str(file),
                hint="restore the lake from a backup, or roll back to another generation",
            )
        return file

    def refused(self, run: str) -> Path:
        """Where the catalog of a refused run is kept."""
        return self.evidence / run / CATALOG

    @contextmanager
    def read(self, name: str) -> Iterator[Session]:
        """A read-only session on what a name points at now; it stays the same to the end."""
        session = Session(open_read_only(self.resolve(name), self.files))
        try:
            yield session
        finally:
            session.close()


def _before(generation: str, moves: list[Move]) -> str | None:
    """The generation that a ref showed when this one was first published on top of it."""
    for move in reversed(moves):
        if move.generation == generation and move.action == "publish":
            return move.previous
    return None


def development_branch(settings: Settings) -> Path:
    """Catalog of the branch that a dbt of your own works on: yours alone, never published.

    It is a fresh copy of the environment ``dev`` whenever that was published to since.

    Raises:
        UnknownName: nothing was published to ``dev`` yet.
    """
    lake = Lake(settings.lake.root)
    head = lake.refs.require("dev")
    folder = lake.root / "development"
    catalog, origin = folder / CATALOG, folder / "origin.json"
    if not (origin.is_file() and json.loads(origin.read_text()) == head.generation):
        copy_catalog(lake.catalog(head.generation), catalog)
        origin.write_text(json.dumps(head.generation))
    return catalog
