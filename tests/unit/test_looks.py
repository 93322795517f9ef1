"""What stays out is told by file after the run too: held, waiting behind it, condemned."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.cli.main import app
from sluicegate.cli.render_lake import watched
from sluicegate.errors import DataRefused
from sluicegate.lake import Lake
from sluicegate.pipeline import EVERYTHING, Platform, Report, Run, Scope, Status
from sluicegate.pipeline.condemning import State, condemn, list_batches, release
from sluicegate.pipeline.looks import Look, last_looks, looks_now
from sluicegate.pipeline.rehearsal import rehearse
from sluicegate.pipeline.status import status_of
from sluicegate.progress import untold
from sluicegate.settings import Settings
from tests.unit.runs import take_in
from tests.unit.test_condemned_batches import declare, land, run, settings, told

__all__ = ["settings"]  # A fixture.

COUNTS = ("rows_in", "published", "quarantined", "deduplicated", "held")


def hold_alone(settings: Settings) -> None:
    """Let the source hold a batch alone; those after it would be corrected by it."""
    declare(settings.project, "MERGE")
    contract = settings.project / "contracts" / "fees.py"
    text = contract.read_text().replace('owner="sales"', 'owner="sales", holds=Hold.BATCH')
    contract.write_text(text.replace("import Files,", "import Files, Hold,"))


def truncated(settings: Settings, name: str = "2.csv.gz") -> Path:
    """A file that breaks off; 2 of its rows can be counted."""
    contract = settings.project / "contracts" / "fees.py"
    contract.write_text(contract.read_text().replace('"*.csv"', '"*.csv*"'))
    file = settings.project / "landing" / name
    file.write_bytes(gzip.compress(b"fee_id,amount\nx,1.00\ny,2.00\n")[:-9])
    return file


def shown(settings: Settings) -> str:
    """What ``status`` says."""
    done = CliRunner().invoke(app, ["status", "--env", settings.env], catch_exceptions=False)
    return " ".join(done.output.split())


def counts(settings: Settings) -> tuple[int, ...]:
    """The account of the fees."""
    return tuple(status_of(settings)["sources"]["fees"][count] for count in COUNTS)


@pytest.fixture
def held(settings: Settings) -> Report:
    """A run that published one batch with a rejected row, held one, and left one after it."""
    hold_alone(settings)
    for name, lines in (("1.csv", ["a,1.00", "b,0.00"]), ("3.csv", ["c,3.00"])):
        land(settings, name, *lines)
        if name == "1.csv":
            truncated(settings)
    return run(settings)


def test_status_names_what_is_held_and_why(
    held: Report, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what waits behind it, and the command by which that goes on."""
    assert held.status is Status.PUBLISHED
    (why,) = held.held["fees"].values()
    said = shown(settings)
    assert f"held: fees, 2.csv.gz: {why}" in said
    assert "left for the next run: fees, 3.csv: it comes after 2.csv.gz, which is held" in said
    command = '.venv/bin/sluicegate batches condemn fees 2.csv.gz --env dev --because "..."'
    assert command in said
    assert command in told(held, capsys)
    assert status_of(settings)["out"]["fees"] == {
        "run": held.run,
        "held": {"2.csv.gz": why},
        "waiting": {"3.csv": "it comes after 2.csv.gz, which is held"},
        "left": 0,
        "next": command,
    }
    # The lake has no trace of rows that are held, and the account of the run is whole.
    account = held.accounts["fees"]
    assert (account.published, account.quarantined) == (1, 1)
    assert account.held > 0
    assert counts(settings) == tuple(getattr(account, count) for count in COUNTS)
    # A rehearsal is no run: it is told when it is made, and not on record.
    before = status_of(settings)
    assert rehearse(settings, EVERYTHING).status is Status.REHEARSED
    assert status_of(settings) == before


def test_status_of_a_run_that_published_others_only(settings: Settings) -> None:
    """A source of which all was held has its rows told; if the release is undone, not any more."""
    hold_alone(settings)
    land(settings, "1.csv", "a,1.00")
    contract = settings.project / "contracts" / "fees.py"
    other = contract.read_text().replace('"fees"', '"tolls"').replace("*.csv", "*.tolls")
    (contract.parent / "tolls.py").write_text(other)
    land(settings, "1.tolls", "a,1.00")
    first = run(settings)
    assert counts(settings) == (1, 1, 0, 0, 0)
    truncated(settings)
    land(settings, "2.tolls", "b,1.00")
    assert run(settings).status is Status.PUBLISHED
    told = counts(settings)
    assert told == (told[-1], 0, 0, 0, told[-1])
    assert told[-1] > 0
    Lake.of(settings).rollback("dev", first.generation)
    assert counts(settings) == (1, 1, 0, 0, 0)


