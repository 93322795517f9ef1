"""Settings: one file an environment, overridden by variables, and strict about both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.lake import Lake
from sluicegate.lake.access import Access
from sluicegate.settings import Address, Settings, environments, load_settings, project_root

FILE = """
[lake]
root = "data/lake"
[landing]
root = "/srv/landing"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the environments dev and prod, and nothing in the process's variables."""
    for variable in ("SLUICEGATE_PROJECT", "SLUICEGATE_LAKE__ROOT", "SLUICEGATE_LANDING__ROOT"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "deployments" / "environments"
    folder.mkdir(parents=True)
    for name in ("dev", "prod"):
        (folder / f"{name}.toml").write_text(FILE)
    return tmp_path


def declare(project: Path, text: str) -> None:
    """Write the environment dev."""
    (project / "deployments" / "environments" / "dev.toml").write_text(text)


def test_relative_paths_start_at_the_project(project: Path) -> None:
    """Absolute ones stay as they are; what is not set has its default."""
    settings = load_settings("dev", project)
    assert settings.lake.root == project / "data" / "lake"
    assert settings.landing.root == Path("/srv/landing")
    assert settings.landing.settle_seconds == 2.0
    assert settings.env == "dev"
    assert settings.state == project / ".sluicegate"


def test_addresses(project: Path) -> None:
    """Loopback stands for the provider of this machine; an address is taken as it is."""
    assert load_settings("dev", project).endpoint("ecb") == "http://127.0.0.1:8417/service/data"
    declare(project, f'{FILE}[endpoints]\necb = "https://ecb.example/data/"\n[prefect]\nport = 1\n')
    settings = load_settings("dev", project)
    assert settings.endpoint("ecb") == "https://ecb.example/data"
    assert settings.prefect.api_url == "http://127.0.0.1:1/api"


def test_unknown_environment_is_told_with_near_names(project: Path) -> None:
    """A name is one of the files', and never a path."""
    assert environments(project) == ["dev", "prod"]
    for name, hint in (("pord", "did you mean 'prod'?"), ("../dev", "did you mean 'dev'?")):
        with pytest.raises(UnknownName, match="no environment called") as caught:
            load_settings(name, project)
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FILE + "[lke]\nroot = 1\n", "lke: extra inputs are not permitted"),
        (FILE + 'rot = "x"\n', "landing.rot: extra inputs are not permitted"),
        ("[lake]\n[landing]\nroot = 'x'\n", "lake.root: field required"),
        ("[lake]\nroot = 'x'\n", "landing: field required"),
        (FILE + "settle_seconds = -1\n", "landing.settle_seconds: input should be greater"),
        (FILE + "[prefect]\nport = 99999\n", "prefect.port: input should be less"),
        ("env = 'prod'\n" + FILE, "name 'env' or 'project'"),
        ("[lake\n", "cannot be read"),
        ("lake = 3\n[landing]\nroot = 'x'\n", "lake: input should be"),
        (
            "[lake]\nroot = 3\n[landing]\nroot = 'x'\n",
            "lake.root: .* a folder, or an address",
        ),
        (
            "[lake]\nroot = 'gs://b/x'\n[landing]\nroot = 'x'\n",
            "lake.root: .* like s3://bucket/pre",
        ),
        (
            "[lake]\nroot = 's3://b/x'\n[landing]\nroot = 'x'\n",
            "lake.root: .* like s3://bucket/pre",
        ),
        (FILE + "[alerts]\nchanel = 'log'\n", "alerts.chanel: extra inputs are not permitted"),
        (FILE + "[alerts]\nchannel = 'pager'\n", "alerts.channel: input should be 'log', 'webh"),
        (FILE + "[alerts]\nwebhook_url = 'ftp://x'\n", "alerts.webhook_url: .* no http or https"),
        (FILE + "[alerts]\nwebhook_url = 'https:/x'\n", "alerts.webhook_url: .* no http or https"),
        (FILE + "[alerts]\nsmtp_from = 'me'\n", "alerts.smtp_from: .* no mail address"),
        (FILE + "[alerts]\nsmtp_to = 'a@b, c'\n", "alerts.smtp_to.1: .* no mail address"),
        (FILE + '[alerts]\nsmtp_to = ["a@b\\nBcc: c@d"]\n', "smtp_to.0: .* no mail address"),
        (FILE + "[alerts]\nsmtp_host = 'http://x'\n", "alerts.smtp_host: .* no name of a host"),
        (FILE + "[alerts]\nsmtp_security = 'ssl'\n", "alerts.smtp_security: input should be"),
        (FILE + "[alerts]\nmissed_after_seconds = 9\n", "missed_after_seconds: input should be"),
    ],
)
def test_wrong_settings_are_told_by_place(project: Path, text: str, message: str) -> None:
    """File, section and key are named; a typo is never a silent default."""
    declare(project, text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_settings("dev", project)
    assert "dev.toml" in str(caught.value.where)


def test_wrong_value_is_not_repeated(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a secret that was put in the wrong place."""
    declare(project, f'{FILE}[prefect]\nport = "hunter2"\n')
    with pytest.raises(ConfigurationError, match=r"prefect\.port") as caught:
        load_settings("dev", project)
    assert "hunter2" not in str(caught.value)
    declare(project, FILE)
    monkeypatch.setenv("SLUICEGATE_PREFECT__PORT", "hunter3")
    with pytest.raises(ConfigurationError, match=r"prefect\.port") as caught:
        load_settings("dev", project)
    assert "hunter3" not in str(caught.value)


def test_variables_override(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every value has a variable named after its place."""
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", "elsewhere")
    monkeypatch.setenv("SLUICEGATE_LANDING__SETTLE_SECONDS", "0.5")
    monkeypatch.setenv("SLUICEGATE_ENDPOINTS__ECB", "http://ecb.example")
    settings = load_settings("dev", project)
    assert settings.lake.root == project / "elsewhere"
    assert settings.landing.settle_seconds == 0.5
    assert settings.endpoint("ecb") == "http://ecb.example"


def test_masking_key_is_a_secret(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown nowhere, not even when it is too short to be one."""
    assert load_settings("dev", project).lake.masking_key is None
    monkeypatch.setenv("SLUICEGATE_LAKE__MASKING_KEY", "sixteen or more letters")
    assert "sixteen" not in repr(load_settings("dev", project))
    monkeypatch.setenv("SLUICEGATE_LAKE__MASKING_KEY", "guess")
    with pytest.raises(ConfigurationError, match=r"lake\.masking_key") as caught:
        load_settings("dev", project)
    assert "guess" not in str(caught.value)


def bucket_at(project: Path, address: str, more: str = "") -> Settings:
    """Settings of a lake on object storage."""
    declare(project, f'[lake]\nroot = "{address}"\n{more}[landing]\nroot = "/srv/landing"\n')
    return load_settings("dev", project)


def test_landing_folder_on_object_storage(project: Path) -> None:
    """It has an address, an endpoint and credentials of its own; a folder starts at the project."""
    declare(project, '[lake]\nroot = "lake"\n[landing]\nroot = "s3://drops/in"\nregion = "eu-1"\n')
    settings = load_settings("dev", project)
    assert (settings.landing.root, settings.landing.region) == (Address("drops", "in"), "eu-1")
    assert (settings.lake.root, settings.lake.region) == (project / "lake", None)
    declare(project, '[lake]\nroot = "lake"\n[landing]\nroot = "in"\n')
    assert load_settings("dev", project).landing.root == project / "in"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://data", Address("data")),
        ("s3://data/", Address("data")),
        ("s3://data.example/team-1/lake/", Address("data.example", "team-1/lake")),
    ],
)
def test_lake_on_object_storage(project: Path, text: str, address: Address) -> None:
    """A bucket, and perhaps a place in it; folders of the same section start at the project."""
    settings = bucket_at(project, text, 'workspace = "work"\nendpoint = "http://127.0.0.1:9000/"\n')
    assert settings.lake.root == address
    assert str(address) == text.rstrip("/")
    assert settings.lake.workspace == project / "work"
    assert settings.lake.endpoint == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    "text",
    [
        *("s3://", "s3://ab", "s3://Data/x", "s3://data//x", "s3://data/../x", "s3://data/./x"),
        *("s3://data/x y", "s3://data/*", "s3://data/x?y", "s3://me:pw@data/x", "s3://data/ä"),
        *("s3://data/x\\n", "https://s3.example/data", "S3://data/x"),
    ],
)
def test_address_that_is_none(project: Path, text: str) -> None:
    """It is refused, and never taken for a folder."""
    with pytest.raises(ConfigurationError, match=r"lake\.root: .* no address like s3://bucket"):
        bucket_at(project, text)


@pytest.mark.parametrize(
    "text",
    ["ftp://x", "127.0.0.1:9000", "https://", "https://x/minio", "https://k:s@x", "http://x?y"],
)
def test_endpoint_that_is_none(project: Path, text: str) -> None:
    """It is a host and a port, and no place for credentials."""
    with pytest.raises(ConfigurationError, match=r"lake\.endpoint: ") as caught:
        bucket_at(project, "s3://data/x", f'endpoint = "{text}"\n')
    assert text not in str(caught.value)


OURS = {"SLUICEGATE_LAKE__KEY_ID": "k", "SLUICEGATE_LAKE__SECRET": "hunter2"}
THEIRS = {"AWS_ACCESS_KEY_ID": "aws", "AWS_SECRET_ACCESS_KEY": "hunter3", "AWS_SESSION_TOKEN": "t"}


def test_credentials_come_by_variables(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours count before AWS's, the two are never mixed, and neither is shown."""
    for name, value in {**OURS, **THEIRS}.items():
        monkeypatch.setenv(name, value)
    settings = bucket_at(project, "s3://data/x", 'region = "eu-central-1"\n')
    access = Access.of(settings.lake)
    assert (access.key_id, access.secret, access.token) == ("k", "hunter2", "")
    assert access.endpoint == "https://s3.eu-central-1.amazonaws.com"
    assert "hunter" not in f"{settings!r} {access!r} {Lake.of(settings).files!r}"
    for name in OURS:
        monkeypatch.delenv(name)
    settings = bucket_at(project, "s3://data/x")
    access = Access.of(settings.lake, {**THEIRS, "AWS_REGION": "eu-west-1"})
    assert (access.key_id, access.secret, access.token) == ("aws", "hunter3", "t")
    assert access.endpoint == "https://s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ([], "no credentials"),
        (["SLUICEGATE_LAKE__KEY_ID"], "half of its credentials"),
        (["SLUICEGATE_LAKE__SECRET", "AWS_ACCESS_KEY_ID"], "half of its credentials"),
        (["SLUICEGATE_LAKE__KEY_ID", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "half of its"),
        (["AWS_ACCESS_KEY_ID"], "no credentials"),
    ],
)
def test_lake_without_credentials(
    project: Path, monkeypatch: pytest.MonkeyPatch, there: list[str], message: str
) -> None:
    """Reading the settings is no reason to ask for them; opening the lake is."""
    for name, value in {**OURS, **THEIRS}.items():
        monkeypatch.delenv(name, raising=False)
        if name in there:
            monkeypatch.setenv(name, value)
    settings = bucket_at(project, "s3://data/x")
    with pytest.raises(ConfigurationError, match=message) as caught:
        Lake.of(settings)
    assert "SLUICEGATE_LAKE__KEY_ID" in str(caught.value.hint)
    assert "SLUICEGATE_LAKE__SECRET" in str(caught.value.hint)
    assert "hunter" not in str(caught.value)


def test_workspace_belongs_to_one_address(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another place, or the same one elsewhere, is worked on in another folder."""
    for name, value in OURS.items():
        monkeypatch.setenv(name, value)
    there = ("s3://data/x", ""), ("s3://data/y", ""), ("s3://data/x", 'endpoint = "http://h:1"\n')
    folders = {Lake.of(bucket_at(project, *each)).root for each in there}
    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {project / ".sluicegate" / "lake"}


def test_lake_in_a_folder_loads_no_client(project: Path) -> None:
    """Only who has his lake on object storage waits for that."""
    code = (
        "import sys; from pathlib import Path; from sluicegate.lake import Lake;"
        " from sluicegate.settings import load_settings;"
        f"Lake.of(load_settings('dev', Path({str(project)!r}))); print('obstore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_alerts_are_a_line_in_the_log_unless_set(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several addresses come by one variable; a secret is not in what settings show."""
    assert load_settings("dev", project).alerts.channel == "log"
    monkeypatch.setenv("SLUICEGATE_ALERTS__CHANNEL", "email")
    monkeypatch.setenv("SLUICEGATE_ALERTS__SMTP_TO", "a@example.com, b@example.com")
    monkeypatch.setenv("SLUICEGATE_ALERTS__SMTP_PASSWORD", "hunter2")
    settings = load_settings("dev", project)
    assert settings.alerts.smtp_to == ["a@example.com", "b@example.com"]
    assert settings.alerts.smtp_password is not None
    assert settings.alerts.smtp_password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)
    monkeypatch.setenv("SLUICEGATE_ALERTS__WEBHOOK_URL", "T0ken")
    with pytest.raises(ConfigurationError, match=r"alerts\.webhook_url") as caught:
        load_settings("dev", project)
    assert "T0ken" not in str(caught.value)


@pytest.mark.parametrize(
    "variable", ["SLUICEGATE_LAKE", "SLUICEGATE_LKE__ROOT", "SLUICEGATE_ENV", "SLUICEGATE_ENV__X"]
)
def test_unknown_variable_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A variable that would do nothing is told, with the sections there are."""
    monkeypatch.setenv(variable, "x")
    with pytest.raises(ConfigurationError, match=f"{variable} names no setting") as caught:
        load_settings("dev", project)
    assert "alerts, archive, endpoints, lake, landing" in str(caught.value.hint)


def test_variable_with_an_unknown_key_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section and key are checked like those of the file."""
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOTS", "x")
    with pytest.raises(ConfigurationError, match=r"lake\.roots: extra") as caught:
        load_settings("dev", project)
    assert "SLUICEGATE_* variable" in str(caught.value.where)


def test_section_that_is_none_is_told_with_its_variable(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable does not hide what is wrong with the file."""
    declare(project, "lake = 3\n[landing]\nroot = 'x'\n")
    monkeypatch.setenv("SLUICEGATE_LAKE__ROOT", "x")
    with pytest.raises(ConfigurationError, match="lake: input should be"):
        load_settings("dev", project)


def test_project_is_found_from_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any folder of a clone will do; elsewhere a variable says where it is."""
    below = project / "a" / "b"
    below.mkdir(parents=True)
    assert project_root(below) == project
    monkeypatch.chdir("/")
    with pytest.raises(ConfigurationError, match="not inside a Sluicegate project"):
        project_root()
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(project))
    assert project_root() == project
    assert load_settings("dev").project == project
    monkeypatch.setenv("SLUICEGATE_PROJECT", str(below))
    with pytest.raises(ConfigurationError, match="does not point at a Sluicegate project"):
        project_root()


def test_settings_do_not_change(project: Path) -> None:
    """What was read stays as it was."""
    settings: Settings = load_settings("dev", project)
    with pytest.raises(ValueError, match="frozen"):
        settings.env = "prod"
