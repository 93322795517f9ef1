"""The stages of a replay: what is in quarantine is judged again, and published if it passes.

select → replay → transform → audit → publish; the last three are those of every run.
"""

from __future__ import annotations

from dataclasses import dataclass

from sluicegate.errors import ConfigurationError
from sluicegate.ingestion import Intake, Selection, accounts, quarantine, replay, total
from sluicegate.lake import Branch
from sluicegate.pipeline.harvest import Harvest
from sluicegate.pipeline.platform import Platform
from sluicegate.pipeline.quarantine import require_known
from sluicegate.pipeline.report import Kind, Report, Status
from sluicegate.pipeline.run import Run
from sluicegate.pipeline.stages import open_harvest
from sluicegate.progress import Progress, untold
from sluicegate.settings import Settings


@dataclass(frozen=True, slots=True)
class Recall:
    """What a replay is about.

    Attributes:
        selection: which rejected records.
        waiting: source → how many of them are in quarantine.
        code_changed: whether the code is not the one that built what readers see.
    """

    selection: Selection
    waiting: dict[str, int]
    code_changed: bool

    @property
    def nothing(self) -> bool:
        """Nothing of what was asked for is in quarantine."""
        return not self.waiting


def select(run: Run, selection: Selection) -> Recall:
    """Look up what is in quarantine for what readers see now.

    Raises:
        UnknownName: a source, a rule or a batch that there is not.
        ConfigurationError: readers see pseudonyms; a replay would bring real values in.
    """
    platform = run.platform
    run.look_at_head()
    if run.report.previous is None:
        return Recall(selection, {}, code_changed=True)
    with platform.lake.read(run.report.previous) as session:
        if accounts.is_masked(session):
            raise ConfigurationError(
                f"{run.env} is a masked branch: the texts of its quarantine were replaced, and the "
                "archive has the real ones.",
                hint="replay in the environment that it was made from",
            )
        require_known(platform.catalogue, session, selection)
        found = quarantine.counted(session, selection)
        code = accounts.fingerprint(session)
    lost = {name for name in found if name not in platform.catalogue.sources}
    run.report.waiting = {
        name: {f"{found[name]:,} records": "the project declares no such source any more"}
        for name in sorted(lost)
    }
    waiting = {name: count for name, count in found.items() if name not in lost}
    return Recall(selection, waiting, code_changed=code != platform.fingerprint)


def replay_source(
    run: Run,
    branch: Branch,
    name: str,
    recall: Recall,
    harvest: Harvest,
    progress: Progress = untold,
) -> Intake:
    """Judge a source's records again, and write those that pass to the branch."""
    platform = run.platform
    standing = platform.denylist.standing(name)
    with branch.session() as session:
        intake = replay(
            platform.catalogue.source(name),
            platform.archive,
            session,
            run.id,
            recall.selection,
            progress,
            {batch: str(ruling) for (_, batch), ruling in standing.items()},
        )
    harvest.intakes[name] = intake
    run.report.receipts.extend(intake.receipts)
    run.report.accounts[name] = total(name, intake.receipts)
    if intake.left:
        run.report.waiting[name] = intake.left
    return intake


def rehearse(settings: Settings, selection: Selection, progress: Progress = untold) -> Report:
    """Replay on a branch that nobody will see, to know what would pass; nothing is published."""
    run = Run(Platform.open(settings.env, settings.project), kind=Kind.REPLAY)
    recall = select(run, selection)
    run.report.status = Status.NOTHING_NEW
    if not recall.nothing:
        with run.branch() as branch:
            harvest = open_harvest(run, branch)
            for name in recall.waiting:
                replay_source(run, branch, name, recall, harvest, progress)
        if any(intake.moved for intake in harvest.intakes.values()):
            run.report.status = Status.REHEARSED
    return run.report
