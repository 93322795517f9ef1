"""Condemned batches: an operator keeps one out, whatever is rolled back, until it is released."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sluicegate.cli import render_run
from sluicegate.cli.main import app
from sluicegate.errors import ConfigurationError, EnvironmentFailed, RefMoved, UnknownName
from sluicegate.ingestion import Selection
from sluicegate.lake import Folder, Lake, points
from sluicegate.lake.backup import back_up
from sluicegate.lake.denylist import Denylist, Ruling, Verdict
from sluicegate.lake.restore import restore
from sluicegate.lake.verify import verify
from sluicegate.pipeline import EVERYTHING, Platform, Report, Run, Status, replaying
from sluicegate.pipeline.condemning import Ruled, State, condemn, list_batches, release
from sluicegate.pipeline.markdown import as_markdown
from sluicegate.pipeline.rehearsal import rehearse
from sluicegate.release.ledger import RULED, Ledger
from sluicegate.settings import Settings, load_settings
from tests.unit.kit import publish
from tests.unit.runs import lay_out, take_in

FEES = '''
"""Fees."""

from sluicegate.contracts import Contract, Money, field, key
from sluicegate.sources import Files, Load


class Fees(Contract):
    fee_id: str = key()
    amount: Money = field(gt=0)


source = Files(
    "fees", contract=Fees, match="*.csv", load=Load.{load}, tolerate="100 %", owner="sales"
)
'''


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project with one source."""
    lay_out(tmp_path)
    declare(tmp_path)
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(tmp_path))
    monkeypatch.setattr(Platform, "fingerprint", "code")
    return load_settings("dev")


def declare(project: Path, load: str = "APPEND") -> None:
    """The one source."""
    (project / "contracts" / "fees.py").write_text(FEES.replace("{load}", load))


def land(settings: Settings, name: str, *lines: str) -> None:
    """A file of fees."""
    (settings.project / "landing" / name).write_text("\n".join(["fee_id,amount", *lines]) + "\n")


def run(settings: Settings) -> Report:
    """A run of the environment."""
    done = Run(Platform.open(settings.env, settings.project))
    take_in(done)
    return done.report


def fees(settings: Settings) -> list[str]:
    """What readers see."""
    with Lake.of(settings).read(settings.ref) as session:
        return [fee for (fee,) in session.rows("SELECT fee_id FROM raw.fees ORDER BY 1")]


def told(report: Report, capsys: pytest.CaptureFixture[str]) -> str:
    """What people are told of a run."""
    render_run.report(report, json=False)
    return " ".join(capsys.readouterr().out.split())


