"""The report of a run, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from sluicegate.cli.render import (
    accounts,
    first,
    go_on,
    left_over,
    out,
    print_json,
    quality,
    table_of,
)

if TYPE_CHECKING:
    from sluicegate.pipeline import Report


def report(report: Report, *, json: bool) -> None:
    """The report of a run that ended well."""
    if json:
        print_json(report.to_dict())
        return
    if report.kind.value == "replay" and report.status.value != "published":
        _not_replayed(report)
    elif report.status.value == "nothing new":
        _nothing_new(report)
    elif report.status.value == "rehearsed":
        out.print(f"[bold]{report.env}: nothing was published.[/bold] This would become of it:")
        accounts({name: account.to_dict() for name, account in report.accounts.items()})
    else:
        out.print(f"[bold]{report.env}: published.[/bold]")
        accounts({name: account.to_dict() for name, account in report.accounts.items()})
        _corrections(report)
        _drift(report)
        _models(report)
        quality([each.to_dict() for each in report.quality])
        _checks(report)
    for told in (_waiting, _files, _held, _condemned, _stale):
        told(report)
    before = f"before: {report.previous}" if report.previous else "the first one"
    changed = "" if report.generation == report.previous else f" ({before})"
    out.print(f"Generation  {report.generation}{changed}")
    spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.seconds.items())
    if spent:
        out.print(f"Wall time   {spent}")
    if report.ui:
        out.print(f"Prefect UI  {report.ui}", soft_wrap=True)


def reports(reports: Sequence[Report]) -> None:
    """Reports of runs that followed each other, as one list for programs."""
    print_json([report.to_dict() for report in reports])


def _nothing_new(report: Report) -> None:
    known = ", ".join(
        f"{name} {count:,}" for name, count in report.known.items() if name not in report.outside
    )
    loaded = f" Batches loaded before: {known}." if known else ""
    out.print(f"[bold]{report.env}: nothing new.[/bold]{loaded}")
    for name, others in report.outside.items():
        count, since, until = others["batches"], others["first"], others["last"]
        waits = f"{count:,} {'waits' if count == 1 else 'wait'}"
        about = since if since == until else f"{since} to {until}"
        out.print(f"No new batch of {name} is about these days; {waits}, about {about}.")


def _not_replayed(report: Report) -> None:
    """A replay that published nothing: because there is nothing, or because it was only tried."""
    if not report.accounts:
        out.print(f"[bold]{report.env}: nothing of that is in quarantine.[/bold]")
        return
    passed = sum(each.published + each.deduplicated for each in report.accounts.values())
    taken = sum(each.rows_in for each in report.accounts.values())
    if report.status.value == "rehearsed":
        out.print(
            f"[bold]{report.env}: {passed:,} of {taken:,} records would leave quarantine.[/bold]"
            " Nothing was published."
        )
    else:
        out.print(f"[bold]{report.env}: still rejected, all {taken:,} records.[/bold]")
    accounts({name: account.to_dict() for name, account in report.accounts.items()})


def _models(report: Report) -> None:
    built = [model for model in report.models if model.status == "built"]
    table = table_of(f"{len(built)} models built", "kind", "rows", "seconds", numbers=2)
    for model in built:
        rows = "" if model.rows is None else f"{model.rows:,}"
        table.add_row(f"{model.schema}.{model.name}", model.kind, rows, f"{model.seconds:.2f}")
    out.print(table)


def _checks(report: Report) -> None:
    passed = sum(check.outcome.value == "pass" for check in report.checks)
    kept = sum(check.name.startswith("conservation") for check in report.checks)
    warned = [check for check in report.checks if check.outcome.value == "warn"]
    idle = [check for check in report.checks if check.outcome.value == "idle"]
    out.print(
        f"Audit       {passed} of {len(report.checks)} checks hold, {kept} of them on conservation"
        + (f"; {len(warned)} warn" if warned else "")
        + (f"; {len(idle)} had no value to judge" if idle else "")
    )
    for check in warned:
        out.print(f"[yellow]warning:[/yellow] {check.on} {escape(check.name)}: {check.message}")
    if idle:
        told = ", ".join(first([f"{check.on} {check.name}" for check in idle]))
        out.print(f"[dim]no value to judge: {escape(told)}[/dim]")
    if report.unjudged:
        left = ", ".join(report.unjudged)
        out.print(f"[dim]thresholds of what was not looked at: {left}[/dim]")


def _waiting(report: Report) -> None:
    for source, files in report.waiting.items():
        for name, why in files.items():
            out.print(f"[yellow]left for the next run:[/yellow] {source}, {escape(name)}: {why}")


def _files(report: Report) -> None:
    """What was left, and what is there no more."""
    for name, count in report.left.items():
        out.print(f"[dim]{name}: {left_over(count)}[/dim]")
    for source, names in report.vanished.items():
        for name in first(names):
            out.print(f"[yellow]vanished:[/yellow] {source}, {escape(name)} is there no more")


def _corrections(report: Report) -> None:
    told = [
        f"{each.source}, {each.name}: correction of batch {each.corrects}"
        for each in report.corrections
    ]
    for line in first(told):
        out.print(f"[yellow]corrected:[/yellow] {escape(line)}")


def _drift(report: Report) -> None:
    told = [
        f"{receipt.source}, {receipt.name}: {'; '.join(map(str, receipt.drift))}"
        for receipt in report.drifted
    ]
    for line in first(told):
        out.print(f"[yellow]drifted:[/yellow] {escape(line)}")


def _held(report: Report) -> None:
    told = [
        f"{source}, {name}: {why}"
        for source, batches in report.held.items()
        for name, why in batches.items()
    ]
    for line in first(told):
        out.print(f"[yellow]held:[/yellow] {escape(line)}")
    go_on(report.next)


def _condemned(report: Report) -> None:
    rows = {(each.source, each.name): each.rows_in for each in report.receipts}
    told = [
        f"{source}, {name}, {rows.get((source, name), 0):,} rows held: {ruling}"
        for source, batches in report.condemned.items()
        for name, ruling in batches.items()
    ]
    for line in first(told):
        out.print(f"[yellow]condemned:[/yellow] {escape(line)}")


def _stale(report: Report) -> None:
    for each in report.freshness:
        if each.stale:
            since = f"newest batch of {each.last:%Y-%m-%d %H:%M} UTC" if each.last else "no batch"
            out.print(
                f"[yellow]stale:[/yellow] {each.source}, {since}, expected {each.expectation}"
            )
