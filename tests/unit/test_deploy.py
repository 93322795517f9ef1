"""The strict door for deployments: what it reads, what it refuses, what it applies."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluicegate import __version__
from sluicegate.deploy import (
    FILE,
    Outcome,
    Pool,
    client_environment,
    deploy,
    pool_of,
    read,
    worker_command,
)
from sluicegate.deploy.schedules import upcoming
from sluicegate.errors import ConfigurationError, EnvironmentFailed, UnknownName
from sluicegate.settings import ENVIRONMENTS, Settings, load_settings
from tests.unit.server import Fake, pipelines

ROOT = Path(__file__).parents[2]
ENVS = ("dev", "staging", "prod")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("SLUICEGATE_PROJECT", "SLUICEGATE_PREFECT__PORT"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / ENVIRONMENTS).mkdir(parents=True)
    for env in ENVS:
        (tmp_path / ENVIRONMENTS / f"{env}.toml").write_text(
            '[lake]\nroot = "lake"\n[landing]\nroot = "landing"\n'
        )
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "pipeline.py").touch()
    (tmp_path / FILE).write_text(pipelines(ROOT / FILE))
    return tmp_path


@pytest.fixture
def server() -> Fake:
    return Fake()


Deploy = Callable[..., Outcome]


@pytest.fixture
def run(project: Path, server: Fake) -> Deploy:
    def run(env: str = "dev", environ: Mapping[str, str] | None = None, **options: Any) -> Outcome:
        return deploy(load_settings(env, project), server, environ=environ or {}, **options)

    return run


def edit(project: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the file as a person would, by its content."""
    content = yaml.safe_load((project / FILE).read_text())
    change(content)
    (project / FILE).write_text(yaml.safe_dump(content, sort_keys=False))


def of(content: dict[str, Any], env: str = "dev") -> dict[str, Any]:
    return next(each for each in content["deployments"] if each["name"] == env)


def test_the_projects_own_file_deploys_every_environment(
    run: Deploy, server: Fake, project: Path
) -> None:
    """Each environment gets its own deployments, pool, parameter and the package's version."""
    (project / FILE).write_text((ROOT / FILE).read_text())
    (project / "flows" / "replay.py").touch()
    for env in ENVS:
        outcome = run(env)
        assert [each.action for each in outcome.deployments] == ["created", "created"]
        assert outcome.pool_created
        for flow, zones in (("pipeline", {"Europe/Berlin"}), ("replay", set())):
            state = server.states[f"{flow}/{env}"]
            assert (state["parameters"], state["work_pool"]) == ({"env": env}, pool_of(env))
            assert state["version"] == __version__
            assert state["concurrency_limit"]["limit"] == 1
            assert {each["timezone"] for each in state["schedules"].values()} == zones
    assert len(server.done) == 9


def test_the_file_names_no_machine(project: Path) -> None:
    """A worker works in its own clone: the file leaves the folder to the worker's variable."""
    text = (ROOT / FILE).read_text()
    assert not re.search(r"(^|[\s\"'])/\w", text, re.MULTILINE)
    assert 'directory: "{{ $SLUICEGATE_PROJECT }}"' in text


def test_only_the_environment_that_was_asked_for_is_applied(run: Deploy, server: Fake) -> None:
    """Deploying staging touches neither dev nor prod."""
    run("staging")
    assert server.done == ["create sluicegate-staging", "apply pipeline/staging"]


def test_the_folder_of_a_run_is_left_to_the_worker(run: Deploy, server: Fake) -> None:
    """The placeholder in the pull step arrives on the server as it is written."""
    run(environ={"SLUICEGATE_PROJECT": "/somewhere/else"})
    (step,) = server.states["pipeline/dev"]["pull_steps"]
    assert [*step.values()] == [{"directory": "{{ $SLUICEGATE_PROJECT }}"}]


def test_deploying_twice_changes_nothing_the_second_time(run: Deploy, server: Fake) -> None:
    """The second deploy applies nothing and says so."""
    assert run().changed
    server.done.clear()
    outcome = run()
    assert not outcome.changed
    assert [each.action for each in outcome.deployments] == ["unchanged"]
    assert server.done == []


