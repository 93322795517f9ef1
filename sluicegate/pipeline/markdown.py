"""The report of a run as Markdown, for Prefect's user interface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sluicegate.ingestion import Fate
from sluicegate.pipeline.report import Report
from sluicegate.quality.check import Outcome


def as_markdown(report: Report) -> str:
    """Lay the report out as headings and tables."""
    parts = [f"# {report.env}: {report.status.value}", _generation(report)]
    if report.error:
        parts.append(f"```\n{report.error}\n```")
    if report.accounts:
        parts += ["## Rows", _rows(report)]
        if any(account.rejections for account in report.accounts.values()):
            parts += ["## Quarantine by rule", _rejections(report)]
    if report.waiting:
        parts += ["## Left for the next run", _waiting(report)]
    if report.models:
        parts += ["## Models", _models(report)]
    if report.checks:
        parts += ["## Audit", _checks(report)]
    parts += [
        "## Time",
        _table(("stage", "seconds"), ((s, f"{t:.2f}") for s, t in report.seconds.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _generation(report: Report) -> str:
    if report.generation == report.previous:
        return f"Readers see generation `{report.generation}`, as before."
    before = f"before, `{report.previous}`" if report.previous else "it is the first one"
    return f"Readers see generation `{report.generation}`; {before}."


def _rows(report: Report) -> str:
    header = ("source", "rows in", *(fate.value for fate in Fate))
    return _table(
        header,
        (
            (name, f"{account.rows_in:,}", *(f"{getattr(account, fate):,}" for fate in Fate))
            for name, account in report.accounts.items()
        ),
    )


def _rejections(report: Report) -> str:
    return _table(
        ("source", "rule", "rows"),
        (
            (name, f"`{rule}`", f"{count:,}")
            for name, account in report.accounts.items()
            for rule, count in sorted(account.rejections.items(), key=lambda item: -item[1])
        ),
    )


def _waiting(report: Report) -> str:
    return _table(
        ("source", "file", "why"),
        ((s, name, why) for s, files in report.waiting.items() for name, why in files.items()),
    )


def _models(report: Report) -> str:
    return _table(
        ("model", "status", "seconds"),
        ((f"{m.schema}.{m.name}", m.status, f"{m.seconds:.2f}") for m in report.models),
    )


def _checks(report: Report) -> str:
    failed = [check for check in report.checks if check.outcome is not Outcome.PASS]
    summary = f"{len(report.checks) - len(failed)} of {len(report.checks)} checks hold."
    if not failed:
        return summary
    rows = ((c.outcome.value, c.on, c.name, c.message, "; ".join(c.rows)) for c in failed)
    return f"{summary}\n\n{_table(('outcome', 'on', 'check', 'what', 'rows'), rows)}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
