"""Pages about datasets: what people are told of a contract."""

from __future__ import annotations

import re

import polars as pl

from sluicegate.catalogue import load_catalogue
from sluicegate.contracts import Contract, Date, Model, Severity, field, key, rule
from sluicegate.exports import datasets_of
from sluicegate.exports.dataset import dataset_of
from sluicegate.exports.page import Readers, index_of, text_of
from sluicegate.exports.words import code, rules_of
from sluicegate.sources import Load
from sluicegate.versions.describe import of_model
from tests.support import ROOT
from tests.unit.made import bound, of_column

NOBODY = Readers()


class Odd(Contract):
    """One row <b>odd</b> thing | and more.

    A second paragraph.
    """

    no: int = key(description="First | second <br>")
    code: str = field(nullable=True, matches="[a|b]`[0-9]+")
    day: Date = field(nullable=True)
    many: int = field(isin=range(40))

    @rule
    def undocumented(self) -> pl.Expr:
        return pl.col("no") > pl.col("many")


ODD = dataset_of(of_model(Model("marts.odd", contract=Odd, unique=False)), Odd)


def cells(line: str) -> list[str]:
    """The cells of a line of a table, as Markdown splits it."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_every_rule_is_told() -> None:
    """In the words that the exports share, beside its column."""
    for dataset in datasets_of(load_catalogue(ROOT)):
        page = text_of(dataset, NOBODY, (), "")
        rows = {row[0]: row for row in map(cells, page.splitlines()) if row}
        for each in rules_of(dataset):
            if each.column is None and each.check != "unique":
                assert rows[code(each.rule)][1] == each.words.replace("|", r"\|")
            elif each.check == "not_null":
                assert rows[code(str(each.column))][2] == "no"
            elif each.column is not None:
                assert each.words.replace("|", r"\|") in rows[code(each.column)][3]


def test_tables_stay_tables() -> None:
    """Whatever stands in a description or a pattern, a line has the cells of its head."""
    page = text_of(ODD, NOBODY, (), "Made here.").splitlines()
    assert page[0] == "<!-- Made here. -->"
    assert "One row &lt;b>odd&lt;/b> thing | and more." in page
    columns = page[page.index("## Columns") + 2 :][:6]
    assert {len(cells(line)) for line in columns} == {6}
    assert cells(columns[3])[3] == r"all of it matches ``[a\|b]`[0-9]+``"
    assert r"First \| second &lt;br>" in columns[2]
    assert "and 16 more" in columns[5]


def test_rules_without_words_are_told_by_their_expression() -> None:
    """A rule that nobody described is not left out."""
    page = text_of(ODD, NOBODY, (), "")
    assert '| `undocumented` | [(col("no")) > (col("many"))] |' in page
    assert "| key | `no`; several rows may have one |" in page


def test_what_only_warns_says_so() -> None:
    """Beside its column, or among the rules over several."""
    made = of_column(int, field(gt=3, severity=Severity.WARN))
    page = text_of(dataset_of(bound(made), made), NOBODY, (), "")
    assert "| `x` | bigint | no | greater than 3 (only warns) |" in page
    (chargebacks,) = (
        each for each in datasets_of(load_catalogue(ROOT)) if each.table == "raw.chargebacks"
    )
    (line,) = (
        line
        for line in text_of(chargebacks, NOBODY, (), "").splitlines()
        if line.startswith("| `reason_of_its_network` |")
    )
    assert line.endswith("(only warns) |")


def test_who_reads_it() -> None:
    """Directly and through others, with links to those that have a page; or nobody."""
    readers = Readers(("staging.stg_odd",), ("marts.b",), ("board",))
    page = text_of(ODD, readers, ["marts.b"], "")
    assert "- directly: `staging.stg_odd`\n" in page
    assert "- through others: [`marts.b`](marts.b.md)\n" in page
    assert "- used by: board\n" in page
    assert text_of(ODD, NOBODY, (), "").endswith("\n\nNothing in the dbt project.\n")


def test_terms_of_a_source() -> None:
    """Owner, freshness, tolerance, and how far a batch may shrink."""
    made = of_column(int, field(nullable=True, reads="X"))
    source = bound(made, load=Load.REPLACE, may_shrink="7 %", tolerate="3 %", may_be_empty=True)
    page = text_of(dataset_of(source, made), NOBODY, (), "")
    assert "| owner | somebody |" in page
    assert "| fresh | nobody waits for it |" in page
    assert "more than 3 % of its rows are rejected" in page
    assert "| may shrink | by 7 % " in page
    assert "| no rows at all | is an answer |" in page
    assert "| `x` | bigint | yes |  |  | At the source: `X`. |" in page


def test_index_lists_all() -> None:
    """With what each holds in one line, and by how many it is read."""
    index = index_of([ODD], {"marts.odd": Readers(("a.b",), ("c.d",), ())}, "")
    line = index.splitlines()[-1]
    assert cells(line)[0] == "[`marts.odd`](marts.odd.md)"
    assert cells(line)[1] == r"One row &lt;b>odd&lt;/b> thing \| and more."
    assert cells(line)[4] == "2"