def test_a_change_is_told_field_by_field(project: Path, run: Deploy, server: Fake) -> None:
    """What changed is named with both values; a schedule that the file lost is gone."""
    run()
    server.states["pipeline/dev"]["schedules"]["forgotten"] = {"cron": "* * * * *"}
    edit(project, lambda content: of(content)["schedules"][0].update(cron="15 6 * * *"))
    (deployed,) = run().deployments
    assert deployed.action == "changed"
    assert [(each.field, each.before, each.after) for each in deployed.changes] == [
        ("schedules.forgotten.cron", "* * * * *", None),
        ("schedules.payments.cron", "0 6 * * *", "15 6 * * *"),
    ]
    assert "forgotten" not in server.states["pipeline/dev"]["schedules"]


def test_values_of_job_variables_are_not_shown(project: Path, run: Deploy) -> None:
    """Variables of a process may be secrets: that they changed is told, and nothing more."""
    run()
    edit(
        project,
        lambda content: of(content)["work_pool"].update(job_variables={"env": {"A": "hush"}}),
    )
    outcome = run()
    assert "hush" not in json.dumps(outcome.to_dict(), default=str)
    assert any(each.field == "job_variables.env.A" for each in outcome.deployments[0].changes)


def test_strays_are_told_and_pruned_on_demand(run: Deploy, server: Fake) -> None:
    """A deployment that the file no longer has would go on running: it is named, or deleted."""
    run()
    server.states["old/dev"] = {**server.states["pipeline/dev"]}
    server.states["old/prod"] = {**server.states["pipeline/dev"], "work_pool": pool_of("prod")}
    assert run().strays == ["old/dev"]
    outcome = run(prune=True)
    assert (outcome.pruned, outcome.strays, outcome.changed) == (["old/dev"], [], True)
    assert "old/prod" in server.states


def test_a_server_that_keeps_something_else_is_found_out(run: Deploy, server: Fake) -> None:
    """The end state is read back, and a difference fails the environment."""
    server.forgetful = True
    with pytest.raises(EnvironmentFailed, match=r"Different: version\.") as caught:
        run()
    assert caught.value.exit_code == 4


def test_a_pool_of_another_type_is_refused(run: Deploy, server: Fake) -> None:
    """Runs sent to a pool that no process worker serves would wait for ever."""
    server.pools["sluicegate-dev"] = Pool("sluicegate-dev", "docker", paused=False)
    with pytest.raises(ConfigurationError, match="of type 'docker'; nothing was applied"):
        run()
    assert server.done == []


def test_a_paused_pool_is_told(run: Deploy, server: Fake) -> None:
    """Somebody paused it on purpose: deploying leaves it so, and says that runs wait."""
    server.pools["sluicegate-dev"] = Pool("sluicegate-dev", "process", paused=True)
    assert run().pool_paused


def test_an_unknown_environment_is_refused(project: Path) -> None:
    """An environment that the project does not declare has no settings to deploy with."""
    with pytest.raises(UnknownName, match="no environment called 'stagin'") as caught:
        load_settings("stagin", project)
    assert "did you mean 'staging'" in str(caught.value)


def test_an_environment_without_a_deployment_is_refused(project: Path, run: Deploy) -> None:
    """Nothing to deploy is a mistake, not a success."""
    edit(project, lambda content: content["deployments"].remove(of(content, "prod")))
    with pytest.raises(UnknownName, match="no deployment called 'prod'"):
        run("prod")


