"""The report of a run: one value that terminal, ledger and Prefect show, each in its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sluicegate.ingestion import Receipt
from sluicegate.quality.check import Check
from sluicegate.quality.freshness import Freshness
from sluicegate.quality.measure import Measure
from sluicegate.warehouse import Model


class Kind(StrEnum):
    """What a run takes in."""

    PIPELINE = "pipeline"
    """What is new at the sources."""
    REPLAY = "replay"
    """What is in quarantine."""


class Status(StrEnum):
    """How a run ended."""

    PUBLISHED = "published"
    NOTHING_NEW = "nothing new"
    REFUSED = "refused"
    FAILED = "failed"
    REHEARSED = "rehearsed"
    """It would have been published; it was only tried."""


@dataclass(slots=True)
class Report:
    """What a run did.

    Attributes:
        kind: what it takes in.
        accounts: source → its receipts added up.
        receipts: one a batch.
        seen: sources that the run looked at as a whole, and not for some days only.
        outside: source → how many new files are not about the days of the run, and their days.
        waiting: source → files left for the next run, with the reason.
        held: source → batches that were refused while the run went on, with the reason.
        refused: source → batches that were refused and stopped the run, with the reason.
        next: source → the command by which those go on that wait behind one that is held.
        condemned: source → batches that an operator keeps out, with the ruling; they are held.
        left: source → new batches that this run did not take in, because it was to take so many.
        vanished: source → files that were loaded and are there no more; each is told once.
        freshness: one a source, as of the moment at which the run looked for batches.
        quality: the dimensions that something was looked at for, by dataset.
        unjudged: thresholds of datasets that the run looked at nothing of.
        generation: what readers of the environment see after the run; None before the first.
        previous: what they saw before it.
        seconds: stage → wall time.
        error: what went wrong, in the words of the error.
        evidence: folder with what a refused run left behind.
        ui: address of the run in Prefect's user interface.
    """

    run: str
    env: str
    status: Status = Status.FAILED
    kind: Kind = Kind.PIPELINE
    accounts: dict[str, Receipt] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    outside: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: dict[str, dict[str, str]] = field(default_factory=dict)
    held: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    next: dict[str, str] = field(default_factory=dict)
    condemned: dict[str, dict[str, str]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    vanished: dict[str, list[str]] = field(default_factory=dict)
    models: list[Model] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    freshness: list[Freshness] = field(default_factory=list)
    quality: list[Measure] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    generation: str | None = None
    previous: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    evidence: str | None = None
    ui: str | None = None

    @property
    def not_built(self) -> list[str]:
        """Models that dbt came to and did not build: on the branch they are what readers see."""
        return [f"{each.schema}.{each.name}" for each in self.models if each.status != "built"]

    @property
    def corrections(self) -> list[Receipt]:
        """Batches that came under the name of an earlier one, with other content."""
        return [receipt for receipt in self.receipts if receipt.corrects]

    @property
    def drifted(self) -> list[Receipt]:
        """Batches whose columns differ from those of their contract."""
        return [receipt for receipt in self.receipts if receipt.drift]

    def hold(self) -> None:
        """Say of every row that came in that it is held: nothing of this run was published."""
        self.receipts = [receipt.hold() for receipt in self.receipts]
        self.accounts = {source: account.hold() for source, account in self.accounts.items()}

    @property
    def made(self) -> str | None:
        """Where what the run made can be looked at; None where nothing of it was kept."""
        if self.status is Status.PUBLISHED:
            return self.env
        return f"refused/{self.run}" if self.status is Status.REFUSED and self.evidence else None

    def query(self, sql: str) -> str | None:
        """The command that asks what the run made; None where nothing of it was kept."""
        return f'.venv/bin/sluicegate lake sql {self.made} "{sql}"' if self.made else None

    @property
    def quarantine(self) -> str | None:
        """The command that shows what was rejected; None where nothing of it was kept."""
        return f".venv/bin/sluicegate quarantine list --ref {self.made}" if self.made else None

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the ledger's entry, and what ``--json`` prints."""
        return {
            "run": self.run,
            "env": self.env,
            "kind": self.kind.value,
            "status": self.status.value,
            "generation": self.generation,
            "previous": self.previous,
            "sources": {source: account.to_dict() for source, account in self.accounts.items()},
            "batches": [receipt.to_dict() for receipt in self.receipts],
            "known": self.known,
            "seen": self.seen,
            "outside": self.outside,
            "waiting": self.waiting,
            "held": self.held,
            "refused": self.refused,
            "next": self.next,
            "condemned": self.condemned,
            "left": self.left,
            "vanished": self.vanished,
            "models": [
                {
                    "name": f"{model.schema}.{model.name}",
                    "kind": model.kind,
                    "status": model.status,
                    "seconds": round(model.seconds, 3),
                    "rows": model.rows,
                }
                for model in self.models
            ],
            "not_built": self.not_built,
            "freshness": [each.to_dict() for each in self.freshness],
            "quality": [each.to_dict() for each in self.quality],
            "unjudged": self.unjudged,
            "checks": [check.to_dict() for check in self.checks],
            "seconds": {stage: round(seconds, 3) for stage, seconds in self.seconds.items()},
            "error": self.error,
            "evidence": self.evidence,
            "ui": self.ui,
        }
