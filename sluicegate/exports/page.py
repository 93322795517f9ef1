"""Pages about datasets, in Markdown: one a dataset, and one that lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sluicegate.exports.dataset import Dataset, duckdb_type
from sluicegate.exports.words import code, of_column, rules_of
from sluicegate.versions.rules import ColumnRules, Intake

_LOADS = {
    "append": "a row is added; a key that is taken stays with the row that came first",
    "merge": "a row replaces the published one of its key",
    "replace": "a batch is the whole: what it lacks, leaves",
}


@dataclass(frozen=True, slots=True)
class Readers:
    """Who reads a table.

    Attributes:
        directly: tables and views that are made from it.
        further: those that are made from these.
        exposures: dashboards, notebooks and the like that the dbt project names.
    """

    directly: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    exposures: tuple[str, ...] = ()


def text_of(dataset: Dataset, readers: Readers, known: Iterable[str], made: str) -> str:
    """The page of a dataset.

    Args:
        readers: who reads it.
        known: tables that have a page.
        made: who wrote it, and what to do instead of changing it.
    """
    lines = [f"<!-- {made} -->", "", f"# {dataset.table}", ""]
    if dataset.about:
        lines += [_safe(dataset.about), ""]
    lines += [*_facts(dataset), "", "## Columns", "", *_columns(dataset), ""]
    over = [each for each in rules_of(dataset) if each.column is None and each.check != "unique"]
    if over:
        lines += ["## Rules over several columns", ""]
        lines += [*_table("rule", "what it asks for")]
        lines += [_row(code(each.rule), each.words) for each in over]
        lines += [""]
    lines += ["## Read by", "", *_readers(readers, frozenset(known))]
    return "\n".join(lines) + "\n"


def index_of(datasets: Iterable[Dataset], readers: Mapping[str, Readers], made: str) -> str:
    """The page that lists all datasets."""
    lines = [f"<!-- {made} -->", "", "# Datasets", ""]
    lines += ["What every table that has a contract promises, from `contracts/`.", ""]
    lines += _table("table", "what it holds", "owner", "fresh", "read by")
    for dataset in datasets:
        source, read = dataset.rules.source, readers.get(dataset.table, Readers())
        lines.append(
            _row(
                f"[{code(dataset.table)}]({dataset.table}.md)",
                _safe(dataset.about.split("\n\n")[0]),
                source.owner if source else "",
                (source.fresh or "") if source else "",
                str(len(read.directly) + len(read.further) + len(read.exposures)),
            )
        )
    return "\n".join(lines) + "\n"


def _facts(dataset: Dataset) -> Iterator[str]:
    rules = dataset.rules
    yield from _table("", "")
    yield _row("contract", f"[{dataset.file}](../../{dataset.file})")
    yield _row("made by", "dbt" if rules.source is None else _origin(rules.source))
    if rules.source is not None:
        yield _row("owner", _safe(rules.source.owner))
        yield _row("fresh", rules.source.fresh or "nobody waits for it")
        yield _row("load", _LOADS.get(rules.source.load, rules.source.load))
        yield _row("tolerance", f"a batch is refused if more than {rules.source.tolerate} of its "
                   "rows are rejected")  # fmt: skip
        if rules.source.may_shrink is not None:
            yield _row("may shrink", f"by {rules.source.may_shrink} from one batch to the next")
    several = "" if dataset.unique else "; several rows may have one"
    yield _row("key", f"{', '.join(map(code, rules.key))}{several}")
    yield _row("no rows at all", "is an answer" if dataset.may_be_empty else "fails the audit")


def _origin(source: Intake) -> str:
    places = [f"{name} {code(text)}" for name, text in source.origin.items() if text != "None"]
    return f"{source.kind}: {', '.join(places)}"


def _columns(dataset: Dataset) -> Iterator[str]:
    yield from _table("column", "type", "may be absent", "rules", "personal data", "description")
    for column in dataset.rules.columns:
        yield _row(
            code(column.name),
            duckdb_type(column.type),
            _absent(column),
            "; ".join(
                each.words for each in of_column(column, dataset) if each.check != "not_null"
            ),
            "" if column.pii == "none" else column.pii,
            " ".join([_safe(dataset.columns.get(column.name, "")), *_reads(column)]),
        )


def _absent(column: ColumnRules) -> str:
    if column.since is not None:
        return f"before {column.since}"
    return "yes" if column.nullable else "no"


def _reads(column: ColumnRules) -> list[str]:
    return [] if column.reads == column.name else [f"At the source: {code(column.reads)}."]


def _readers(readers: Readers, known: frozenset[str]) -> Iterator[str]:
    told = {
        "directly": [_link(name, known) for name in readers.directly],
        "through others": [_link(name, known) for name in readers.further],
        "used by": [_safe(name) for name in readers.exposures],
    }
    if not any(told.values()):
        yield "Nothing in the dbt project."
        return
    yield from (f"- {how}: {', '.join(names)}" for how, names in told.items() if names)


def _link(table: str, known: frozenset[str]) -> str:
    return f"[{code(table)}]({table}.md)" if table in known else code(table)


def _table(*heads: str) -> list[str]:
    return [_row(*heads), "|---" * len(heads) + "|"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in cells)} |"


def _safe(text: str) -> str:
    """A text of people as Markdown shows it: what looks like a tag is none."""
    return text.replace("<", "&lt;")
