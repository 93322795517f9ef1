"""The report of a run as Markdown, for Prefect's user interface."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sluicegate.contracts import Dimension
from sluicegate.ingestion import Fate
from sluicegate.pipeline.report import Report, Status
from sluicegate.quality.check import Outcome
from sluicegate.quality.measure import NOTHING, change_shown, shown, trend_shown

_LAYOUT = re.compile(r"[\\`*_{}\[\]<>()#!|~]")
_BAR = re.compile(r"(?<!\\)\|")

MOST = 100
"""Rows of a table in the report; the tables beside it have more (``tables.py``)."""


def as_markdown(report: Report) -> str:
    """Lay the report out as headings and tables."""
    parts = [f"# {report.env}: {report.status.value}", _generation(report)]
    if report.error:
        parts.append(f"```\n{report.error}\n```")
    parts += ["## Look further", _further(report)]
    parts += _taken_in(report)
    if report.models:
        parts += ["## Models", _models(report)]
    if report.quality:
        parts += ["## Quality", _quality(report)]
    if report.checks:
        parts += ["## Audit", _checks(report)]
    if report.seconds:
        parts += ["## Time", _seconds(report)]
    return "\n\n".join(parts) + "\n"


def _taken_in(report: Report) -> list[str]:
    """What became of rows and of files."""
    parts = []
    if report.accounts:
        parts += ["## Rows", _rows(report)]
        if any(account.rejections for account in report.accounts.values()):
            parts += ["## Quarantine by rule", _by_rule(report, "rejections")]
        if any(account.warnings for account in report.accounts.values()):
            parts += ["## Warnings by rule", _by_rule(report, "warnings")]
    if report.corrections:
        parts += ["## Corrections", _corrections(report)]
    if report.drifted:
        parts += ["## Drift", _drift(report)]
    if report.held:
        parts += ["## Held", _held(report)]
    if report.waiting:
        parts += ["## Left for the next run", _waiting(report)]
    if report.condemned:
        parts += ["## Condemned", _condemned(report)]
    if report.vanished:
        parts += ["## Vanished from the landing folder", _vanished(report)]
    return parts


def _generation(report: Report) -> str:
    if report.generation is None:
        return "Readers see nothing yet."
    if report.generation == report.previous:
        return f"Readers see generation `{report.generation}`, as before."
    before = f"before, `{report.previous}`" if report.previous else "it is the first one"
    return f"Readers see generation `{report.generation}`; {before}."


def _further(report: Report) -> str:
    commands = [f".venv/bin/sluicegate status --env {report.env}"]
    if report.quarantine:
        commands.append(report.quarantine)
    if report.status is Status.PUBLISHED:
        commands.append(f".venv/bin/sluicegate lake log {report.env}")
    lines = "```\n" + "\n".join(commands) + "\n```"
    if report.evidence:
        lines += f"\n\nEvidence: `{report.evidence}`"
    return lines


def _rows(report: Report) -> str:
    header = ("source", "rows in", *(fate.value for fate in Fate))
    return _table(
        header,
        (
            (name, f"{account.rows_in:,}", *(f"{getattr(account, fate):,}" for fate in Fate))
            for name, account in report.accounts.items()
        ),
    )


def _by_rule(report: Report, counts: str) -> str:
    return _table(
        ("source", "rule", "rows"),
        (
            (name, f"`{rule}`", f"{count:,}")
            for name, account in report.accounts.items()
            for rule, count in sorted(getattr(account, counts).items(), key=lambda item: -item[1])
        ),
    )


def _waiting(report: Report) -> str:
    return _table(
        ("source", "file", "why"),
        (
            (s, _literal(name), why)
            for s, files in report.waiting.items()
            for name, why in files.items()
        ),
    )


def _held(report: Report) -> str:
    """What is held and why, and how those go on that wait behind it."""
    table = _table(
        ("source", "file", "why"),
        (
            (source, _literal(name), _literal(why))
            for source, batches in report.held.items()
            for name, why in batches.items()
        ),
    )
    ways = "".join(
        f"\n\nTo keep it out, so that those after it in {source} go on:\n\n```\n{command}\n```"
        for source, command in report.next.items()
    )
    return table + ways


def _condemned(report: Report) -> str:
    return _table(
        ("source", "file", "why"),
        (
            (source, _literal(name), _literal(ruling))
            for source, batches in report.condemned.items()
            for name, ruling in batches.items()
        ),
    )


def _corrections(report: Report) -> str:
    return _table(
        ("source", "file", "batch", "correction of"),
        (
            (receipt.source, _literal(receipt.name), receipt.batch, receipt.corrects or "")
            for receipt in report.corrections
        ),
    )


def _drift(report: Report) -> str:
    return _table(
        ("source", "file", "drift"),
        (
            (receipt.source, _literal(receipt.name), _literal(str(each)))
            for receipt in report.drifted
            for each in receipt.drift
        ),
    )


def _vanished(report: Report) -> str:
    return _table(
        ("source", "file"),
        ((source, _literal(name)) for source, files in report.vanished.items() for name in files),
    )


def _models(report: Report) -> str:
    return _table(
        ("model", "status", "rows", "seconds"),
        (
            (
                f"{model.schema}.{model.name}",
                model.status,
                "" if model.rows is None else f"{model.rows:,}",
                f"{model.seconds:.2f}",
            )
            for model in report.models
        ),
    )


def _quality(report: Report) -> str:
    """A row a dataset: the share that is right, the change to the run before, and the trend."""
    found: dict[str, dict[Dimension, str]] = {}
    for each in report.quality:
        cell = [shown(each.value), change_shown(each.change), trend_shown(each)]
        found.setdefault(each.dataset, {})[each.dimension] = " ".join(filter(None, cell))
    table = _table(
        ("dataset", *(dimension.value for dimension in Dimension)),
        (
            (name, *(cells.get(dimension, NOTHING) for dimension in Dimension))
            for name, cells in found.items()
        ),
    )
    left = ", ".join(report.unjudged)
    return table + (f"\n\nThresholds of what was not looked at: {left}." if left else "")


def _checks(report: Report) -> str:
    others = [check for check in report.checks if check.outcome is not Outcome.PASS]
    summary = f"{len(report.checks) - len(others):,} of {len(report.checks):,} checks hold"
    for outcome, what in ((Outcome.WARN, "warn"), (Outcome.IDLE, "had no value to judge")):
        if told := sum(check.outcome is outcome for check in others):
            summary += f", {told:,} {what}"
    summary += "."
    if not others:
        return summary
    # What stopped the run comes first, and last what had nothing to say.
    others.sort(key=lambda check: (not check.blocks, check.outcome is Outcome.IDLE))
    rows = ((c.outcome.value, c.on, c.name, c.message, "; ".join(c.rows)) for c in others)
    return f"{summary}\n\n{_table(('outcome', 'on', 'check', 'what', 'rows'), rows)}"


def _seconds(report: Report) -> str:
    spent = ((stage, f"{seconds:.2f}") for stage, seconds in report.seconds.items())
    return _table(("stage", "seconds"), spent)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = list(rows)
    left_out = f"\n\nand {len(lines) - MOST:,} more" if len(lines) > MOST else ""
    shown = [header, ["---"] * len(header), *lines[:MOST]]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in shown) + left_out


def _literal(name: str) -> str:
    """A name that somebody else chose, with nothing in it that lays out a page."""
    return _LAYOUT.sub(r"\\\g<0>", name)


def _cell(text: str) -> str:
    """A line break or a bar would end the cell."""
    return _BAR.sub(r"\\|", " ".join(text.split()))
