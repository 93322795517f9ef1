"""Where to look when an audit fails: the hint that goes with a refusal."""

from __future__ import annotations

from sluicegate.ingestion import raw_table
from sluicegate.pipeline.run import Run
from sluicegate.quality.check import Check, Outcome


def look_at(run: Run, failed: list[Check]) -> str:
    """Where to look, in what the run made: a model that was not built shows what it showed."""
    made = {name: str(raw_table(each)) for name, each in run.platform.catalogue.sources.items()}
    made |= {table: table for table in made.values()}
    missing = run.report.not_built
    models = (f"{model.schema}.{model.name}" for model in run.report.models)
    made |= {name: name for name in models if name not in missing}
    if table := next((made[check.on] for check in failed if check.on in made), None):
        return f"look at what would have been published: {_look(run, f'FROM {table}')}"
    if not missing:
        return f"look at what would have been published: {_look(run, 'SHOW ALL TABLES')}"
    named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if missing[3:] else "")
    was, is_ = ("was", "it is") if len(missing) == 1 else ("were", "they are")
    broke = next((check for check in failed if check.outcome is Outcome.FAIL), failed[0])
    # What broke in the middle of a query has one, and is a matter of data; a unit test has none.
    mend = "its data or the model" if broke.sql else "the model or the test"
    return (
        f"{named} {was} not built: in refused/{run.id} {is_} what readers see; "
        f"mend {mend}: {broke.on} {broke.name}"
    )


def _look(run: Run, sql: str) -> str:
    return f'.venv/bin/sluicegate lake sql refused/{run.id} "{sql}"'
