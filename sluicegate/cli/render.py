"""What the console command prints: tables for people, JSON for programs."""

from __future__ import annotations

import json as jsonlib
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sluicegate.errors import SluicegateError

if TYPE_CHECKING:
    from pathlib import Path

    from sluicegate.deploy import Change, Outcome
    from sluicegate.local import Service

WIDE = 200
"""Columns where nobody looks at a terminal: a log or a pipe has room."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDE)

MOST = 10
"""Lines of one kind that are told one by one."""

FATES = ("published", "quarantined", "deduplicated", "held")


class Teller(logging.Handler):
    """Tells what is going on: one changing line on a terminal, a line each elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(logging.INFO)
        self._began = time.perf_counter()
        self._status = err.status("", spinner="dots") if err.is_terminal and not quiet else None
        self._quiet = quiet
        if self._status:
            self._status.start()

    @property
    def changes(self) -> bool:
        """Whether what is told takes the place of what was told before."""
        return self._status is not None

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a log record."""
        self.say(record.getMessage())

    def say(self, text: str) -> None:
        """Tell a line."""
        line = f"[dim]{time.perf_counter() - self._began:6.1f} s[/dim]  {escape(text)}"
        if self._status:
            self._status.update(line)
        elif not self._quiet:
            err.print(line)

    def end(self) -> None:
        """Stop telling. Not ``close``: Prefect, as it is imported, has all handlers closed."""
        if self._status:
            self._status.stop()


def progress(*, quiet: bool) -> Callable[[str], None]:
    """Tell what starting takes, line by line."""
    return (lambda _: None) if quiet else (lambda text: err.print(f"[dim]{escape(text)}[/dim]"))


_MOVED = {"publish": "its publish", "rollback": "a rollback", "branch": "it was branched"}


def status(status: Mapping[str, Any], *, json: bool) -> None:
    """What an environment shows, and its last run."""
    if json:
        print_json(status)
        return
    if moved := status["moved"]:
        since = f"since {_MOVED[moved['action']]} at {_clock(moved['at'])}"
        out.print(f"[bold]{status['env']}[/bold] shows generation {status['generation']}, {since}.")
    else:
        out.print(f"[bold]{status['env']}[/bold] shows nothing yet.")
    if last := status["last_run"]:
        out.print(f"Last run    {last['run']}: {last['status']} at {_clock(last['at'])}")
        if last.get("error"):
            out.print(escape(str(last["error"])), style="red")
    if status["sources"]:
        out.print("What the last run of each source did:")
    accounts(status["sources"])
    _out(status)
    quality(status["quality"])


def _out(status: Mapping[str, Any]) -> None:
    """What stays out, by file; the words are those of a run's report."""
    for kind, said in (("held", "held"), ("waiting", "left for the next run")):
        told = [
            f"{source}, {name}: {why}"
            for source, look in status["out"].items()
            for name, why in look[kind].items()
        ]
        for line in first(told):
            out.print(f"[yellow]{said}:[/yellow] {escape(line)}")
    for source, look in status["out"].items():
        go_on({source: look["next"]} if look["next"] else {})
        if look["left"]:
            out.print(f"[dim]{source}: {left_over(look['left'])}[/dim]")
    told = [
        f"{source}, {each['name']}, {each['rows']:,} rows: condemned by {each['by']}"
        f" at {_clock(each['at'])}: {each['because']}"
        for source, rulings in status["condemned"].items()
        for each in rulings
    ]
    for line in first(told):
        out.print(f"[yellow]condemned:[/yellow] {escape(line)}")


def left_over(count: int) -> str:
    """How many batches nobody has looked at yet."""
    return f"{count:,} more {'batch is' if count == 1 else 'batches are'} left"


def go_on(commands: Mapping[str, str]) -> None:
    """How those go on that wait behind a batch which is held."""
    for source, command in commands.items():
        told = f"To keep it out, so that those after it in {source} go on: {command}"
        out.print(told, soft_wrap=True, markup=False)


def first(lines: Sequence[str]) -> list[str]:
    """The first ones, and how many more there are."""
    more = [f"and {len(lines) - MOST:,} more"] if len(lines) > MOST else []
    return [*lines[:MOST], *more]


def accounts(accounts: Mapping[str, Mapping[str, Any]]) -> None:
    """What became of the rows of each source."""
    if not accounts:
        return
    table = table_of("source", "rows in", *FATES, numbers=5)
    for name, account in accounts.items():
        table.add_row(name, *(f"{account[fate]:,}" for fate in ("rows_in", *FATES)))
    out.print(table)
    for name, account in accounts.items():
        balance = " + ".join(f"{account[fate]:,}" for fate in FATES)
        left = f"; {account['removed']:,} left the source" if account["removed"] else ""
        out.print(f"[dim]{name}: {account['rows_in']:,} rows in = {balance}{left}[/dim]")
    for name, account in accounts.items():
        # What an earlier version put on record has none.
        if lines := account.get("left_out"):
            told = ", ".join(f"{count:,} {what}" for what, count in lines.items())
            out.print(f"[dim]{name}: lines that are no records: {told}[/dim]")
    _by_rule("quarantined by rule", accounts, "rejections")
    _by_rule("warned by rule", accounts, "warnings")


