"""The score of readings: ten numbers, each lowered by its own kind of mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import scoring
from benchmarks.messy import READERS, read
from benchmarks.scoring import BEST, FAILED, Found, Row, Score, compared, rows_of, score, total

CLEAN: list[Row] = [("id", "name"), ("1", "x"), ("2", "y"), ("2", "y"), ("3", "")]


def test_a_perfect_reading_scores_ten_in_any_order_of_rows() -> None:
    """Records are a multiset."""
    assert score(CLEAN, CLEAN).sum == BEST
    assert score([CLEAN[0], *reversed(CLEAN[1:])], CLEAN).sum == BEST


@pytest.mark.parametrize(
    ("read", "header", "records", "cells"),
    [
        ([("id", "Name"), *CLEAN[1:]], (1 / 2, 1 / 2), (1, 1), (1, 1)),
        ([("id",), *CLEAN[1:]], (1, 1 / 2), (1, 1), (1, 1)),
        (CLEAN[:-1], (1, 1), (1, 3 / 4), (1, 6 / 8)),
        ([*CLEAN, ("4", "z")], (1, 1), (4 / 5, 1), (8 / 10, 1)),
        ([*CLEAN, CLEAN[1]], (1, 1), (4 / 5, 1), (8 / 10, 1)),
        ([*CLEAN[:-1], ("3",)], (1, 1), (3 / 4, 3 / 4), (1, 7 / 8)),
        ([*CLEAN[:-1], ("", "3")], (1, 1), (3 / 4, 3 / 4), (1, 1)),
        ([*CLEAN[:-1], ("3", " ")], (1, 1), (3 / 4, 3 / 4), (7 / 8, 7 / 8)),
        (CLEAN[:1], (1, 1), (0, 0), (0, 0)),
        ([], (0, 0), (0, 0), (0, 0)),
    ],
)
def test_each_mistake_lowers_its_numbers(
    read: list[Row],
    header: tuple[float, float],
    records: tuple[float, float],
    cells: tuple[float, float],
) -> None:
    """Precision of what is too much, recall of what is missing; success only if nothing is read."""
    found = score(read, CLEAN)
    assert (found.header.precision, found.header.recall) == header
    assert (found.records.precision, found.records.recall) == records
    assert (found.cells.precision, found.cells.recall) == cells
    assert found.success


def test_f1_is_the_harmonic_mean() -> None:
    """And nothing at all is right where nothing was meant."""
    assert compared("abcd", "ab").f1 == pytest.approx(2 / 3)
    assert compared("", "a").f1 == 0
    assert compared("", "").sum == 3
    assert FAILED.sum == 0
    assert total([FAILED, Score(True, *[compared("", "")] * 3)]) == BEST / 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two messy files, one of them hopeless."""
    for part in ("csv", "clean", "parameters"):
        (tmp_path / part).mkdir()
    for name, raw in (
        ("a.csv", b"Title\n\nid;name\n1;x\n2;y\n"),
        ("b.csv", b"PK\x03\x04" + b"\0" * 50),
    ):
        (tmp_path / "csv" / name).write_bytes(raw)
        (tmp_path / "clean" / name).write_text("id,name\n1,x\n2,y\n")
        parameters = {"column_names": ["id", "name"], "delimiter": "!"}
        (tmp_path / "parameters" / f"{name}_parameters.json").write_text(json.dumps(parameters))
    return tmp_path


@pytest.mark.parametrize("side", READERS)
def test_readers_write_what_they_read(folder: Path, tmp_path: Path, side: str) -> None:
    """Each by the file alone, or with the names that are known."""
    readings = tmp_path / side
    readings.mkdir()
    found = Found.at(folder)
    read(side, found, readings)
    scores = found.scores(readings)
    assert scores["a.csv"].records.sum == 3
    assert scores["b.csv"].sum < scores["a.csv"].sum
    if side != "duckdb":
        assert rows_of(readings / "a.csv") == [("id", "name"), ("1", "x"), ("2", "y")]


def test_any_reader_can_be_scored(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the folder of its readings; a file without one has failed. The worst come first."""
    readings = tmp_path / "readings"
    readings.mkdir()
    (readings / "a.csv").write_text("id,name\n1,x\n")
    assert scoring.main([str(folder), "--readings", str(readings)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "4.167 of 10, 2 files"
    assert [line.split()[-1] for line in told[1:]] == ["b.csv", "a.csv"]
