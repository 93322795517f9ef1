"""What the README tells people to type works, in a fresh clone, in that order."""

from __future__ import annotations

import re

from sluicegate.lake import Lake
from tests.e2e.conftest import DAYS, NOT_HERE, ROWS, Clone, commands_of, readme_commands
from tests.support import NEVER, alive, listens


def test_every_command_works(walk: Clone) -> None:
    """Each command of the README exits with 0 and prints neither traceback nor warning."""
    for command, outcome in walk.done:
        assert outcome.code == 0, f"$ {command}\n{outcome.said}"
        for word in NEVER:
            assert word not in outcome.said, f"$ {command}\n{outcome.said}"


def test_two_commands_are_enough_to_begin(walk: Clone) -> None:
    """The README begins with `make run` and `make test`, and the Makefile has both."""
    assert readme_commands()[:2] == ["make run", NOT_HERE]
    for target, suites in (
        ("test", ("unit", "integration")),
        ("ci", ("unit", "integration", "models", "store", "e2e", "crash")),
    ):
        planned = walk.do(f"make --dry-run {target}").ends(0)
        for suite in suites:
            assert re.search(rf"-m pytest .*\btests/{suite}\b", planned.out), suite


def test_help_names_every_target(walk: Clone) -> None:
    """`make help` lists each command of the interface with a sentence."""
    (told,) = walk.all("make help")
    for target in ("run", "stop", "test", "lint", "data", "clean", "help"):
        assert re.search(rf"^\s+make {target}\s+\w.+$", told.out, re.MULTILINE), told.out


def test_data_are_made_as_asked(walk: Clone) -> None:
    """`make data` says what it installs and writes, and leaves files and their truth."""
    (told,) = walk.all(f"make data ROWS={ROWS} DAYS={DAYS}")
    assert "Installing" in told.out
    assert f"{ROWS:,} payments" in told.out
    assert len(list((walk.folder / "data/landing/payments").glob("payments_2026-10-*"))) == DAYS + 1
    assert list((walk.folder / "data/truth").glob("*.ndjson"))


def test_the_first_run_publishes_and_tells_what_became_of_the_rows(walk: Clone) -> None:
    """Progress, accounts by source and rule, models, audits, generation, times and address."""
    first = walk.all("make run")[0]
    assert "dev: published." in first.out
    for words in ("rows in", "quarantined by rule", "models built", "checks hold", "Wall time"):
        assert words in first.out
    assert re.search(r"^payments +4,800 +4,\d\d\d +\d+ +\d+ +0$", first.out, re.MULTILINE)
    assert re.search(r"^payments: 4,800 rows in = ", first.out, re.MULTILINE)
    assert re.search(r"^Generation +g\w{12} ", first.out, re.MULTILINE)
    assert f"http://127.0.0.1:{walk.ports[0]}/runs/flow-run/" in first.out
    assert re.search(r"\d s  payments: payments_2026-10-01\.csv", first.err)


def test_a_second_run_finds_nothing_new(walk: Clone) -> None:
    """`make run` again changes nothing, says so, and is back soon."""
    first, second, third, *_ = walk.all("make run")
    assert "nothing new" in second.out
    assert second.seconds < first.seconds / 2
    assert "dev: published." in third.out
    assert re.search(r"^payments +5,000 ", third.out, re.MULTILINE)


def test_a_rollback_takes_one_step_back(walk: Clone) -> None:
    """`lake rollback` returns to the generation before, and the log tells both moves."""
    generation = re.compile(r"\bg[0-9a-f]{12}\b")
    before, after = (log.out for log in walk.all(".venv/bin/sluicegate lake log"))
    (moved,) = walk.all(".venv/bin/sluicegate lake rollback dev")
    newest, _, oldest = generation.findall(before)
    assert generation.findall(moved.out) == [oldest, newest, newest]
    assert "Forward again: .venv/bin/sluicegate lake rollback dev --to " + newest in moved.out
    assert generation.findall(after)[:2] == [oldest, newest]
    assert "rollback" in after


