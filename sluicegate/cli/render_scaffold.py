"""What the command that proposes sources prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.markup import escape

from sluicegate.cli.render import out, print_json, table_of

if TYPE_CHECKING:
    from sluicegate.pipeline.scaffolding import Scaffolded
    from sluicegate.scaffold.columns import Proposed


def scaffolded(done: Scaffolded, *, json: bool) -> None:
    """What was decided, what was not, and what to do next."""
    if json:
        print_json(done.to_dict())
        return
    proposal = done.proposal
    how = "Delimited()" if proposal.told.declared == "Delimited()" else proposal.told.declared
    sampled = "all of it" if proposal.whole else "its beginning"
    out.print(f"[bold]{proposal.name}[/bold] from {escape(proposal.file)} ({sampled}): {how}")
    for remark in proposal.told.remarks:
        out.print(f"  {escape(remark)}")
    table = table_of("column", "type", "promise", "remarks")
    for column in proposal.columns:
        table.add_row(
            escape(column.name),
            column.kind,
            escape(_promise(column)),
            escape("; ".join(column.remarks)),
        )
    out.print(table)
    if proposal.ignore:
        objects = escape(", ".join(proposal.ignore))
        out.print(f"no columns, but objects that are null in some records (ignore=): {objects}")
    for remark in proposal.key_remarks:
        out.print(f"[yellow]the key:[/yellow] {escape(remark)}")
    out.print(f"Tried on the sample: {escape(str(done.trial))}; {proposal.tolerate} % tolerated.")
    out.print("[bold]Not decided:[/bold]")
    for each in proposal.undecided():
        out.print(f"  - {escape(each)}")
    out.print(f"Written: {escape(', '.join(done.files))}", soft_wrap=True)
    out.print(f"Generated from the contract: {len(done.generated)} files")
    if done.landed is not None:
        out.print(f"Landed: {escape(str(done.landed))}: the next run takes it in", soft_wrap=True)
    _print_next(done)


def _print_next(done: Scaffolded) -> None:
    """What to correct, what must follow it by hand, and what to run then."""
    contract, test, *dbt = done.files
    out.print(f"[bold]Next:[/bold] correct the guesses in {escape(contract)}", soft_wrap=True)
    if dbt:
        model = f"other columns or types: change {' and '.join(dbt)} too, or dbt fails in the run"
        out.print(f"  {escape(model)}", soft_wrap=True)
    out.print(f"  other columns or checks: change {escape(test)} too; then", soft_wrap=True)
    for command in _next(done):
        out.print(f"  {escape(command)}", soft_wrap=True)


def _promise(column: Proposed) -> str:
    said = ["key"] if column.key else ["may be absent"] if column.nullable else []
    if isinstance(column.isin, str):
        said.append(f"one of {column.isin}")
    elif column.isin is not None:
        said.append(f"one of {len(column.isin)} values")
    if column.matches:
        said.append(column.matches)
    said += [f"{word} {bound}" for word, bound in _bounds(column) if bound is not None]
    if column.personal is not None:
        said.append(f"personal ({column.personal.pii.value})")
    return ", ".join(said)


def _bounds(column: Proposed) -> list[tuple[str, object]]:
    return [("at least", column.ge), ("at most", column.le)]


def _next(done: Scaffolded) -> list[str]:
    commands = [".venv/bin/sluicegate contracts export", ".venv/bin/sluicegate contracts snapshot"]
    if done.landed is None and "://" not in done.landing:
        landing = shlex.quote(done.landing)
        file = "FILE" if "://" in done.origin else shlex.quote(done.origin)
        commands.append(f"mkdir -p {landing} && cp {file} {landing}/")
    elif done.landed is None:
        out.print(f"  put files below {escape(done.landing)}/", soft_wrap=True)
    return [*commands, "make run", f".venv/bin/sluicegate quarantine show {done.proposal.name}"]
