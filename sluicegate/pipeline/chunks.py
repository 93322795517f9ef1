"""Chunks: runs one after the other, each of so many batches, until nothing of a scope is left.

A batch that is held is never in the manifest, so it is new for every run. A chunk passes over what
an earlier one held, or the first ones that are held would keep out all that come after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from sluicegate.pipeline.report import Report
from sluicegate.pipeline.run import Run
from sluicegate.pipeline.scope import Scope
from sluicegate.sources import Discovery


def in_chunks(scope: Scope, run: Callable[[Scope], Report]) -> Iterator[Report]:
    """Run until nothing is left, or a chunk came to no batch that those before it had not tried."""
    tried, held = set[str](), set[str]()
    while True:
        report = run(replace(scope, passed=tuple(sorted(held))))
        yield report
        receipts = {_key(each.source, each.batch): each for each in report.receipts}
        if not report.left or receipts.keys() <= tried:
            return
        tried |= receipts.keys()
        held |= {key for key, each in receipts.items() if each.held == each.rows_in}


def pass_over(run: Run, found: Mapping[str, Discovery], scope: Scope) -> None:
    """Leave alone what earlier chunks held, and what may not be taken in before it; say so."""
    for name, discovery in found.items():
        held = {each.id for each in discovery.new if _key(name, each.id) in scope.passed}
        told, new, first = dict[str, str](), [], None
        for batch in discovery.new:
            if batch.id in held:
                first = first or batch.name
                told[batch.name] = "an earlier chunk held it"
            elif first and run.platform.catalogue.source(name).in_order:
                told[batch.name] = f"it comes after {first}, which is held"
            else:
                new.append(batch)
        if told:
            discovery.new = new
            run.report.waiting[name] = {**run.report.waiting.get(name, {}), **told}


def _key(source: str, batch: str) -> str:
    """What names a batch among those of all sources, of which two may have the same bytes."""
    return f"{source}/{batch}"