def test_each_environment_has_data_of_its_own(walk: Clone) -> None:
    """`make run ENV=staging` publishes to staging; its status is not that of dev."""
    (told,) = walk.all("make run ENV=staging")
    assert "staging: published." in told.out
    (staging,) = walk.all(".venv/bin/sluicegate status --env staging")
    assert "staging shows generation g" in staging.out
    dev = walk.all(".venv/bin/sluicegate status --json")[0]
    assert dev.json["env"] == "dev"
    assert dev.json["generation"] not in staging.out
    assert dev.json["sources"]["payments"]["rows_in"] == 5_000


def test_a_dbt_of_ones_own_writes_to_a_branch_of_its_own(walk: Clone) -> None:
    """A plain `dbt build` builds the development branch; readers and refs stay as they are."""
    lake = Lake(walk.folder / "data/lake")
    head = lake.refs.head("dev")
    mart = walk.folder / "dbt_project/models/marts/payments_eur.sql"
    with mart.open("a") as file:
        file.write("where payments.currency <> 'EUR'\n")
    models = "--select payments_eur --exclude-resource-type test unit_test"
    built = walk.do(f"cd dbt_project && ../.venv/bin/dbt build {models}")
    assert "ERROR=0" in built.ends(0).out
    assert lake.refs.head("dev") == head
    euros = "SELECT count(*) FILTER (currency = 'EUR'), count(*) FROM marts.payments_eur"
    with lake.read("dev") as session:
        ((seen, _),) = session.rows(euros)
    assert seen > 0
    mine = lake.root / "catalogs" / "g0.db"
    mine.symlink_to(lake.root / "development" / "catalog.db")
    with lake.read("g0") as session:
        ((mine_seen, others),) = session.rows(euros)
    assert (mine_seen, others > 0) == (0, True)


def test_a_rejected_record_comes_back(walk: Clone) -> None:
    """The terminal that broke a rule is published once the contract knows of it."""
    (shown,) = walk.all(".venv/bin/sluicegate quarantine show terminals")
    assert "terminals_2026-10-30.csv, line 5" in shown.out
    assert "model=kiosk" in shown.out
    (told,) = walk.all(".venv/bin/sluicegate quarantine replay --source terminals")
    assert "dev: published." in told.out
    assert re.search(r"^terminals +1 +1 +0 +0 +0$", told.out, re.MULTILINE)
    (tried,) = walk.all(".venv/bin/sluicegate quarantine replay --source payments --dry-run")
    assert "still rejected, all" in tried.out
    listed = walk.all(".venv/bin/sluicegate quarantine list")
    assert ["terminals" in each.out for each in listed] == [False, False]


def test_the_lake_is_branched_masked_backed_up_and_restored(walk: Clone) -> None:
    """What docs/lake.md shows: refs come and go, and a restored lake is whole."""
    assert commands_of("docs/lake.md")[0].endswith("lake refs")
    lake, restored = (Lake(walk.folder / "data" / name) for name in ("lake", "restored"))
    assert lake.refs.names() == ["dev", "staging"]
    assert {"feature/fees", "feature/masked"} <= set(lake.refs.all_names())
    assert [move.action for move in lake.refs.log("feature/masked")] == [
        "delete",
        "publish",
        "branch",
    ]
    assert restored.refs.head("dev") == lake.refs.head("dev")
    (told,) = walk.all("SLUICEGATE_LAKE__REF=feature/masked .venv/bin/sluicegate run")
    assert "feature/masked: published." in told.out


def test_stop_ends_what_run_started(walk: Clone) -> None:
    """After `make stop` no process of the clone is left, and its ports are free."""
    assert len(walk.pids) >= 2
    assert not [pid for pid in walk.pids if alive(pid)]
    assert not [port for port in walk.ports if listens(port)]
    told = walk.do("make stop")
    assert told.code == 0
    assert "nothing was running" in told.out
