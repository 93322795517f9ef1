"""The stages of a run. Each takes what the one before made; none goes back.

discover → ingest → transform → audit → publish
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sluicegate import warehouse
from sluicegate.contracts import Model
from sluicegate.errors import AuditFailed, RefMoved
from sluicegate.ingestion import Intake, accounts, carry, create, grow, ingest, raw_table, total
from sluicegate.lake import Branch, Move, Session
from sluicegate.pipeline import denying
from sluicegate.pipeline.chunks import pass_over
from sluicegate.pipeline.harvest import Harvest
from sluicegate.pipeline.looking import look_at
from sluicegate.pipeline.measuring import measure
from sluicegate.pipeline.refusing import tell_refused
from sluicegate.pipeline.report import Status
from sluicegate.pipeline.run import Run
from sluicegate.pipeline.scope import EVERYTHING, Scope
from sluicegate.pipeline.vanishing import notice_vanished
from sluicegate.progress import Progress, untold
from sluicegate.quality.check import Check, Outcome, verdict_of
from sluicegate.quality.conservation import audit_batches, audit_conservation, stock
from sluicegate.quality.contracts import Examined, audit_source, examine_model
from sluicegate.quality.freshness import Freshness, freshness_of
from sluicegate.sources import Discovery, Known, Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to do: new batches by source, and whether the code changed."""

    discoveries: dict[str, Discovery]
    code_changed: bool

    @property
    def nothing(self) -> bool:
        """Nothing to load, and nothing to rebuild."""
        return not self.code_changed and not any(found.new for found in self.discoveries.values())


def discover(run: Run, scope: Scope = EVERYTHING, progress: Progress = untold) -> Offer:
    """Look at sources for batches that are not in the manifest that readers see.

    What readers see of a masked branch are pseudonyms: no source is looked at, for a batch of it
    would bring real values in, and correct rows that it cannot be about.

    Raises:
        EnvironmentFailed: a source cannot be reached.
        UnknownName: the scope names a source that there is not.
        ConfigurationError: a source cannot be asked for the days of the scope.
    """
    platform = run.platform
    sources = platform.catalogue.sources
    chosen = scope.chosen(sources)
    run.look_at_head()
    manifests: dict[str, dict[str, Known]] = {name: {} for name in sources}
    on_record: dict[str, set[str]] = {}
    code = None
    if run.report.previous is not None:
        with platform.lake.read(run.report.previous) as session:
            manifests = {name: accounts.manifest(session, name) for name in manifests}
            code = accounts.fingerprint(session)
            on_record = {name: accounts.vanished(session, name) for name in manifests}
            masked = accounts.is_masked(session)
        if masked:
            return _only_models(run, manifests, code_changed=code != platform.fingerprint)
    found = {name: Discovery(known=len(manifest)) for name, manifest in manifests.items()}
    for number, (name, source) in enumerate(chosen.items()):
        progress(number, len(chosen), name)
        found[name] = source.discover(
            platform.settings, manifests[name], platform.archive, scope.window
        )
    denying.deny(run, found)
    run.report.known = {name: found[name].known for name in chosen}
    run.report.seen = sorted(chosen) if scope.window.open else []
    run.report.outside = {
        name: {"batches": len(days), "first": str(min(days)), "last": str(max(days))}
        for name in chosen
        if (days := found[name].outside)
    }
    run.report.waiting = {
        name: discovery.waiting for name, discovery in found.items() if discovery.waiting
    }
    notice_vanished(run, found, on_record)
    run.report.freshness = [
        _fresh(source, manifests[name], found[name]) for name, source in sources.items()
    ]
    pass_over(run, found, scope)
    taken, run.report.left = scope.cut(found)
    return Offer(taken, code_changed=code != platform.fingerprint)


def _only_models(run: Run, manifests: dict[str, dict[str, Known]], *, code_changed: bool) -> Offer:
    log.warning("%s is a masked branch: its sources are left alone", run.env)
    run.report.known = {name: len(manifest) for name, manifest in manifests.items()}
    nothing = {name: Discovery(known=count) for name, count in run.report.known.items()}
    return Offer(nothing, code_changed)