def _set(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        target: Any = of(content)
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = to

    return change


def _drop(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda content: of(content).pop(key)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown key": (_set("schedule", to=[]), r"dev\.schedule: .* did you mean 'schedules'"),
    "unknown key of a pool": (_set("work_pool", "nme", to="x"), r"nme: .* did you mean 'name'"),
    "unknown key of a schedule": (
        _set("schedules", 0, "time_zone", to="UTC"),
        r"payments\.time_zone: .* did you mean 'timezone'",
    ),
    "unknown key of the file": (
        lambda content: content.update(deployment=[]),
        "deployment: .* did you mean 'deployments'",
    ),
    "a key of Prefect that nobody verifies": (_set("triggers", to=[]), r"dev\.triggers: is not a"),
    "missing version": (_drop("version"), r"dev\.version: is missing"),
    "missing schedules": (_drop("schedules"), r"dev\.schedules: is missing"),
    "version read as a number": (_set("version", to=1.1), r"version: put it in quotes"),
    "strategy": (
        _set("concurrency_limit", to={"limit": 1, "collision_strategy": "QUEUE"}),
        "should be 'ENQUEUE' or 'CANCEL_NEW'",
    ),
    "unset variable": (_set("version", to="v{{ $RELEASE }}"), "variable RELEASE is not set"),
    "unset variable, deep": (
        _set("work_pool", "job_variables", to={"env": {"A": ["{{ $NOPE }}"]}}),
        "variable NOPE is not set",
    ),
    "unknown output": (
        _set("version", to="{{ package.verson }}"),
        r"given by no build step; did you mean 'package\.version'",
    ),
    "secret": (
        _set("work_pool", "job_variables", to={"env": {"A": "{{ prefect.blocks.secret.a }}"}}),
        "copied in clear",
    ),
    "broken placeholder": (_set("version", to="{{ $A | upper }}"), "variable A | upper is not"),
    "braces": (_set("description", to="{{ $A }"), "braces that are no placeholder"),
    "another variable for the worker": (
        lambda content: content.update(pull=[{"step": {"directory": "{{ $HOME }}"}}]),
        r"pull\[0\]\.step\.directory: the variable HOME would be read where the worker runs",
    ),
    "build step that does something": (
        lambda content: content.update(build=[{"run_shell_script": {"script": "rm -rf x"}}]),
        "may not run while deploying",
    ),
    "unknown environment": (_set("name", to="dve"), "not an environment; did you mean 'dev'"),
    "another environment's parameter": (
        _set("parameters", "env", to="prod"),
        r"dev\.parameters\.env: is not 'dev': runs would publish somewhere else",
    ),
    "another environment by schedule": (
        _set("schedules", 0, "parameters", to={"env": "prod"}),
        r"payments\.parameters\.env: is not 'dev'",
    ),
    "no environment at all": (_set("parameters", to={}), "runs would publish somewhere else"),
    "another environment's pool": (
        _set("work_pool", "name", to="sluicegate-prod"),
        "another environment's worker would run it",
    ),
    "unknown parameter": (
        _set("parameters", "dayz", to=3),
        "no parameter 'dayz'; did you mean 'days'",
    ),
    "parameter of the wrong type": (
        _set("parameters", "days", to="three"),
        "days is not the integer that the flow asks for",
    ),
    "parameter that is no JSON": (
        _set("parameters", "env", to=datetime(2026, 1, 1, tzinfo=UTC)),
        r"parameters\.env",
    ),
    "cron": (_set("schedules", 0, "cron", to="0 25 * * *"), r"payments\.cron: '0 25 \* \* \*' is"),
    "cron with seconds": (_set("schedules", 0, "cron", to="0 0 6 * * *"), "five fields"),
    "time zone": (
        _set("schedules", 0, "timezone", to="Europe/Belrin"),
        "no time zone 'Europe/Belrin'; did you mean 'Europe/Berlin'",
    ),
    "one slug for two schedules": (_set("schedules", 0, "slug", to="rates"), "two schedules"),
    "no file at the entrypoint": (
        _set("entrypoint", to="flows/pipelin.py:pipeline"),
        r"dev\.entrypoint: there is no file",
    ),
    "two deployments of one name": (
        lambda content: content["deployments"].append(of(content)),
        "twice for the same flow",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_and_nothing_is_applied(
    case: str, project: Path, run: Deploy, server: Fake
) -> None:
    """The message names the place and what to write there; the server is not touched."""
    change, message = BROKEN[case]
    edit(project, change)
    with pytest.raises(ConfigurationError, match=message) as caught:
        run()
    assert caught.value.exit_code == 2
    assert re.search(r"prefect\.yaml, line \d+$", caught.value.where or "") or "problems" in str(
        caught.value
    )
    assert server.done == []


def test_a_mistake_in_another_environment_is_refused_too(project: Path, run: Deploy) -> None:
    """The file is one whole: what would break prod tomorrow is not deployed to dev today."""
    edit(project, lambda content: of(content, "prod")["schedules"][0].update(cron="often"))
    with pytest.raises(ConfigurationError, match=r"prod\.schedules\.payments\.cron"):
        run("dev")


def test_variables_of_another_environment_need_not_be_set(
    project: Path, run: Deploy, server: Fake
) -> None:
    """What only production's machine knows does not stop a developer."""
    edit(project, lambda content: of(content, "prod").update(version="{{ $RELEASE }}"))
    assert run("dev").changed
    with pytest.raises(ConfigurationError, match="RELEASE is not set"):
        run("prod")
    with pytest.raises(ConfigurationError, match="RELEASE is empty"):
        run("prod", {"RELEASE": ""})
    run("prod", {"RELEASE": "2026.11"})
    assert server.states["pipeline/prod"]["version"] == "2026.11"


def test_all_problems_are_told_at_once_with_their_lines(project: Path, run: Deploy) -> None:
    """A file is mended in one go, not by one error after another."""
    text = (project / FILE).read_text().replace("env: prod", "env: dev")
    (project / FILE).write_text(text.replace('"30 6 * * *"', '"30 6 * *"'))
    with pytest.raises(ConfigurationError, match="2 problems") as caught:
        run()
    lines = (project / FILE).read_text().splitlines()
    named = [int(number) for number in re.findall(r"line (\d+):", str(caught.value))]
    assert [lines[number - 1].strip()[:6] for number in named] == ["env: d", "- {slu"]


def test_a_key_that_is_written_twice_is_refused(project: Path, run: Deploy) -> None:
    """YAML lets the last one win in silence."""
    text = (project / FILE).read_text()
    (project / FILE).write_text(
        text.replace("      env: dev\n", "      env: prod\n      env: dev\n")
    )
    with pytest.raises(ConfigurationError, match="the key 'env' is there twice"):
        run()


@pytest.mark.parametrize("text", ["", "deployments: [", "- a list", "deployments: []"])
def test_a_file_that_is_no_deployment_file_is_refused(
    text: str, project: Path, run: Deploy
) -> None:
    """Prefect reads such files as "nothing to deploy"; here they are errors."""
    (project / FILE).write_text(text)
    with pytest.raises(ConfigurationError):
        run()
    (project / FILE).unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        run()


def test_parameters_are_quoted_by_name_only(project: Path, run: Deploy) -> None:
    """A value may be a secret that somebody put in the wrong place."""
    edit(project, _set("parameters", "days", to="s3cret"))
    with pytest.raises(ConfigurationError) as caught:
        run()
    assert "s3cret" not in str(caught.value)


CHANGES = {"clocks go back": "2026-10-25", "clocks go forward": "2027-03-28"}


@pytest.mark.parametrize("day", CHANGES.values(), ids=CHANGES.keys())
def test_schedules_keep_their_local_time_when_clocks_change(day: str) -> None:
    """By Prefect's own reckoning: one run a day and schedule, at the time that the file states."""
    change = datetime.fromisoformat(day).replace(tzinfo=UTC)
    definition, _ = read(ROOT)
    for schedule in (each for one in definition.deployments for each in one.schedules):
        minute, hour, _, _, weekdays = schedule.cron.split()
        timing = schedule.model_dump(include={"cron", "timezone", "day_or"})
        runs = upcoming(timing, 10, start=change - timedelta(days=4))
        assert {run.time() for run in runs} == {time(int(hour), int(minute))}
        assert len({run.utcoffset() for run in runs}) == 2, "the change is among these days"
        dates = [run.date() for run in runs]
        gaps = {(after - before).days for before, after in pairwise(dates)}
        assert gaps == ({1} if weekdays == "*" else {1, 3})


def test_the_next_run_is_told_unless_nothing_starts_it(run: Deploy) -> None:
    """Dev's schedules are switched off; prod's next run is told in the source's local time."""
    assert run("dev").deployments[0].next_run is None
    moment = run("prod").deployments[0].next_run
    assert moment is not None
    assert str(moment.tzinfo) == "Europe/Berlin"
    assert moment.time() in {time(6, 30), time(17)}


def test_a_worker_belongs_to_its_environments_server(project: Path) -> None:
    """Another server's variables are left out; who asks, and our own variables, are handed on."""
    settings: Settings = load_settings("staging", project)
    environ = {
        "PATH": "/bin",
        "PREFECT_API_URL": "https://elsewhere/api",
        "PREFECT_PROFILE": "elsewhere",
        "PREFECT_API_AUTH_STRING": "who:me",
        "SLUICEGATE_LAKE__ROOT": "/srv/lake",
    }
    wanted = client_environment(settings, environ)
    assert wanted["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert wanted["SLUICEGATE_PROJECT"] == str(project)
    assert "PREFECT_PROFILE" not in wanted
    assert wanted["PREFECT_LOGGING_EXTRA_LOGGERS"] == "sluicegate"
    for name in ("PATH", "PREFECT_API_AUTH_STRING", "SLUICEGATE_LAKE__ROOT"):
        assert wanted[name] == environ[name]
    command = worker_command(settings)
    assert command[:4] == [sys.executable, "-m", "prefect", "worker"]
    assert command[command.index("--pool") + 1] == "sluicegate-staging"
