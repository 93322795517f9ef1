"""The lake: generations that nobody writes, refs that point at them, branches that become them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.errors import ConfigurationError, EnvironmentFailed, RefMoved, UnknownName
from sluicegate.lake import locks
from sluicegate.lake.branch import (
    CATALOG,
    GENERATIONS,
    Branch,
    copy_catalog,
    doorway,
    hold,
    key_of,
    set_base,
    sweep,
)
from sluicegate.lake.condemned import Condemned
from sluicegate.lake.connection import open_read_only
from sluicegate.lake.damage import damage
from sluicegate.lake.leases import Lease, lease
from sluicegate.lake.locks import looking, rooting
from sluicegate.lake.pins import Pins
from sluicegate.lake.points import reached
from sluicegate.lake.refs import Move, Refs
from sluicegate.lake.restoring import require_restored
from sluicegate.lake.session import Session
from sluicegate.lake.store import Folder, Store, require_folder

if TYPE_CHECKING:
    import duckdb

    from sluicegate.settings import Settings


class Lake:
    """One lake in one store.

    ====================  ======================================================================
    ``refs/<ref>/``       the log of each ref; its newest entry is where the ref points
    ``catalogs/<g>.db``   generations: immutable DuckLake catalogs, named after their content
    ``files/``            Parquet data files, shared by all catalogs
    ``evidence/<run>/``   what a refused run left behind, its catalog included
    ``archive/``          raw bytes of every ingested batch, named after their content
    ``ledger/<ref>/``     what happened, run by run
    ``pins/``             names that keep a generation; ``denied/<env>/``: batches that stay out
    ``condemned/``        what nothing reaches, and since when; ``collected/``: what was removed
    ``restoring.json``    says that a restore has begun, and not ended
    ====================  ======================================================================

    Work in progress is on this machine, in the store's workspace: ``branches/<run>/``, one folder
    a writer, ``readers/``, one file a reader, and ``locks/``.

    Attributes:
        store: where all this is.
        pins: names that keep a generation, besides refs.
        root: the workspace; of a lake in a folder, that folder.
        files: where data files are, as DuckDB is told.
        development: catalog of the branch that a dbt of one's own works on.
    """

    def __init__(self, store: Store | Path) -> None:
        self.store = Folder(store) if isinstance(store, Path) else store
        self.files = self.store.files
        self.root = self.store.workspace
        self.branches = self.root / "branches"
        self.development = self.root / "development" / CATALOG
        self.refs = Refs(self.store)
        self.pins = Pins(self.store, self.require_kept)
        self.condemned = Condemned(self.store)

    @classmethod
    def of(cls, settings: Settings) -> Lake:
        """The lake that the settings name.

        Raises:
            ConfigurationError: it is on object storage, and there are no credentials; or where it
                should be a folder there is a file.
        """
        root = settings.lake.root
        if isinstance(root, Path):
            require_folder(root)
            return cls(root)
        # Who has his lake in a folder need not load a client of object storage.
        from sluicegate.lake.bucket import Bucket

        return cls(Bucket.of(settings, root))

    def prepare(self) -> None:
        """Be sure that we may write, and sweep what dead runs left.

        Raises:
            EnvironmentFailed: we may not, or the disk is full.
        """
        self.store.prepare()
        locks.prepare(self.root)
        self.sweep()

    def sweep(self) -> None:
        """Remove the branches of dead runs; it takes no room, and makes some."""
        with doorway(self.branches):
            # A run that finds nothing to do makes no branch, and must not leave those of the
            # killed lying about.
            sweep(self.branches)

    @contextmanager
    def branch(self, ref: str, name: str) -> Iterator[Branch]:
        """A private copy of what readers of a ref see, gone at the end unless published.

        Args:
            ref: where the branch starts from and will be published to.
            name: name of the branch, usually the run's.

        Raises:
            BranchBusy: another process writes on a branch of that name.
        """
        with self.scratch(name) as folder:
            with rooting(self.root):
                base = self.refs.head(ref)
                if base is not None:
                    set_base(folder, base.generation)
                    copy_catalog(self.catalog(base.generation), folder / CATALOG)
                reached("branch copied")
            branch = Branch(folder, self.store, ref, base)
            try:
                yield branch
            finally:
                branch.close()

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A folder of this machine that is gone at the end, and swept by others after a kill.

        Raises:
            BranchBusy: another process has it.
        """
        folder = self.branches / name
        with ExitStack() as held:
            with doorway(self.branches):
                sweep(self.branches)
                held.enter_context(hold(folder))
            yield folder

    def publish(
        self,
        branch: Branch,
        *,
        run: str | None,
        action: str = "publish",
        allowed: Callable[[], None] = lambda: None,
    ) -> Move:
        """Let readers of the branch's ref see it, all tables at once.

        Args:
            branch: what to show.
            run: whose work it is, if it is a run's.
            action: what the ref's log says.
            allowed: looks once more, right before the ref moves, and raises if it must not.

        Raises:
            RefMoved: somebody published to the ref meanwhile. Readers see theirs.
        """
        if self.refs.head(branch.ref) != branch.base:
            # Refused early: sealing would leave a generation that nothing points at.
            raise RefMoved(
                f"The environment {branch.ref!r} was published to while this run worked.",
                hint="run again: the work is repeated on top of what was published",
            )
        with rooting(self.root):
            require_restored(self.store)
            generation = branch.seal()
            try:
                allowed()
                return self.refs.move(branch.ref, branch.base, generation, action=action, run=run)
            except RefMoved:
                branch.unseal(generation)
                raise

    def rollback(self, ref: str, to: str | None = None) -> Move:
        """Point a ref back at an earlier generation; by default the one before what it shows.

        One that it shows already is left alone: the move that is returned is its last one.

        Raises:
            UnknownName: no such ref, or it never pointed at that generation, or at none before,
                or that generation was collected.
            EnvironmentFailed: the lake lost it.
        """
        with rooting(self.root):
            head = self.refs.require(ref)
            target = self._before(head) if to is None else to
            if target == head.generation:
                return head
            if to is not None:
                self.refs.require_shown(head, to)
            self.require_kept(target, hint=partial(self._oldest, head))
            reached("rollback chosen")
            return self.refs.move(ref, head, target, action="rollback")

    def _before(self, head: Move) -> str:
        """The generation that what a ref shows was published on top of."""
        # Newest first, and no further: on object storage the log of a year takes seconds to read.
        for move in self.refs.log(head.ref):
            # One that brought nothing does not count.
            if move.previous != move.generation == head.generation and move.action == "publish":
                if move.previous is not None:
                    return move.previous
                break
        raise UnknownName(
            f"{head.ref!r} shows its first generation; there is none before it.", where=head.ref
        )

    def require_kept(self, generation: str, *, hint: Callable[[], str] | None = None) -> None:
        """Be sure that something may be pointed at a generation, now.

        Args:
            hint: what to do instead, if it was collected.

        Raises:
            UnknownName: it was collected, or is about to be.
            EnvironmentFailed: the lake lost it.
        """
        there = generation in self.generations()
        if (told := self.condemned.told(generation, there=there)) is not None:
            told.hint = hint() if hint else None
            raise told
        if not there:
            raise self._lost(generation)

    def _oldest(self, head: Move) -> str:
        """Which generation a ref can still go back to."""
        kept = set(self.generations()) - self.condemned.names() - {head.generation}
        for move in reversed(list(self.refs.log(head.ref))):
            if move.generation in kept:
                return (
                    f"the oldest that remains: sluicegate lake rollback {head.ref}"
                    f" --to {move.generation}"
                )
        return f"none that {head.ref!r} showed remains but the one that it shows"

    def start(self, ref: str, source: str) -> Move:
        """Make a new ref that shows what another one shows; no data are copied.

        Args:
            ref: its name.
            source: a ref or generation.

        Raises:
            UnknownName: there is no such source, or it is about to be collected.
            ConfigurationError: there is a ref of that name, or it cannot be a name.
        """
        with rooting(self.root):
            generation = self.generation(source)
            self.require_free(ref)
            self.require_kept(generation)
            reached("ref about to be made")
            return self.refs.move(ref, None, generation, action="branch")

    def require_free(self, ref: str) -> None:
        """Be sure that a new ref may have this name.

        Raises:
            ConfigurationError: there is a ref of that name, or it cannot be a name.
        """
        self.refs.require_name(ref)
        if self.refs.head(ref) is not None:
            raise ConfigurationError(
                f"There is a ref called {ref!r} already.",
                where=self.store.where(f"refs/{ref}"),
                hint=f"take another name, or delete it first: sluicegate lake delete {ref}",
            )

    def delete(self, ref: str) -> Move:
        """Delete a ref; what nobody else shows is free to be collected then.

        Raises:
            UnknownName: there is no such ref.
        """
        move = self.refs.delete(self.refs.require(ref))
        reached("ref deleted")
        return move

    def generations(self) -> list[str]:
        """Every generation whose catalog is kept."""
        require_restored(self.store)
        names = self.store.names(GENERATIONS)
        return sorted(name.removesuffix(".db") for name in names if name.endswith(".db"))

    def generation(self, name: str) -> str:
        """The generation behind a name: a ref, or a generation itself.

        Raises:
            UnknownName: it is neither.
        """
        # Looked up among what there is, never joined into a path: a name may hold anything.
        if name in self.refs.all_names() and (head := self.refs.head(name)) is not None:
            return head.generation
        generations = self.generations()
        if name in generations:
            return name
        if (told := self.condemned.told(name, there=False)) is not None:
            raise told
        known = [*self.refs.names(), *generations]
        raise UnknownName.of("ref or generation", name, known, where=self.store.address)

    def resolve(self, name: str) -> Path:
        """The catalog behind a name: a ref, a generation, or ``refused/<run>``.

        Raises:
            UnknownName: it is none of these.
        """
        return self._behind(name)[1]

    def _behind(self, name: str) -> tuple[str, Path]:
        refused = self.refused_runs()
        if name in refused:
            return name, self.store.local(refused[name])
        try:
            generation = self.generation(name)
        except UnknownName:
            if not name.startswith("refused/"):
                raise
            raise UnknownName.of(
                "refused run", name, refused, where=self.store.where("evidence")
            ) from None
        return generation, self.catalog(generation)

    def catalog(self, generation: str) -> Path:
        """The catalog file of a generation, on this machine.

        Raises:
            EnvironmentFailed: the lake lost it.
        """
        try:
            return self.store.local(key_of(generation))
        except FileNotFoundError as error:
            raise self._lost(generation) from error

    def _lost(self, generation: str) -> EnvironmentFailed:
        return EnvironmentFailed(
            f"The catalog of generation {generation} is missing.",
            where=self.store.where(key_of(generation)),
            hint="restore the lake from a backup, or roll back to another generation",
        )

    def refused(self, run: str) -> str:
        """Key of the catalog of a refused run."""
        return f"evidence/{run}/{CATALOG}"

    def refused_runs(self) -> dict[str, str]:
        """Name → key of the catalog, of every refused run that left one."""
        require_restored(self.store)
        keys = [stored.key for stored in self.store.list("evidence/")]
        return {f"refused/{k.split('/')[1]}": k for k in keys if k.endswith(f"/{CATALOG}")}

    def lease(self, name: str) -> Lease:
        """Hold what a name points at now, for a reader: nobody collects it until it is released."""
        with looking(self.root):
            return lease(self.root, *self._behind(name))

    @contextmanager
    def held(self, name: str) -> Iterator[Lease]:
        """What a name points at now, held to the end of the block."""
        lease = self.lease(name)
        try:
            yield lease
        finally:
            lease.release()

    def gone(self, lease: Lease, error: duckdb.Error) -> EnvironmentFailed | None:
        """What to tell a reader whose view was collected, for want of a lease, or is damaged."""
        if self.store.exists(self._key(lease.name)):
            return damage(str(error), lease.catalog, self.files)
        return EnvironmentFailed(
            f"This view was opened at {lease.opened:%Y-%m-%d %H:%M} UTC;"
            f" what it shows, {lease.name}, was collected since.",
            where=self.store.address,
            hint="connect again, to see what is published now",
        )

    def _key(self, name: str) -> str:
        run = name.removeprefix("refused/")
        return key_of(name) if run == name else self.refused(run)

    @contextmanager
    def read(self, name: str) -> Iterator[Session]:
        """A read-only session on what a name points at now; it stays the same to the end."""
        with self.held(name) as lease:
            session = Session(open_read_only(lease.catalog, self.files), partial(self.gone, lease))
            try:
                yield session
            finally:
                session.close()
