"""Plain JSON lines, cut at their quotes: what is found by place is what the parser finds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.sources import json_quotes, ndjson
from sluicegate.sources.json_quotes import Cut, cut_of
from sluicegate.sources.jsons import gathered, one_by_one
from sluicegate.sources.ndjson import read_ndjson
from tests.unit.kit import together

Cells = list[dict[str, Any]]


def numbered(lines: Sequence[str]) -> pl.DataFrame:
    """Lines as a block has them."""
    return pl.DataFrame(enumerate(lines, 1), {"_line": pl.Int64, "line": pl.String}, orient="row")


def way(sample: Sequence[str]) -> Cut:
    """How lines are cut, whether it is worth it or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_quotes, "_PIECE_COSTS", 0)
        patch.setattr(json_quotes, "_NUMBER_COSTS", 0)
        how = cut_of(pl.Series(sample))
    assert how is not None
    return how


def cut(lines: Sequence[str], sample: Sequence[str] = (), end: str = "\n") -> tuple[Cells, Cells]:
    """What was found of lines, of which some are like a sample; and what the parser finds there."""
    found = way(sample or lines).read(
        "".join(line + end for line in lines).encode(), numbered(lines)
    )
    assert found is not None
    rows, same = found
    assert rows["_line"].to_list() == [number + 1 for number in same.arg_true()]
    theirs = gathered(one_by_one(numbered(lines).filter(same)))
    assert theirs.rejects.is_empty()
    return rows.rows(named=True), theirs.rows[rows.columns].rows(named=True)