def _by_rule(title: str, accounts: Mapping[str, Mapping[str, Any]], counts: str) -> None:
    found = [
        (name, rule, count)
        for name, account in accounts.items()
        # What an earlier version put on record has no warnings.
        for rule, count in sorted(account.get(counts, {}).items(), key=lambda item: -item[1])
    ]
    if found:
        table = table_of(title, "source", "rows", numbers=1)
        for name, rule, count in found:
            table.add_row(rule, name, f"{count:,}")
        out.print(table)


def quality(measures: Sequence[Mapping[str, Any]]) -> None:
    """What is not whole, or is not what it was; all the rest is one line."""
    told = [each for each in measures if each["failed"] or each["change"]]
    if told:
        table = table_of("quality", "dimension", "trend", "right", "change", "failed", numbers=3)
        for each in told:
            table.add_row(
                *(each[name] for name in ("dataset", "dimension", "trend", "right", "change")),
                f"{each['failed']:,} of {each['looked_at']:,}",
            )
        out.print(table)
    if rest := len(measures) - len(told):
        out.print(f"[dim]quality: {rest} more at 100 %[/dim]")


def services(services: Sequence[Service], *, json: bool) -> None:
    """What runs on this machine."""
    if json:
        print_json([_service(service) for service in services])
        return
    for service in services:
        if service.state.value != "running":
            out.print(f"[dim]{service.name} {service.state.value} on {service.url}[/dim]")


def stopped(services: Sequence[Service], *, json: bool) -> None:
    """What was stopped."""
    if json:
        print_json([_service(service) for service in services])
    else:
        names = ", ".join(service.name for service in services)
        out.print(f"stopped: {names}" if names else "nothing was running")


def deployed(outcome: Outcome, *, json: bool) -> None:
    """What deploying an environment did."""
    if json:
        print_json(outcome.to_dict())
        return
    done = "deployed" if outcome.changed else "nothing to deploy, the server has it all"
    out.print(f"[bold]{outcome.env}: {done}.[/bold] {outcome.server}")
    if outcome.pool_created:
        out.print(f"work pool {outcome.pool}: created")
    for deployment in outcome.deployments:
        when = f"{deployment.next_run:%a %Y-%m-%d %H:%M %Z}" if deployment.next_run else "never"
        out.print(f"{deployment.name}: {deployment.action}; next run by itself: {when}")
        for change in deployment.changes:
            out.print(escape(f"  {change.field}: {change.before!r} → {change.after!r}"))
    for name in outcome.pruned:
        out.print(f"{escape(name)}: deleted, the file does not have it")
    for name in outcome.strays:
        out.print(
            f"[yellow]not in the file, but still on the server:[/yellow] {escape(name)} "
            f"(sluicegate deploy --env {outcome.env} --prune deletes it)"
        )
    if outcome.pool_paused:
        out.print(f"[yellow]work pool {outcome.pool} is paused:[/yellow] runs wait")
    _alerts(outcome)


def _alerts(outcome: Outcome) -> None:
    counts = Counter(each.action for each in outcome.alerts[1:])
    told = ", ".join(f"{count} {action}" for action, count in counts.items())
    by = "a line in the log" if outcome.channel == "log" else f"{outcome.channel} and log"
    out.print(f"alerts by {by}: {told}; what each means: docs/runbook.md")
    for alert in outcome.alerts:
        for change in alert.changes:
            out.print(escape(f"  {alert.name}, {change.field}: {_short(change)}"))
    for name in outcome.alerts_deleted:
        out.print(escape(f"  {name}: deleted, nothing needs it any more"))


def _short(change: Change) -> str:
    before, after = repr(change.before), repr(change.after)
    if len(before) + len(after) > 60:
        return "changed"
    return f"{before} → {after}"


def documented(page: Path, *, json: bool) -> None:
    """A page about the models."""
    if json:
        print_json({"page": str(page)})
        return
    out.print(f"[bold]Documentation of the models:[/bold] {escape(str(page))}", soft_wrap=True)


def error(error: SluicegateError, *, json: bool) -> None:
    """An error, on the standard error stream, with the exit code that follows."""
    if json:
        print_json(
            {
                **(error.result or {}),
                "error": type(error).__name__,
                "message": error.message,
                "where": error.where,
                "next": error.hint,
                "exit_code": error.exit_code,
            }
        )
    err.print(escape(str(error)), style="red", soft_wrap=True)


def interrupted() -> None:
    """The user pressed Ctrl-C."""
    err.print("interrupted: readers see what they saw before; the next run starts afresh")


def _service(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "state": service.state.value,
        "url": service.url,
        "pid": service.pid,
        "log": str(service.log),
    }


def _clock(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S} UTC"


def table_of(*headers: str, numbers: int = 0) -> Table:
    """A table whose last columns hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, header in enumerate(headers):
        right = position >= len(headers) - numbers
        table.add_column(header, justify="right" if right else "left", overflow="fold")
    return table


def print_json(value: object) -> None:
    """Print a value as JSON."""
    sys.stdout.write(jsonlib.dumps(value, indent=1, default=str) + "\n")