def open_harvest(run: Run, branch: Branch, progress: Progress = untold) -> Harvest:
    """Open the branch's accounts and take stock of what it holds.

    Raises:
        RefMoved: the ref was moved since the sources were looked at; what is new is another matter.
    """
    run.begin()
    if (branch.base.generation if branch.base else None) != run.report.previous:
        raise RefMoved(f"The environment {run.env!r} was moved while the run looked for batches.")
    denying.account_denied(run)
    sources = run.platform.catalogue.sources
    with branch.session() as session:
        with session.transaction(f"{run.id}: opened"):
            accounts.open_accounts(session)
            accounts.record_vanished(session, run.id, run.vanished)
            accounts.record_run(session, run=run.id, env=run.env, code=run.platform.fingerprint)
            for number, source in enumerate(sources.values()):
                progress(number, len(sources), source.name)
                # Also that of a source that has nothing yet: the models read them all.
                create(source, session)
                grow(source, session)
        before = {name: stock(source, session) for name, source in sources.items()}
    return Harvest(run.intakes, before)


def ingest_source(
    run: Run,
    branch: Branch,
    name: str,
    discovery: Discovery,
    harvest: Harvest,
    progress: Progress = untold,
) -> Intake:
    """Take a source's new batches into the branch, or carry them over from an earlier attempt."""
    source, aside = run.platform.catalogue.source(name), run.aside
    batches = {batch.id for batch in discovery.new}
    fits = aside is not None and aside.fits(source, batches, _base(run, branch))
    with branch.session() as session:
        if aside is not None and fits:
            log.info("%s: carried over, nobody else has touched it", name)
            intake = carry(source, aside, session, run.id)
            harvest.carried.add(name)
        else:
            intake = ingest(source, discovery.new, session, run.id, progress)
    harvest.intakes[name] = intake
    run.report.receipts.extend(intake.receipts)
    run.report.accounts[name] = total(name, [*run.denied.get(name, ()), *intake.receipts])
    if intake.left:
        run.report.waiting[name] = {**run.report.waiting.get(name, {}), **intake.left}
    tell_refused(run, source, intake)
    return intake


def transform(
    run: Run, branch: Branch, harvest: Harvest, *, unit_tests: bool, progress: Progress = untold
) -> warehouse.Build:
    """Let dbt build its models on the branch, or what an earlier attempt of the run has not built.

    Args:
        unit_tests: whether to run them too. They say nothing of data: they are for code that is not
            the one that was published.
    """
    platform = run.platform
    # dbt calls back from threads of its own, which know nothing of the run that they log for.
    context = copy_context()
    if run.former is None:
        build = partial(warehouse.build, branch.catalog, branch.files)
    else:
        build = partial(warehouse.rebuild, run.former, branch, _untouched(run, branch, harvest))
    run.build = build(
        project=platform.dbt_project,
        target=platform.dbt_target,
        unit_tests=unit_tests,
        on_event=lambda step: context.copy().run(_tell, step, progress),
    )
    run.report.models = list(run.build.models)
    return run.build


def audit(
    run: Run,
    branch: Branch,
    harvest: Harvest,
    build: warehouse.Build,
    progress: Progress = untold,
) -> list[Check]:
    """Check everything that must hold before anybody may see the branch.

    Raises:
        AuditFailed: something does not hold, could not be checked, or nothing was looked at.
    """
    checks = [_built(model) for model in build.models]
    models = {model.name: model for model in build.models}
    promised = run.platform.catalogue.models
    checks += [_of_dbt(check, models.get(check.model or ""), promised) for check in build.checks]
    with branch.session() as session:
        for audited in _audit_tables(run, session, harvest, progress):
            checks += audited
    run.report.checks = checks
    failed = [check for check in checks if check.blocks]
    if failed:
        raise _refused(run, failed, len(checks))
    return checks


def publish(run: Run, branch: Branch) -> Move:
    """Let readers of the environment see the branch, all tables at once.

    Raises:
        RefMoved: somebody else published meanwhile, or condemned what this would publish.
        EnvironmentFailed: somebody condemned it as it was published.
    """
    denying.require_not_condemned(run)
    allowed = partial(denying.require_not_condemned, run)
    move = run.platform.lake.publish(branch, run=run.id, allowed=allowed)
    run.report.status = Status.PUBLISHED
    run.report.previous, run.report.generation = move.previous, move.generation
    denying.require_not_overtaken(run)
    return move


