"""Sifting: which records are rows of the contract, and which rules the others break."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sluicegate.contracts import Contract, field, key
from sluicegate.errors import BatchRefused
from sluicegate.ingestion.sift import Sifted, Unsifted, shape, sift
from sluicegate.sources import Files
from tests.unit.kit import HEADER, batch, orders, read_delimited, source


def shaped(declared: Files, folder: Path, content: str) -> Unsifted:
    """The records of a text, in the shape of the contract."""
    made = batch(folder, content, "drop.csv")
    return shape(declared, made, read_delimited(made.content))


def sifted(folder: Path, *lines: str) -> Sifted:
    """Orders, taken apart."""
    return sift(source(), [shaped(source(), folder, "\n".join([HEADER, *lines]))])


def test_record_breaks_all_its_rules_at_once(tmp_path: Path) -> None:
    """What is wrong with a row is told completely, so that it is repaired once."""
    found = sifted(tmp_path, ",10:00,-1.00,0.50", "a,,5.00,7.00", "b,,5.00,")
    assert found.accepted["order_id"].to_list() == ["b"]
    assert {line: sorted(rules) for _, line, rules, _ in found.rejected.iter_rows()} == {
        2: ["amount:greater_than", "booked_at:timestamp", "not_overpaid", "order_id:not_null"],
        3: ["not_overpaid"],
    }


def test_rejected_record_keeps_its_text(tmp_path: Path) -> None:
    """Quarantine has what was sent, not what was made of it: typed rows and broken lines alike."""
    found = sifted(tmp_path, 'a,2026-10-30 10:00,007.5,"x, ""y"""', 'b,"open', "c,,1.00,")
    typed, broken = found.rejected.sort("_line")["record"]
    assert json.loads(typed) == {
        "order_id": "a",
        "booked_at": "2026-10-30 10:00",
        "amount": "007.5",
        "paid": 'x, "y"',
    }
    assert broken == 'b,"open'
    assert found.accepted["order_id"].to_list() == ["c"]


def test_batches_are_told_apart(tmp_path: Path) -> None:
    """Several batches are sifted in one pass; every row knows its batch and line."""
    declared = source()
    texts = [f"{HEADER}\na,,1.00,\nb,,0.00,\n", f"{HEADER}\nc,,2.00,\n"]
    group = [shaped(declared, tmp_path, text) for text in texts]
    found = sift(declared, group)
    first, second = (each.batch.id for each in group)
    assert found.accepted.select("order_id", "_batch", "_line").rows() == [
        ("a", first, 2),
        ("c", second, 2),
    ]
    assert found.rejected["_batch"].to_list() == [first]


def test_batch_of_nothing_but_broken_lines(tmp_path: Path) -> None:
    """There is nothing to judge, and still an account of every record."""
    found = sifted(tmp_path, "a", "b,c")
    assert found.accepted.is_empty()
    assert found.rejected["rules"].to_list() == [["record:fields"], ["record:fields"]]


@pytest.mark.parametrize(
    ("header", "message", "hint"),
    [
        ("order_id,booked_at,amount", "lacks columns of the contract: paid", "it has: order_id"),
        ("order_id,booked_at,amuont,paid", "contract: amount", "'amuont'"),
        ("Ann,DE1,a@b.c,1", "contract: order_id", "none of its 4 columns is one of the contract"),
    ],
)
def test_batch_without_a_column_is_refused(
    tmp_path: Path, header: str, message: str, hint: str
) -> None:
    """No row can be judged without it; a column that was renamed is recognised."""
    with pytest.raises(BatchRefused, match=message) as caught:
        shaped(source(), tmp_path, f"{header}\n1,2,3,4\n")
    assert hint in str(caught.value.hint)
    assert caught.value.where == "drop.csv"
    assert "Ann" not in str(caught.value), "what stands there may be a row, not a header"


def test_batch_without_a_record_is_refused_unless_declared(tmp_path: Path) -> None:
    """A header alone is an answer only from a source that may be empty."""
    with pytest.raises(BatchRefused, match="not a single record"):
        shaped(source(), tmp_path, HEADER)
    assert shaped(source(may_be_empty=True), tmp_path, HEADER).rows_in == 0


class Growing(Contract):
    """A contract with a column that came later and one of another name."""

    number: str = key(reads="No.")
    channel: str = field(since="2026-10-16")


def test_columns_by_the_names_of_the_source(tmp_path: Path) -> None:
    """Names are translated, later columns may lack, unknown ones are told unless ignored."""
    declared = source(contract=Growing, ignore=("internal",))
    before = shaped(declared, tmp_path, "No.,internal,extra\n1,x,y\n")
    after = shaped(declared, tmp_path, "channel,No.\nweb,2\n")
    assert before.unknown_columns == ("extra",)
    assert after.unknown_columns == ()
    found = sift(declared, [before, after]).accepted
    assert found.select("number", "channel").rows() == [("1", None), ("2", "web")]


def test_order_of_columns_at_the_source_is_its_own(tmp_path: Path) -> None:
    """Cells are taken by name, not by place."""
    text = "paid,amount,order_id,booked_at\n1.00,2.00,a,\n"
    (row,) = sift(source(), [shaped(source(), tmp_path, text)]).accepted.rows(named=True)
    assert (row["order_id"], str(row["amount"]), str(row["paid"])) == ("a", "2.00", "1.00")


def test_every_batch_has_its_own_identity(tmp_path: Path) -> None:
    """Equal content is the same batch, whatever its name."""
    first = orders(tmp_path, "a,,1.00,", name="monday.csv")
    assert orders(tmp_path, "a,,1.00,", name="tuesday.csv").id == first.id
    assert orders(tmp_path, "a,,1.01,").id != first.id
