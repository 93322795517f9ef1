"""One run, from its first line in the ledger to its last, whatever happens in between."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sluicegate import warehouse
from sluicegate.errors import DataRefused, EnvironmentFailed, RefMoved, SluicegateError
from sluicegate.ingestion import Aside, Intake, Receipt
from sluicegate.lake import Branch, durable
from sluicegate.lake.holder import holder_of, sign
from sluicegate.pipeline.platform import Platform
from sluicegate.pipeline.report import Kind, Report, Status
from sluicegate.release.ledger import FINISHED, STARTED
from sluicegate.sources import Known

log = logging.getLogger(__name__)


class Run:
    """A run of one environment.

    Attributes:
        id: sorts by time and names the run's branch and evidence.
        report: filled in as the run goes on.
        intakes: what each source has brought on the branch at work.
        build: what dbt has built on it; None until it has.
        aside: what was ingested on a branch whose ref moved; None as long as none did.
        former: what was built on that branch; None if nothing was.
        vanished: source → batches that it has no more, and that are not on record as such.
        denied: source → receipts of batches that it offers, and that are condemned.
    """

    def __init__(
        self, platform: Platform, ui: str | None = None, kind: Kind = Kind.PIPELINE
    ) -> None:
        self.platform = platform
        moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        self.id = f"{moment}-{secrets.token_hex(3)}"
        self.report = Report(run=self.id, env=platform.settings.ref, ui=ui, kind=kind)
        self.intakes: dict[str, Intake] = {}
        self.build: warehouse.Build | None = None
        self.aside: Aside | None = None
        self.former: warehouse.Former | None = None
        self.vanished: dict[str, list[Known]] = {}
        self.denied: dict[str, list[Receipt]] = {}
        self._scratch: Path | None = None
        self.look_at_head()

    @property
    def env(self) -> str:
        """The ref that the run publishes to; an environment's has its name."""
        return self.platform.settings.ref

    @contextmanager
    def recorded(self) -> Iterator[Run]:
        """Put the run on record: begun, and how it ended. A run that is killed stays begun."""
        ledger = self.platform.ledger
        ledger.record(
            STARTED,
            self.id,
            kind=self.report.kind.value,
            pid=os.getpid(),
            code=self.platform.fingerprint,
            env=self.platform.settings.env,
            rulings=self.platform.denylist.count(),
        )
        try:
            yield self
        except OSError as error:
            failed = EnvironmentFailed(
                f"The machine failed: {error.strerror or type(error).__name__}.",
                where=str(error.filename) if error.filename else None,
                hint="look at the disk and its free space; the next run starts afresh",
            )
            self._failed(failed)
            raise failed from error
        except BaseException as error:
            self._failed(error)
            raise
        finally:
            ledger.record(FINISHED, self.id, **_facts(self.report))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for other runs of the same environment; other environments are never waited for."""
        place = self.platform.lake.root / "turns" / f"{self.env}.lock"
        durable.make_folder(place.parent)
        with place.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = holder_of(lock)
                who = holder or "it has just begun"
                end = f"; to end it, which publishes nothing: {holder.remedy}" if holder else ""
                todo = f"waiting for it to end{end}; Ctrl-C ends the waiting"
                log.info("another run of %s is at work (%s): %s", self.env, who, todo)
                fcntl.flock(lock, fcntl.LOCK_EX)
            sign(lock)
            yield

    def look_at_head(self) -> None:
        """See what readers see now: the generation that the work starts from.

        Raises:
            UnknownName: a ref of one's own that nobody has made; it may be mistyped.
        """
        refs, settings = self.platform.lake.refs, self.platform.settings
        own = settings.ref != settings.env
        head = refs.require(self.env) if own else refs.head(self.env)
        self.report.generation = self.report.previous = head.generation if head else None

    @contextmanager
    def branch(self) -> Iterator[Branch]:
        """The branch that the run works on; kept as evidence if its data are refused."""
        with self.platform.lake.branch(self.env, self.id) as branch:
            try:
                yield branch
            except DataRefused as error:
                self._failed(error)
                branch.keep(self.platform.lake.refused(self.id))
                self._keep_evidence()
                raise
            except RefMoved:
                self._set_aside(branch)
                raise

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Keep what was ingested and built when the ref moves meanwhile, until the run is over."""
        with self.platform.lake.scratch(f"{self.id}-aside") as folder:
            self._scratch = folder
            try:
                yield
            finally:
                self.aside = self.former = self._scratch = None

    def begin(self) -> None:
        """Have nothing ingested or built yet; what was set aside stays."""
        self.intakes.clear()
        self.build = None

    def _set_aside(self, branch: Branch) -> None:
        if self._scratch is None or not (self.intakes or self.build):
            return
        lake = self.platform.lake
        base = lake.catalog(branch.base.generation) if branch.base else None
        catalog = branch.set_aside(self._scratch)
        self.aside = Aside(base, catalog, lake.files, dict(self.intakes))
        self.former = (
            warehouse.Former(base, catalog, lake.files, self.build) if self.build else None
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self.report.seconds[name] = self.report.seconds.get(name, 0.0) + spent

    def nothing_new(self) -> None:
        """End well without having changed anything."""
        self.report.status = Status.NOTHING_NEW

    @property
    def evidence(self) -> str:
        """Where what a refusal leaves behind is kept."""
        return self.platform.lake.store.where(f"evidence/{self.id}")

    def _failed(self, error: BaseException) -> None:
        head = self.platform.lake.refs.head(self.env)
        if head is not None and head.run == self.id:
            # What went wrong came after the ref had moved: readers see the data, receipts stand.
            self.report.status = Status.PUBLISHED
            self.report.previous, self.report.generation = head.previous, head.generation
            return
        self.report.status = Status.REFUSED if isinstance(error, DataRefused) else Status.FAILED
        self.report.hold()
        if isinstance(error, SluicegateError):
            self.report.error = str(error)
        elif isinstance(error, KeyboardInterrupt):
            self.report.error = "interrupted"
        else:
            # Messages of other errors may quote data; their type says enough for the record.
            self.report.error = type(error).__name__

    def _keep_evidence(self) -> None:
        store, place = self.platform.lake.store, f"evidence/{self.id}"
        self.report.evidence = self.evidence
        failed = [check for check in self.report.checks if check.blocks]
        for number, check in enumerate((check for check in failed if check.sql), start=1):
            query = f"-- {check.name} on {check.on}: the rows that break it\n{check.sql}\n"
            store.create(f"{place}/{number:02d}-{_slug(check.name)}.sql", query.encode())
        content = json.dumps(self.report.to_dict(), indent=1)
        store.create(f"{place}/report.json", content.encode())


def _facts(report: Report) -> dict[str, object]:
    facts = report.to_dict()
    facts.pop("run")
    return facts


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)[:60]