def test_status_tells_what_is_condemned_as_it_is_now(held: Report, settings: Settings) -> None:
    """Without another run: it is not held any more, and released it is not condemned."""
    condemn(settings, "fees", "2.csv.gz", "broken")
    status = status_of(settings)
    assert status["out"]["fees"]["held"] == {}
    assert [each["name"] for each in status["condemned"]["fees"]] == ["2.csv.gz"]
    said = shown(settings)
    assert "condemned: fees, 2.csv.gz" in said
    assert said.count("broken") == 1
    release(settings, "fees", "2.csv.gz")
    assert status_of(settings)["condemned"] == {}
    assert list(status_of(settings)["out"]["fees"]["held"]) == list(held.held["fees"])
    # The next run that looks finds nothing to hold.
    (settings.project / "landing" / "2.csv.gz").unlink()
    assert run(settings).status is Status.PUBLISHED
    assert status_of(settings)["out"] == {}


@pytest.mark.parametrize(
    ("files", "left"), [(2, "1 more batch is left"), (3, "2 more batches are left")]
)
def test_batches_that_are_left_are_counted(
    settings: Settings, capsys: pytest.CaptureFixture[str], files: int, left: str
) -> None:
    """By the report of the run, and by the status after it."""
    for number in range(files):
        land(settings, f"{number}.csv", f"{number},1.00")
    done = Run(Platform.open(settings.env, settings.project))
    take_in(done, Scope(most=1))
    assert f"fees: {left}" in told(done.report, capsys)
    assert f"fees: {left}" in shown(settings)


def ended(run: str, source: str = "fees", **facts: object) -> dict[str, object]:
    """An entry of the end of a run."""
    at = "2026-10-01T00:00:00+00:00"
    return {"event": "run finished", "run": run, "at": at, "status": "published"} | {
        "seen": [source],
        **facts,
    }


def test_only_runs_that_looked_at_all_of_a_source_tell_of_it() -> None:
    """Not one of other sources or of some days, that failed, or that replayed."""
    entries = [
        ended("6", seen=[]),
        ended("5", "other"),
        ended("4", status="failed"),
        ended("3", kind="replay"),
        ended("2", held={"fees": {"a.csv": "no"}}),
        ended("1", held={"fees": {"b.csv": "no"}}),
    ]
    found = last_looks(entries)
    assert {name: (each.run, dict(each.held)) for name, each in found.items()} == {
        "fees": ("2", {"a.csv": "no"}),
        "other": ("5", {}),
    }


def test_what_an_earlier_version_put_on_record_is_read() -> None:
    """It did not say what it looked at: every source that it knew."""
    old = ended("1", known={"fees": 1}, waiting={"fees": {"a.csv": "why"}})
    del old["seen"]
    assert dict(last_looks([old])["fees"].waiting) == {"a.csv": "why"}


def test_what_came_in_since_is_not_told_as_waiting(settings: Settings) -> None:
    """A run of some days says nothing of other files, but the lake does of those that it has."""
    before = datetime.now(UTC)
    land(settings, "1.csv", "a,1.00")
    generation = run(settings).generation
    late = Look("1", before, waiting={"1.csv": "it is still being written", "2.csv": "why"})
    found = looks_now(Lake.of(settings), generation, {"fees": late})["fees"]
    assert dict(found.waiting) == {"2.csv": "why"}
    again = replace(late, at=datetime.now(UTC))
    assert looks_now(Lake.of(settings), generation, {"fees": again}) == {"fees": again}


def test_batches_are_listed_as_what_they_are(held: Report, settings: Settings) -> None:
    """Held with the reason, waiting behind it, condemned; and what became of loaded rows."""
    land(settings, "4.csv", "d,4.00")
    condemn(settings, "fees", "4.csv", "poison")
    found = {each.name: each for each in list_batches(settings, "fees")}
    assert {name: (each.state, each.why) for name, each in found.items()} == {
        "1.csv": (State.LOADED, None),
        "2.csv.gz": (State.HELD, held.held["fees"]["2.csv.gz"]),
        "3.csv": (State.WAITING, "it comes after 2.csv.gz, which is held"),
        "4.csv": (State.CONDEMNED, None),
    }
    loaded = found["1.csv"]
    assert (loaded.rows, loaded.published, loaded.quarantined) == (2, 1, 1)
    counted = {each.name: each.rows_in for each in held.receipts}
    assert found["2.csv.gz"].rows == counted["2.csv.gz"] > 0
    assert found["3.csv"].rows is None, "nobody looked into it"
    listed = CliRunner().invoke(app, ["batches", "list", "fees"], catch_exceptions=False).output
    assert "held" in listed
    assert "poison" in listed
    # Other content under the name of what was refused was not looked at yet.
    (settings.project / "landing" / "2.csv.gz").write_bytes(gzip.compress(b"fee_id,amount\nx,1.00"))
    states = {each.name: each.state for each in list_batches(settings, "fees")}
    assert states["2.csv.gz"] is State.WAITING


