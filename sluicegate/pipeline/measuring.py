"""Measuring a run: the dimensions of quality of what it took in and built, on record in its branch.

They are put on record before anybody may see the branch, so a run's own values are published with
it; those of a refused run are in its report, and in the branch that is kept of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sluicegate.contracts import Dimension, Model
from sluicegate.ingestion import Intake, raw_table, total
from sluicegate.ingestion.tally import Tally, added
from sluicegate.lake import Session, Table
from sluicegate.pipeline.run import Run
from sluicegate.pipeline.thresholds import thresholds_of
from sluicegate.quality.accuracy import accuracy_of
from sluicegate.quality.check import Check
from sluicegate.quality.contracts import Examined
from sluicegate.quality.measure import measures_of
from sluicegate.quality.thresholds import audit_thresholds
from sluicegate.quality.trend import record, with_trend
from sluicegate.sources import Source


def measure(run: Run, session: Session, examined: Mapping[str, Examined]) -> list[Check]:
    """Put the run's measures on record, and hold them against the environment's thresholds.

    Args:
        examined: model by its table → what its audit counted.
    """
    catalogue = run.platform.catalogue
    tallies = _tallies(run)
    measures = []
    for name, source in catalogue.sources.items():
        counted = dict(tallies.get(name, {}))
        _hold_against_reference(source, raw_table(source), session, counted)
        measures += measures_of(name, source.contract, counted, _broken(run.intakes.get(name)))
    for name, found in examined.items():
        model, counted = catalogue.models[name], dict(found.tallies)
        _hold_against_reference(model, Table.of(name), session, counted)
        counts = {check.name: check.failures for check in found.checks}
        measures += measures_of(name, model.contract, counted, counts)
    measures = with_trend(measures, session)
    record(session, run.id, measures)
    run.report.quality = measures
    touched = {name for name, intake in run.intakes.items() if _delivered(intake)}
    touched |= {name for name, found in examined.items() if found.tallies}
    asked = thresholds_of(run.platform.settings)
    checks, run.report.unjudged = audit_thresholds(asked, measures, touched)
    return checks


def measure_intakes(run: Run) -> None:
    """Tell what was measured of what came in, where it is not audited any more."""
    run.report.quality = [
        each
        for name, tallies in _tallies(run).items()
        for each in measures_of(
            name,
            run.platform.catalogue.source(name).contract,
            tallies,
            _broken(run.intakes.get(name)),
        )
    ]


def _tallies(run: Run) -> dict[str, dict[Dimension, Tally]]:
    """What was counted of each source: of what it delivered, and of whether it did in time.

    The records of a replay were measured when they came.
    """
    found: dict[str, dict[Dimension, Tally]] = {}
    for name, intake in run.intakes.items():
        if _delivered(intake):
            found[name] = dict(total(name, intake.receipts).tallies)
    for each in run.report.freshness:
        if each.due is not None:
            met = {Dimension.TIMELINESS: Tally(1, int(each.stale))}
            found[each.source] = added([found.get(each.source, {}), met])
    return found


def _delivered(intake: Intake) -> bool:
    return not intake.replayed and any(receipt.tallies for receipt in intake.receipts)


def _broken(intake: Intake | None) -> dict[str, int]:
    account = total("", intake.receipts if intake else ())
    return {**account.rejections, **account.warnings}


def _hold_against_reference(
    declared: Source | Model, table: Table, session: Session, tallies: dict[Dimension, Tally]
) -> None:
    if declared.reference is not None:
        tallies[Dimension.ACCURACY] = accuracy_of(table, declared.reference, session)
