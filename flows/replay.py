"""The replay: what was rejected once is judged by today's contract, and published if it passes."""

from __future__ import annotations

from prefect import flow

from sluicegate import warehouse
from sluicegate.ingestion import Selection
from sluicegate.pipeline import Kind, Report, Run
from tasks import stages
from tasks.attempts import name_of_replay, run_until_published


@flow(name="replay", flow_run_name=name_of_replay, persist_result=False, validate_parameters=True)
def replay(
    env: str = "dev",
    sources: tuple[str, ...] = (),
    rules: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
) -> Report:
    """Judge what is in quarantine again; write, audit and publish what passes.

    Args:
        env: environment whose quarantine it is.
        sources: whose records; empty for those of all.
        rules: only records that break one of these.
        files: only records of these batches.

    Raises:
        DataRefused: an audit was refused; nothing was published, and nothing has left quarantine.
        EnvironmentFailed: the lake's folder or another service failed.
        ConfigurationError: the settings, a contract or what was asked for is wrong.
    """
    selection = Selection(sources, rules, files)
    return run_until_published(env, lambda run: _replay(run, selection), Kind.REPLAY)


def _replay(run: Run, selection: Selection) -> None:
    recall = stages.select(run, selection)
    if recall.nothing:
        run.nothing_new()
        return
    with run.branch() as branch:
        harvest = stages.open_harvest(run, branch)
        for name in recall.waiting:
            stages.replay_source(run, branch, name, recall, harvest)
        if not any(intake.moved for intake in harvest.intakes.values()):
            run.nothing_new()
            return
        warehouse.warm_up()
        build = stages.transform(run, branch, harvest, unit_tests=recall.code_changed)
        stages.audit(run, branch, harvest, build)
        stages.publish(run, branch)


if __name__ == "__main__":
    replay()
