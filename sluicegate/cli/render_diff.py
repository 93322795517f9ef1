"""What ``lake diff`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.markup import escape

from sluicegate.cli.render import out, print_json, table_of
from sluicegate.lake.diff_rows import MASK, Cells

if TYPE_CHECKING:
    from sluicegate.lake.diff import Diff, Side, Whole
    from sluicegate.lake.diff_tables import TableDiff


def diffed(diff: Diff, *, json: bool) -> None:
    """Everything that is different between two refs."""
    if json:
        print_json(diff.to_dict())
        return
    out.print(f"[bold]{_side(diff.before)} → {_side(diff.after)}[/bold]")
    changed = [table for table in diff.tables if not table.equal]
    same = len(diff.tables) - len(changed)
    if diff.equal:
        out.print(f"Nothing is different; {_counted(same, 'table')} compared.")
        return
    _overview(diff, changed)
    if same:
        out.print(f"{_counted(same, 'more table')} compared: no difference.")
    for table in changed:
        _details(table)


def _side(side: Side) -> str:
    shown = side.generation is not None and side.generation != side.name
    return escape(f"{side.name} ({side.generation})" if shown else side.name)


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _overview(diff: Diff, changed: Iterable[TableDiff]) -> None:
    table = table_of(
        *("table", "what", "rows before", "rows after", "added", "removed", "changed"), numbers=5
    )
    for whole in diff.removed:
        table.add_row(escape(whole.name), f"{whole.kind} removed", _rows(whole), *[""] * 4)
    for whole in diff.added:
        table.add_row(escape(whole.name), f"{whole.kind} added", "", _rows(whole), *[""] * 3)
    for view in diff.views:
        table.add_row(escape(view), "view has other SQL", *[""] * 5)
    for each in changed:
        rows = each.rows
        numbers = (rows.before, rows.after, rows.added, rows.removed, rows.changed)
        told = [f"{number:,}" for number in numbers]
        if not each.key:
            told[-1] = ""
        table.add_row(escape(each.name), _what(each), *told)
    out.print(table)


def _rows(whole: Whole) -> str:
    return "" if whole.rows is None else f"{whole.rows:,}"


def _what(table: TableDiff) -> str:
    rows = table.rows
    kinds = {"columns": table.columns.any, "rows": rows.added or rows.removed or rows.changed}
    return " and ".join(kind for kind, is_so in kinds.items() if is_so)


def _details(table: TableDiff) -> None:
    by = f"by {', '.join(table.key)}" if table.key else "without a key"
    out.print(f"\n[bold]{escape(table.name)}[/bold], {escape(by)}")
    if table.note:
        out.print(escape(table.note))
    _columns(table)
    _sample(table)


def _columns(table: TableDiff) -> None:
    lines = [
        *((column.name, f"added, {column.type}") for column in table.columns.added),
        *((column.name, f"removed, was {column.type}") for column in table.columns.removed),
        *((column.after, f"was called {column.before}") for column in table.columns.renamed),
        *((c.name, f"{c.before} → {c.after}") for c in table.columns.retyped),
        *(
            (value.name, f"{_counted(value.rows, 'row')} changed, {value.share:.2%}")
            for value in table.values
            if value.rows
        ),
    ]
    if not lines:
        return
    shown = table_of("column", "difference")
    for name, what in lines:
        shown.add_row(escape(name), escape(what))
    out.print(shown)


def _sample(table: TableDiff) -> None:
    sample = table.sample
    if not (sample.added or sample.removed or sample.changed):
        return
    whole = [*sample.added, *sample.removed]
    if whole and all(value == MASK for row in whole for value in row.values()):
        out.print("Its values are not shown: no contract says which of its columns may be.")
        return
    shown = table_of("", "row", "")
    for row in sample.removed:
        shown.add_row("-", *_row(row, table.key))
    for row in sample.added:
        shown.add_row("+", *_row(row, table.key))
    for changed in sample.changed:
        what = (
            f"{name}: {_text(before)} → {_text(after)}"
            for name, (before, after) in changed.columns.items()
        )
        shown.add_row("~", escape(_joined(changed.key)), escape(", ".join(what)))
    out.print(shown)


def _row(row: Cells, key: tuple[str, ...]) -> tuple[str, str]:
    """Its key, then everything else; without a key, everything."""
    if not key:
        return escape(_joined(row)), ""
    rest = {name: value for name, value in row.items() if name not in key}
    return escape(_joined({name: row[name] for name in key})), escape(_joined(rest))


def _joined(cells: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name}={_text(value)}" for name, value in cells.items())


def _text(value: str | None) -> str:
    return "NULL" if value is None else value
