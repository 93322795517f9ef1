"""What columns look like, and what in them can be read in two ways."""

from __future__ import annotations

import pytest

from sluicegate.dialect import CODES, Kind, kind_of, shape_of


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (Kind.INTEGER, ["1", "-20", "+3", " 007 "]),
        (Kind.DECIMAL, ["1.5", "-2,5", ".5", "1e-7", "£3.50", "1,234.50", "1.234,50 €", "12 %"]),
        (Kind.DECIMAL, ["1 234 567", "(1,234)", "1'234.5", "NaN", "-inf"]),
        (Kind.BOOLEAN, ["true", "False", "YES", "no"]),
        (Kind.DATE, ["2026-10-01", "1/2/26", "01.02.2026", "3 March 2026", "Apr-26", "1-Jan-26"]),
        (
            Kind.TIMESTAMP,
            ["2026-10-01T10:00:00Z", "01/02/2026 10:30", "2026-10-01 10:00:00.5+02:00"],
        ),
        (Kind.TIME, ["10:30", "23:59:59", "9:05 am"]),
        (Kind.EMPTY, ["", " ", "n/a", "NULL", "-"]),
        (Kind.TEXT, ["abc", "Hill Street 5", "n. a. b.", "(see note)", "é", "1st"]),
        (Kind.ODD, ['"x', "a;b", "a|b", "=", "\x01"]),
    ],
)
def test_a_cell_looks_like_something(kind: Kind, cells: list[str]) -> None:
    """Numbers and moments as they are written anywhere, and texts."""
    assert {cell: kind_of(cell) for cell in cells} == dict.fromkeys(cells, kind)


@pytest.mark.parametrize(
    ("cells", "kind", "notes"),
    [
        (["1", "", "2"], Kind.INTEGER, ()),
        (["1", "2.5"], Kind.DECIMAL, ()),
        (["1", "2,5"], Kind.DECIMAL, ("decimals use commas",)),
        (["1.234,5", "6"], Kind.DECIMAL, ("decimals use commas",)),
        (["1.5", "2,5"], Kind.DECIMAL, ("decimals use commas and points",)),
        (["1,234", "2"], Kind.DECIMAL, ("a comma may group thousands or begin decimals",)),
        (["1,234", "2.5"], Kind.DECIMAL, ()),
        (["2026-10-01"], Kind.DATE, ()),
        (["31/01/2026", "01/02/2026"], Kind.DATE, ("day first",)),
        (["01/31/2026"], Kind.DATE, ("month first",)),
        (["01/02/2026"], Kind.DATE, ("day or month first: nothing tells",)),
        (
            ["31/01/2026", "01/31/2026"],
            Kind.DATE,
            ("dates in two formats: day first, and month first",),
        ),
        (["2026-10-01", "31.01.2026"], Kind.DATE, ("day first", "dates in two formats")),
        (["1"] * 19 + ["x"], Kind.INTEGER, ("1 of 20 cells looks like text",)),
        (["Hill"] * 19 + ["1", "1.5"], Kind.TEXT, ("2 of 21 cells look like decimal or integer",)),
        (["0742", "5411", ""], Kind.TEXT, (CODES,)),
        (["0742"] * 19 + ["x"], Kind.TEXT, (CODES, "1 of 20 cells looks like text")),
        (["0", "10", "0.5"], Kind.DECIMAL, ()),
        (["1", "x", "2026-10-01"], Kind.TEXT, ()),
        (["", "n/a"], Kind.EMPTY, ()),
        ([], Kind.EMPTY, ()),
    ],
)
def test_a_column_has_a_type_and_what_one_should_know(
    cells: list[str], kind: Kind, notes: tuple[str, ...]
) -> None:
    """Decimal commas, and dates in several formats, are said."""
    shape = shape_of(cells)
    assert (shape.kind, shape.notes) == (kind, notes)