def test_a_refused_run_says_how_to_go_on_without_the_batch(settings: Settings) -> None:
    """By the command that keeps it out; rejected rows are pointed at only if there are some."""
    land(settings, "1.csv", "a,1.00")
    truncated(settings, "2 b.csv.gz")
    with pytest.raises(DataRefused) as refused:
        run(settings)
    hint = str(refused.value.hint)
    assert (
        "keep it out, so that the others can go on: .venv/bin/sluicegate batches condemn fees"
        " '2 b.csv.gz' --env dev --because \"...\""
    ) in hint
    assert "Rejected rows" not in hint
    with pytest.raises(DataRefused) as refused:
        rehearse(settings, EVERYTHING)
    assert "batches condemn fees" in str(refused.value.hint)
    states = {each.name: each.state for each in list_batches(settings, "fees")}
    assert states == {"1.csv": State.WAITING, "2 b.csv.gz": State.HELD}
    condemn(settings, "fees", "2 b.csv.gz", "broken")
    assert run(settings).status is Status.PUBLISHED


def test_rejected_rows_of_a_refused_source_are_pointed_at(settings: Settings) -> None:
    """Of that source only; a batch that corrects another has its name, and is named by its id."""
    land(settings, "1.csv", "a,1.00")
    run(settings)
    contract = settings.project / "contracts" / "fees.py"
    contract.write_text(contract.read_text().replace("100 %", "0 %"))
    land(settings, "1.csv", "a,0.00", "b,1.00")
    with pytest.raises(DataRefused) as refused:
        run(settings)
    hint, look = str(refused.value.hint), "quarantine list --env dev --ref refused/"
    assert look in hint
    assert hint.endswith(" --source fees")
    (batch,) = (each.batch for each in list_batches(settings, "fees") if each.state is State.HELD)
    assert f"batches condemn fees {batch} --env dev" in hint
    condemn(settings, "fees", batch, "zero")


def test_days_that_no_batch_is_about(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """What waits is counted, with its days; what was loaded is no part of it, nor are others."""
    land(settings, "2026-11-01.csv", "a,1.00")
    run(settings)
    for day in ("26", "28"):
        land(settings, f"2026-11-{day}.csv", f"{day},1.00")
    scope = Scope.of(("fees",), date(2011, 9, 1), date(2011, 9, 30), None)
    said = told(rehearse(settings, scope), capsys)
    assert (
        "No new batch of fees is about these days; 2 wait, about 2026-11-26 to 2026-11-28" in said
    )
    assert "loaded before" not in said
    last = Scope.of(("fees",), None, date(2026, 11, 27), None)
    assert rehearse(settings, last).outside["fees"]["batches"] == 1


def test_nothing_new_tells_of_chosen_sources(settings: Settings) -> None:
    """Those that nobody asked for were not looked at."""
    contract = settings.project / "contracts" / "fees.py"
    (contract.parent / "tolls.py").write_text(contract.read_text().replace('"fees"', '"tolls"'))
    assert rehearse(settings, Scope(("fees",))).known == {"fees": 0}


def test_a_batch_of_which_nothing_can_be_counted(settings: Settings) -> None:
    """Nobody said which files of a zip are meant: that is told, and not that it has none."""
    contract = settings.project / "contracts" / "fees.py"
    contract.write_text(contract.read_text().replace('"*.csv"', '"*.zip"'))
    with zipfile.ZipFile(settings.project / "landing" / "1.zip", "w") as packed:
        for name in ("a.csv", "b.txt"):
            packed.writestr(name, "fee_id,amount\na,1.00\n")
    command = ["batches", "condemn", "fees", "1.zip", "--because", "poison"]
    said = CliRunner().invoke(app, command, catch_exceptions=False).output
    assert "no rows could be counted" in " ".join(said.split())


def test_progress_is_shown_on_terminals_only() -> None:
    """Elsewhere its lines would bury what is printed."""
    with watched(quiet=False) as progress:
        assert progress is untold