PLAIN = (
    '{"a":"x","b":1.50,"c":"y","d":true}',
    '{"a":"","b":-0,"c":"{\'a\':[1, 2]}, null","d":null}',
    '{"a":"null","b":null,"c":":","d":1e5}',
    '{"a":"é😀","b":12345678901234567890123,"c":"\x7f","d":false}',
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_are_those_of_the_parser(end: str) -> None:
    """Numbers keep their digits, texts may hold anything but quotes, and be empty."""
    ours, theirs = cut(PLAIN, end=end)
    assert ours == theirs
    assert len(ours) == len(PLAIN)
    assert ours[1] == {"a": "", "b": "-0", "c": "{'a':[1, 2]}, null", "d": None, "_line": 2}


@pytest.mark.parametrize("nulls", [[0], [1], [2], [3], [2, 3], [0, 3], [1, 2]])
def test_nulls_move_what_follows(nulls: list[int]) -> None:
    """Wherever they are, and also where some lines have them all at once."""
    names = "abcd"
    records: list[dict[str, str | None]] = [
        {name: f"{name}{number}" for name in names} for number in range(30)
    ]
    for number, record in enumerate(records[:12]):
        record |= {names[each]: None for each in nulls if number % 3 != each % 3 or number > 8}
    lines = [json.dumps({**record, "n": 7, "o": {"p": "q", "r": 1}}) for record in records]
    ours, theirs = cut(lines)
    assert ours == theirs
    assert len(ours) == len(lines)


def test_last_text_may_be_null_in_all_of_the_first_lines() -> None:
    """Polars then finds fewer pieces than there are."""
    lines = ['{"a":"x","b":null}'] * 200 + ['{"a":"x","b":"y"}'] * 40
    ours, theirs = cut(lines)
    assert ours == theirs
    assert len(ours) >= 200


@pytest.mark.parametrize(
    "line",
    [
        *('{"a":"x","b":01,"c":"y","d":true}', '{"a":"x","b":1.,"c":"y","d":true}'),
        *('{"a":"x","b":+1,"c":"y","d":true}', '{"a":"x","b":NaN,"c":"y","d":true}'),
        *('{"a":"x\ty","b":1,"c":"y","d":true}', '{"a":"x\\ty","b":1,"c":"y","d":true}'),
        *('{"a":"x","b":1,"c":"y","d":tru}', '{"a":"x","b":1,"c":"y","d":true} '),
        *('{"a":"x","b":1,"c":"y","e":true}', '{"b":1,"a":"x","c":"y","d":true}'),
        *('{"a":1,"b":1,"c":"y","d":true}', '{"a":"x","b":"1","c":"y","d":true}'),
        *('{"a":null,"b":1,"c":"y","d":true}', '{"a":"x","b":1,"c":nul,"d":true}'),
        *('{"a":"x"y","b":1,"c":"y","d":true}', '{"a":"x","b":1,"c":"y","d":"true"}'),
        *('{"a":"x","b":1,"c":"y","d":true', '{"a":"x","b":1,"c":"y"}', "{}", "7", '"', " "),
        *('{"a":"x","b":1,"c":"y","d":true,"e":"z"}', '{"a": "x","b":1,"c":"y","d":true}'),
        *('{"a":"x","b":[1],"c":"y","d":true}', '{"a":"\\\\","b":1,"c":"y","d":true}'),
    ],
)
def test_other_lines_are_not_taken(line: str) -> None:
    """Each is one step away; it costs none of its neighbours."""
    ours, theirs = cut([PLAIN[0], line, *PLAIN[1:]], sample=PLAIN)
    assert ours == theirs
    assert [row["_line"] for row in ours] == [1, 3, 4, 5]


@pytest.mark.parametrize(
    "lines",
    [
        ["[1]"] * 60,
        ['{"a":"\\n"}'] * 60,
        ['{"a":\t"x"}'] * 60,
        ['{"a":1}', '{"b":1}'] * 30,
        ['{"a":1}', '{"a":"x"}'] * 30,
        ['{"a":1}'] * 50 + ['{"a":[1]}'] * 10,
        [json.dumps(dict.fromkeys("abcdefgh"))] * 30
        + [json.dumps(dict.fromkeys("abcdefgh", "x"))] * 30,
        [json.dumps(dict.fromkeys("abcdefgh", 1))] * 60,
    ],
    ids=["list", "escapes", "tabs", "names", "kinds", "few", "nulls", "numbers"],
)
def test_others_are_not_cut(lines: list[str]) -> None:
    """Few are plain, or nulls move too much of them."""
    assert cut_of(pl.Series(lines)) is None


def test_bytes_of_other_lines_are_not_cut() -> None:
    """As many lines as are asked for, or none."""
    how = way(PLAIN)
    raw = "\n".join(PLAIN).encode()
    assert how.read(raw, numbered(PLAIN)) is not None
    assert how.read(raw + b"\n\xff", numbered([*PLAIN, "?"])) is None
    assert how.read(raw, numbered(PLAIN[:3])) is None
    assert how.read(b"x^" + raw, numbered(["x^" + PLAIN[0], *PLAIN[1:]])) is None


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_one_character_that_no_text_has(end: str) -> None:
    """It is found however the last line ends."""
    how = way(PLAIN)
    lines = [PLAIN[0].replace("x", "\t"), *PLAIN[1:]]
    found = how.read(("\n".join(lines) + end).encode(), numbered(lines))
    assert found is not None
    assert found[1].to_list() == [False, True, True, True]


NAMES = ("*", "^b,.*$", "é")
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
CELLS = st.one_of(st.none(), st.booleans(), st.integers(), TEXTS, st.sampled_from([*NAMES, "null"]))
LINES = st.one_of(
    st.tuples(*[CELLS] * len(NAMES)).map(
        lambda cells: json.dumps(
            dict(zip(NAMES, cells, strict=True)), separators=(",", ":"), ensure_ascii=False
        )
    ),
    st.text('{}":,an1 \t', max_size=12).filter(str.strip),
    st.sampled_from(['{"*":1.50,"^b,.*$":"","é":null}', '{"*":"x"","é":2}', '{"*":"\t"}']),
)


@settings(max_examples=200)
@given(st.lists(LINES, max_size=14), st.sampled_from(["\n", "\r\n"]), st.integers(1, 400))
def test_cutting_changes_nothing(lines: list[str], end: str, size: int) -> None:
    """However few lines are alike, and wherever blocks end: the records of the parser."""
    wanted = gathered(one_by_one(numbered(lines)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ndjson, "_MANY", 1)
        patch.setattr(json_quotes, "_PLAIN", 0.01)
        patch.setattr(json_quotes, "_PIECE_COSTS", 0)
        patch.setattr(json_quotes, "_NUMBER_COSTS", 0)
        patch.setattr(json_quotes, "_SLICE", 3)
        found = together(read_ndjson(end.join(lines).encode(), size=size))
    assert found.rejects.sort("_line").rows() == wanted.rejects.sort("_line").rows()
    assert set(found.header) == set(wanted.header)
    columns = wanted.rows.columns
    assert found.rows[columns].sort("_line").rows() == wanted.rows.rows()


def test_most_of_a_large_file_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not plain is found by its shape, or parsed, and stands where it stood."""
    lines = [f'{{"a":"x{number:080}","b":{number}}}' for number in range(6_000)]
    lines[7], lines[8], lines[9] = '{"a":"\\t","b":7}', "{", '{"b":8,"a":"y"}'
    taken: list[int] = []
    read = json_quotes.Cut.read

    def told(self: json_quotes.Cut, raw: bytes, given: pl.DataFrame) -> Any:
        found = read(self, raw, given)
        assert found is not None
        taken.append(found[0].height)
        return found

    monkeypatch.setattr(json_quotes.Cut, "read", told)
    found = together(read_ndjson("\n".join(lines).encode()))
    assert taken == [5_997]
    assert found.rows["_line"].to_list() == [number for number in range(1, 6_001) if number != 9]
    assert found.rejects.rows() == [(9, "{", "record:json")]
    assert found.rows.row(7) == ("\t", "7", 8)
