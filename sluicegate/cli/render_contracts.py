"""What the commands of contracts print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

from sluicegate.cli.render import err, out, print_json, table_of
from sluicegate.versions.compare import verdict_of
from sluicegate.versions.snapshot import RULES

if TYPE_CHECKING:
    from sluicegate.pipeline.exports import Exported
    from sluicegate.pipeline.trying import Attempt, Broken
    from sluicegate.pipeline.versions import Affected, Comparison, Dataset
    from sluicegate.versions import Change

_LONG = 60
"""Characters of a rule that a line has room for."""


@contextmanager
def watched(*, quiet: bool) -> Iterator[None]:
    """Tell a person at a terminal that something is going on."""
    if quiet or not err.is_terminal:
        yield
        return
    with err.status("Comparing contracts"):
        yield


def diffed(comparison: Comparison, *, json: bool) -> None:
    """What contracts promise that they did not, and whom it breaks."""
    if json:
        print_json(comparison.to_dict())
        return
    revision = escape(comparison.revision)
    if not comparison.datasets:
        out.print(f"Nothing is different from {revision}; {comparison.same} contracts compared.")
        return
    out.print(f"[bold]{revision} → working tree: {comparison.verdict}.[/bold]")
    for dataset in comparison.datasets:
        _dataset(dataset)
    out.print(f"\n{comparison.same} more contracts compared: no difference.")


def _dataset(dataset: Dataset) -> None:
    compared = dataset.compared
    owner = f", owner {escape(compared.owner)}" if compared.owner else ""
    out.print(f"\n[bold]{escape(compared.table)}[/bold]: {compared.verdict}{owner}")
    table = table_of("what", "change", "verdict", "why")
    for change in compared.changes:
        table.add_row(
            escape(change.what), escape(_change(change)), str(verdict_of([change])), _why(change)
        )
    out.print(table)
    _affected(dataset.affected)


def _change(change: Change) -> str:
    if not (change.before or change.after):
        return change.how
    if not change.before:
        return f"{change.how}: {_short(change.after)}"
    if not change.after:
        return f"{change.how}: {_short(change.before)}"
    return f"{change.how}: {_short(change.before)} → {_short(change.after)}"


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _why(change: Change) -> str:
    whys = dict.fromkeys(why for why in (change.readers, change.writers) if why)
    return escape("; ".join(whys))


def _affected(affected: Affected) -> None:
    if affected.models:
        held = set(affected.contracts)
        told = [f"{name} (contract)" if name in held else name for name in affected.models]
        out.print(f"  read by: {escape(', '.join(told))}")
    if affected.exposures:
        out.print(f"  used by: {escape(', '.join(affected.exposures))}")


def written(tables: list[str], *, json: bool) -> None:
    """Which files of the snapshot were written."""
    if json:
        print_json({"written": tables})
        return
    for table in tables:
        out.print(f"written: {RULES}/{escape(table)}.json")
    if not tables:
        out.print("Nothing to write: the snapshot is what the contracts say.")


def up_to_date(datasets: int, *, json: bool) -> None:
    """The snapshot is what the contracts say."""
    if json:
        print_json({"datasets": datasets})
    else:
        out.print(f"The snapshot is what the contracts say, of {datasets} datasets.")


def exported(done: Exported, *, json: bool) -> None:
    """Which exports were written, or that they are up to date."""
    if json:
        print_json({"datasets": done.datasets, "files": done.files, "written": list(done.changed)})
        return
    for name in done.changed:
        out.print(f"written: {escape(name)}")
    if not done.changed:
        out.print(f"{done.files} files are what the contracts of {done.datasets} datasets say.")


def attempted(found: Attempt, *, json: bool) -> None:
    """What a contract makes of a file."""
    if json:
        print_json(found.to_dict())
        return
    out.print(
        f"[bold]{escape(found.file)}[/bold]: {found.rows_in:,} rows in, {found.valid:,} valid,"
        f" {found.quarantined:,} quarantined",
        soft_wrap=True,
    )
    for drift in found.drift:
        out.print(f"[yellow]drifted:[/yellow] {escape(drift)}")
    if found.rules:
        table = table_of("rule", "records", numbers=1)
        for rule, count in found.rules.items():
            table.add_row(escape(rule), f"{count:,}")
        out.print(table)
    for broken in found.broken:
        rules = ", ".join(broken.rules)
        out.print(f"[bold]{escape(broken.place)}[/bold]: {escape(rules)}", soft_wrap=True)
        out.print(f"  {escape(_record(broken))}", soft_wrap=True)


def _record(broken: Broken) -> str:
    if broken.values is None:
        return broken.text or ""
    return ", ".join(f"{n}={value}" for n, value in broken.values.items() if value is not None)