def _base(run: Run, branch: Branch) -> Path | None:
    return run.platform.lake.catalog(branch.base.generation) if branch.base else None


def _untouched(run: Run, branch: Branch, harvest: Harvest) -> set[str]:
    """Tables of sources that hold what they held on the branch that was set aside."""
    base, aside = _base(run, branch), run.aside
    return {
        str(raw_table(source))
        for name, source in run.platform.catalogue.sources.items()
        if name in harvest.carried
        or (aside and name not in harvest.intakes and aside.rests(source, base))
    }


def _fresh(source: Source, manifest: dict[str, Known], found: Discovery) -> Freshness:
    """What arrived is what was taken in before, and what has arrived since, whatever is in it."""
    now = datetime.now(UTC)
    arrivals = [known.at for known in manifest.values()] + [now for _ in found.new]
    return freshness_of(source, arrivals, now)


def _audit_tables(
    run: Run, session: Session, harvest: Harvest, progress: Progress
) -> Iterator[list[Check]]:
    sources, models = run.platform.catalogue.sources, run.platform.catalogue.models
    tables = len(sources) + len(models)
    for number, (name, source) in enumerate(sources.items()):
        progress(number, tables, str(raw_table(source)))
        intake = harvest.intakes.get(name, Intake(name))
        arrived = [receipt.batch for receipt in intake.receipts]
        yield audit_source(source, session, arrived)
        yield audit_conservation(source, harvest.before[name], stock(source, session), intake)
        yield audit_batches(source, intake, session, run.id)
    examined: dict[str, Examined] = {}
    for number, (name, model) in enumerate(models.items(), start=len(sources)):
        progress(number, tables, model.table)
        examined[name] = examine_model(model, session)
        yield examined[name].checks
    yield measure(run, session, examined)


def _built(model: warehouse.Model) -> Check:
    outcome = Outcome.PASS if model.status == "built" else Outcome.ERROR
    message = "" if outcome is Outcome.PASS else f"it was {model.status}"
    return Check("built", f"{model.schema}.{model.name}", outcome, looked_at=1, message=message)


def _of_dbt(
    check: warehouse.Check, model: warehouse.Model | None, promised: Mapping[str, Model]
) -> Check:
    name = check.name
    on = f"{model.schema}.{model.name}" if model else check.model or "dbt"
    # A view is not counted; its rows are judged by its contract.
    rows = model.rows if model and check.kind != "unit" else None
    looked_at = 1 if rows is None else rows
    if check.status == "pass" and not check.failures:
        empty = on in promised and promised[on].may_be_empty
        return verdict_of(name, on, looked_at=looked_at, failures=0, message="", may_be_empty=empty)
    # A check that was skipped, or that only warned, has not said that its promise holds.
    failed = check.status == "fail" or bool(check.failures)
    return Check(
        name,
        on,
        Outcome.FAIL if failed else Outcome.ERROR,
        looked_at=looked_at,
        failures=check.failures or 0,
        message=check.message or check.status,
        sql=check.compiled_sql or "",
    )


def _refused(run: Run, failed: list[Check], count: int) -> AuditFailed:
    lines = []
    for check in failed[:10]:
        rows = f" ({'; '.join(check.rows)})" if check.rows else ""
        lines.append(f"  {check.outcome.value}: {check.on} {check.name}: {check.message}{rows}")
    more = [f"  and {len(failed) - 10} more"] if len(failed) > 10 else []
    return AuditFailed(
        f"{len(failed)} of {count} checks do not hold; nothing was published.\n"
        + "\n".join(lines + more),
        where=run.evidence,
        hint=look_at(run, failed),
    )


def _tell(step: warehouse.Step, progress: Progress) -> None:
    progress(step.done, step.total, step.name)
    if step.kind in ("model", "snapshot") and step.seconds is None:
        log.info("dbt: building %s", step.name)
