"""Batches that were refused: whether they stop the run, what is told of them, and how to go on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sluicegate.errors import BatchRefused, DataRefused
from sluicegate.ingestion import Intake
from sluicegate.ingestion.ingest import Refusal
from sluicegate.pipeline.harvest import Harvest
from sluicegate.pipeline.measuring import measure_intakes
from sluicegate.pipeline.run import Run
from sluicegate.sources import Hold, Source


@dataclass(frozen=True, slots=True)
class Refusals:
    """What was refused of a harvest, told.

    Attributes:
        count: how many batches, with the word.
        listed: the first of them and why, a line each.
        where: the first of them, and that there are more.
        hint: what to do about the first, and how the others go on without it.
        sources: whose batches were refused.
    """

    count: str
    listed: str
    where: str
    hint: str
    sources: list[str]


def tell_refused(run: Run, source: Source, intake: Intake) -> None:
    """Put on record what was refused of a source, and how those go on that wait behind it."""
    if not intake.refusals:
        return
    told = {each.name: each.error.message for each in intake.refusals}
    if source.holds is Hold.RUN:
        run.report.refused[source.name] = told
        return
    run.report.held[source.name] = told
    if intake.left:
        run.report.next[source.name] = _condemn(run, intake, intake.refusals[0])


def refusals(run: Run, harvest: Harvest) -> Refusals | None:
    """What was refused and stops the run; None if nothing was."""
    sources = run.platform.catalogue.sources
    found = [
        (intake, refusal)
        for name, intake in harvest.intakes.items()
        for refusal in intake.refusals
        if sources[name].holds is Hold.RUN
    ]
    if not found:
        return None
    first, more = found[0][1].error, f" and {len(found) - 1} more" if len(found) > 1 else ""
    mend = first.hint or "have the provider send it again"
    return Refusals(
        count=f"{len(found)} batches" if more else "1 batch",
        listed="\n".join(f"  {_told(refusal)}" for _, refusal in found[:10]),
        where=f"{first.where}{more}",
        hint=f"{mend}; or keep it out, so that the others can go on: {_condemn(run, *found[0])}",
        sources=list(dict.fromkeys(refusal.source for _, refusal in found)),
    )


def refuse_held(run: Run, harvest: Harvest) -> None:
    """Go no further if a batch was refused, unless its source holds it alone.

    Raises:
        DataRefused: at least one was; all of them are named.
    """
    refused = refusals(run, harvest)
    if not refused:
        return
    measure_intakes(run)
    was = "was" if refused.count == "1 batch" else "were"
    raise DataRefused(
        f"{refused.count} {was} refused; nothing was published.\n{refused.listed}",
        where=refused.where,
        hint=refused.hint + _rejected(run, harvest, refused.sources),
    )


def _rejected(run: Run, harvest: Harvest, sources: list[str]) -> str:
    """Where the rows are that the run rejected of sources; nothing if it rejected none."""
    of = [
        f" --source {name}"
        for name in sources
        if any(receipt.rejections for receipt in harvest.intakes[name].receipts)
    ]
    if not of:
        return ""
    look = f".venv/bin/sluicegate quarantine list --env {run.platform.settings.env}"
    return f". Rejected rows: {look} --ref refused/{run.id}{''.join(of)}"


def _condemn(run: Run, intake: Intake, refusal: Refusal) -> str:
    """The command that keeps a batch out.

    One that corrects an earlier one is called as that is: only its id tells them apart.
    """
    corrects = (
        each.batch for each in intake.receipts if each.name == refusal.name and each.corrects
    )
    batch = shlex.quote(next(corrects, refusal.name))
    env = run.platform.settings.env
    return (
        f'.venv/bin/sluicegate batches condemn {refusal.source} {batch} --env {env} --because "..."'
    )


def _told(refusal: Refusal) -> str:
    error: BatchRefused = refusal.error
    return f"{refusal.source}, {refusal.name}: {error.message}"