def test_a_condemned_batch_stays_out_and_the_run_goes_on(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows are told as held, with the reason; the others are published."""
    land(settings, "1.csv", "a,1.00")
    land(settings, "2.csv", "b,2.00", "c,3.00", "broken")
    condemn(settings, "fees", "2.csv", " amounts\nin cents ")
    report = run(settings)
    assert report.status is Status.PUBLISHED
    assert fees(settings) == ["a"]
    receipts = {each.name: each for each in report.receipts}
    assert (receipts["2.csv"].rows_in, receipts["2.csv"].held) == (3, 3)
    account = report.accounts["fees"].closed()
    assert (account.rows_in, account.published, account.held) == (4, 1, 3)
    assert "2.csv, 3 rows held: condemned by" in told(report, capsys)
    assert "amounts in cents" in as_markdown(report)
    assert "amounts in cents" in report.to_dict()["condemned"]["fees"]["2.csv"]


def test_a_rollback_does_not_bring_it_back(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is in the lake is named with the way back; after it only the others come in again."""
    land(settings, "1.csv", "a,1.00")
    former = run(settings).generation
    land(settings, "2.csv", "b,2.00", "c,0.00")
    land(settings, "3.csv", "d,4.00")
    run(settings)
    ruled = condemn(settings, "fees", "2.csv", "poison")
    assert (ruled.shown, ruled.before) == (1, former)
    assert run(settings).status is Status.NOTHING_NEW
    assert fees(settings) == ["a", "b", "d"], "condemning alone takes nothing away"
    Lake.of(settings).rollback("dev", former)
    assert run(settings).status is Status.PUBLISHED
    assert fees(settings) == ["a", "d"]
    again = run(settings)
    assert again.status is Status.NOTHING_NEW
    assert "2.csv, 2 rows held: condemned by" in told(again, capsys)
    assert [each.held for each in again.receipts] == [2]
    release(settings, "fees", "2.csv")
    report = run(settings)
    assert fees(settings) == ["a", "b", "d"]
    assert report.condemned == {}
    assert report.accounts["fees"].held == 0


def test_content_is_condemned_whatever_it_is_called(settings: Settings) -> None:
    """The same bytes under another name stay out, other bytes under its name do not."""
    land(settings, "1.csv", "a,1.00")
    condemn(settings, "fees", "1.csv", "poison")
    (settings.project / "landing" / "1.csv").rename(settings.project / "landing" / "2.csv")
    land(settings, "1.csv", "a,100.00")
    report = run(settings)
    assert list(report.condemned["fees"]) == ["2.csv"]
    assert [each.name for each in report.receipts if each.published] == ["1.csv"]


def test_environments_have_lists_of_their_own(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What dev condemns prod takes in; a ref of one's own has that of its environment."""
    land(settings, "1.csv", "a,1.00")
    condemn(settings, "fees", "1.csv", "poison")
    run(load_settings("prod"))
    assert fees(load_settings("prod")) == ["a"]
    monkeypatch.setenv("SLUICEGATE_LAKE__REF", "feature/fees")
    assert len(Platform.open("dev").denylist.standing()) == 1


def test_a_rehearsal_shows_it(settings: Settings) -> None:
    """Also where nothing else is new, and nothing is published."""
    land(settings, "1.csv", "a,1.00")
    condemn(settings, "fees", "1.csv", "poison")
    report = rehearse(settings, EVERYTHING)
    assert (report.status, list(report.condemned["fees"])) == (Status.NOTHING_NEW, ["1.csv"])
    land(settings, "2.csv", "b,2.00")
    report = rehearse(settings, EVERYTHING)
    assert report.status is Status.REHEARSED
    assert (report.accounts["fees"].published, report.accounts["fees"].held) == (1, 1)


def test_a_replay_leaves_it_in_quarantine(settings: Settings) -> None:
    """None of its records is published by the back door, however the contract was mended."""
    land(settings, "1.csv", "a,1.00", "b,0.00")
    land(settings, "2.csv", "c,0.00")
    run(settings)
    condemn(settings, "fees", "1.csv", "poison")
    contract = settings.project / "contracts" / "fees.py"
    contract.write_text(contract.read_text().replace("gt=0", "ge=0"))
    report = replaying.rehearse(settings, Selection())
    assert [(each.name, each.published) for each in report.receipts] == [("2.csv", 1)]
    assert "poison" in report.waiting["fees"]["1.csv"]


def test_condemned_while_a_run_is_at_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is published of what was condemned after the run had looked for batches."""
    land(settings, "2.csv", "b,2.00")
    late: Callable[..., Any] = lambda *_: condemn(settings, "fees", "2.csv", "poison") and []  # noqa: E731
    monkeypatch.setattr("tests.unit.runs.stages.audit", late)
    with pytest.raises(RefMoved, match=r"2\.csv of 'fees' was condemned"):
        run(settings)
    assert Lake.of(settings).refs.head("dev") is None


def at(monkeypatch: pytest.MonkeyPatch, *way: str, do: Callable[[], Ruled]) -> list[Ruled]:
    """Have something done once a run has come to these points, one after the other."""
    done, ahead = list[Ruled](), list(way)

    def hook(point: str) -> None:
        if ahead and point == ahead[0]:
            ahead.pop(0)
            if not ahead:
                done.append(do())

    monkeypatch.setattr(points, "hook", hook)
    return done


def test_condemned_while_it_is_sealed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing takes long: the run looks again before the ref moves."""
    land(settings, "2.csv", "b,2.00")
    late = partial(condemn, settings, "fees", "2.csv", "poison")
    done = at(monkeypatch, "catalog settled", do=late)
    with pytest.raises(RefMoved, match=r"2\.csv of 'fees' was condemned"):
        run(settings)
    assert [each.shown for each in done] == [0]
    assert Lake.of(settings).refs.head("dev") is None
    assert run(settings).status is Status.NOTHING_NEW


def test_condemned_as_the_ref_moves(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its last look, and before readers see it: the run tells what it has done."""
    land(settings, "1.csv", "a,1.00")
    former = run(settings).generation
    land(settings, "2.csv", "b,2.00")
    late = partial(condemn, settings, "fees", "2.csv", "poison")
    done = at(monkeypatch, "catalog settled", "entry written", do=late)
    with pytest.raises(EnvironmentFailed, match=r"2\.csv of 'fees' was condemned as") as told:
        run(settings)
    assert f"lake rollback dev --to {former}" in str(told.value)
    assert [each.shown for each in done] == [0], "it had nothing to see yet"
    assert fees(settings) == ["a", "b"]


def test_condemned_after_the_ref_has_moved(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was waiting when the operator began: he is told what readers see by the time he ends."""
    land(settings, "2.csv", "b,2.00")
    rule = Denylist.condemn

    def late(self: Denylist, said: Ruling) -> None:
        run(settings)
        rule(self, said)

    monkeypatch.setattr(Denylist, "condemn", late)
    assert condemn(settings, "fees", "2.csv", "poison").shown == 1


def test_all_batches_are_listed(settings: Settings) -> None:
    """Loaded, waiting, condemned, gone; with the ruling on those that are condemned."""
    land(settings, "1.csv", "a,1.00")
    run(settings)
    for name in ("2.csv", "3.csv", "4.csv"):
        land(settings, name, f"{name},2.00")
    condemn(settings, "fees", "3.csv", "poison")
    condemn(settings, "fees", "4.csv", "poison")
    (settings.project / "landing" / "4.csv").unlink()
    found = {each.name: each for each in list_batches(settings, "fees")}
    assert {name: (each.state, each.rows) for name, each in found.items()} == {
        "1.csv": (State.LOADED, 1),
        "2.csv": (State.WAITING, None),
        "3.csv": (State.CONDEMNED, 1),
        "4.csv": (State.GONE, 1),
    }
    assert [name for name, each in found.items() if each.ruling] == ["3.csv", "4.csv"]


def test_corrections_are_listed_as_such(settings: Settings) -> None:
    """Each says which one it corrects, in the lake or not yet; their name is suggested once."""
    for amount in ("1.00", "2.00"):
        land(settings, "march.csv", f"a{amount},{amount}")
        run(settings)
    land(settings, "march.csv", "a,3.00")
    land(settings, "april.csv", "b,3.00")
    found = list_batches(settings, "fees")
    first, second, *_ = (each.batch for each in found)
    assert {(each.name, each.state, each.corrects) for each in found} == {
        ("march.csv", State.LOADED, None),
        ("march.csv", State.LOADED, first),
        ("march.csv", State.WAITING, second),
        ("april.csv", State.WAITING, None),
    }
    listed = CliRunner().invoke(app, ["batches", "list", "fees"], catch_exceptions=False).output
    assert listed.count("corrects ") == 2
    assert f"corrects {first[:8]} " in " ".join(listed.split())
    facts = json.loads(CliRunner().invoke(app, ["batches", "list", "fees", "--json"]).output)
    assert {each["corrects"] for each in facts["batches"]} == {None, first, second}
    with pytest.raises(UnknownName) as unknown:
        condemn(settings, "fees", "nosuch", "poison")
    assert str(unknown.value).count("march.csv") == 1, "told once"


def test_what_is_asked_for_must_be_there(settings: Settings) -> None:
    """Names that are not known, or mean several; what was ruled already; no reason."""
    land(settings, "march.csv", "a,1.00")
    run(settings)
    land(settings, "march.csv", "a,2.00")
    land(settings, "april.csv", "b,2.00")
    with pytest.raises(UnknownName, match="no source called 'fee'") as unknown:
        condemn(settings, "fee", "march.csv", "poison")
    assert "'fees'" in str(unknown.value)
    with pytest.raises(UnknownName, match=r"no batch of 'fees' called 'apil\.csv'") as unknown:
        condemn(settings, "fees", "apil.csv", "poison")
    assert "did you mean 'april.csv'" in str(unknown.value)
    with pytest.raises(ConfigurationError, match="means 2 batches") as several:
        condemn(settings, "fees", "march.csv", "poison")
    loaded, waiting, april = (each.batch for each in list_batches(settings, "fees"))
    assert f"{loaded} (in the lake), {waiting} (waiting)" in str(several.value) or (
        f"{loaded} (in the lake), {april} (waiting)" in str(several.value)
    )
    with pytest.raises(ConfigurationError, match="why"):
        condemn(settings, "fees", loaded, " \n")
    with pytest.raises(UnknownName, match="no batch"):
        condemn(settings, "fees", loaded[:3], "poison")
    with pytest.raises(UnknownName, match="no condemned batch of 'fees'"):
        release(settings, "fees", loaded)
    assert condemn(settings, "fees", loaded[:8], "poison").ruling.batch == loaded
    with pytest.raises(ConfigurationError, match=r"is condemned by .*: poison"):
        condemn(settings, "fees", loaded, "again")
    release(settings, "fees", loaded)
    with pytest.raises(UnknownName, match="no condemned batch of 'fees'"):
        release(settings, "fees", loaded)
    verdicts = [each.verdict for each in Platform.open("dev").denylist.rulings()]
    assert verdicts == [Verdict.CONDEMNED, Verdict.RELEASED]


def test_commands_say_what_to_do_next(settings: Settings) -> None:
    """What readers still see, and how to go back; for programs the same as facts."""
    land(settings, "1.csv", "a,1.00")
    former = run(settings).generation
    declare(settings.project, "MERGE")
    land(settings, "2.csv", "b,2.00")
    run(settings)
    command = ["batches", "condemn", "fees", "2.csv", "--because", "poison"]
    said = " ".join(CliRunner().invoke(app, command, catch_exceptions=False).output.split())
    assert "readers still see 1 of its rows" in said
    assert f"lake rollback dev --to {former}" in said
    listed = CliRunner().invoke(app, ["batches", "list", "fees"], catch_exceptions=False).output
    assert "in the lake" in listed
    assert "poison" in listed
    said = CliRunner().invoke(app, ["batches", "release", "fees", "2.csv"]).output
    assert "is released" in said
    assert "its rows replace theirs" in " ".join(said.split())
    first = [*command[:3], "1.csv", *command[4:]]
    facts = json.loads(CliRunner().invoke(app, [*first, "--json"]).output)
    assert (facts["verdict"], facts["rows"], facts["shown"]) == ("condemned", 1, 1)
    assert facts["before"] is None, "nothing was published before it"


def ruling(batch: str, verdict: Verdict = Verdict.CONDEMNED) -> Ruling:
    """A ruling on a batch."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    return Ruling(verdict, "fees", batch, f"{batch}.csv", 7, "poison", "ops", at)


def test_two_that_rule_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later of two looks again: it is refused if the other said the same of the same batch."""
    denylist, create = Denylist(Folder(tmp_path), "dev"), Folder.create
    others = [ruling("a"), ruling("b")]

    def late(self: Folder, key: str, content: bytes) -> bool:
        if others:
            create(self, key, json.dumps(others.pop().to_dict()).encode())
        return create(self, key, content)

    monkeypatch.setattr(Folder, "create", late)
    with pytest.raises(ConfigurationError, match="condemned by ops at 2026-10-01 00:00 UTC"):
        denylist.condemn(ruling("a"))
    denylist.release(ruling("b", Verdict.RELEASED))
    assert [(each.batch, each.verdict.value) for each in denylist.rulings()] == [
        ("b", "condemned"),
        ("a", "condemned"),
        ("b", "released"),
    ]
    assert list(denylist.standing()) == [("fees", "a")]
    with pytest.raises(ConfigurationError, match="not condemned: it was released by ops"):
        denylist.release(ruling("b", Verdict.RELEASED))


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("damage", ["{", '{"verdict": "condemned"}', None])
def test_a_damaged_list_lets_nothing_in(lake: Lake, damage: str | None, number: int) -> None:
    """Nobody could tell what must stay out; verify names the entry, also if it is the last."""
    denylist = Denylist(lake.store, "dev")
    for batch in ("a", "b"):
        denylist.condemn(ruling(batch))
    ledger = Ledger(lake.store, "dev")
    ledger.record(RULED, "", rulings=denylist.count())
    entry = lake.root / "denied" / "dev" / f"{number:08d}.json"
    entry.unlink()
    if damage:
        entry.write_text(damage)
    with pytest.raises(EnvironmentFailed, match=f"Entry {number} of denied/dev"):
        Denylist(lake.store, "dev", ledger.rulings()).standing()
    (problem,) = verify(lake, keep=timedelta(0)).problems
    assert f"entry {number} of denied/dev" in problem.what


@pytest.mark.parametrize("ref", ["dev", "feature/fees"])
def test_no_run_begins_once_the_newest_ruling_is_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    """The log cannot tell; ledgers can, however often it is tried, and nobody rules over it."""
    land(settings, "1.csv", "a,1.00")
    run(settings)
    if ref != "dev":
        Lake.of(settings).start(ref, "dev")
    land(settings, "2.csv", "b,2.00")
    condemn(settings, "fees", "2.csv", "poison")
    (settings.project / "lake" / "denied" / "dev" / "00000001.json").unlink()
    monkeypatch.setenv("SLUICEGATE_LAKE__REF", ref)
    for _ in range(2):
        with pytest.raises(EnvironmentFailed, match=r"Entry 1 of denied/dev is missing"):
            run(load_settings("dev"))
    with pytest.raises(EnvironmentFailed, match=r"Entry 1 of denied/dev is missing"):
        condemn(settings, "fees", "1.csv", "poison")


def test_a_ref_of_ones_own_knows_the_list_of_its_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ledger has rulings of dev on record, and who verifies looks for them there."""
    land(settings, "1.csv", "a,1.00")
    run(settings)
    Lake.of(settings).start("feature/fees", "dev")
    land(settings, "2.csv", "b,2.00")
    condemn(settings, "fees", "2.csv", "poison")
    monkeypatch.setenv("SLUICEGATE_LAKE__REF", "feature/fees")
    run(load_settings("dev"))
    lake = Lake.of(settings)
    assert verify(lake, keep=timedelta(days=1)).problems == []
    (settings.project / "lake" / "denied" / "dev" / "00000001.json").unlink()
    (problem,) = verify(lake, keep=timedelta(days=1)).problems
    assert problem.what == "entry 1 of denied/dev is missing, and the ledger knows of it"


def test_a_backup_has_the_list(lake: Lake, tmp_path: Path) -> None:
    """What was restored keeps the same batches out."""
    publish(lake, 1)
    Denylist(lake.store, "dev").condemn(ruling("a"))
    back_up(lake, tmp_path / "backups")
    copy = Lake(tmp_path / "restored")
    restore(tmp_path / "backups", copy)
    assert Denylist(copy.store, "dev").standing() == {("fees", "a"): ruling("a")}
    assert verify(copy, keep=timedelta(0)).problems == []
