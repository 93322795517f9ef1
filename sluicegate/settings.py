"""One typed settings object per environment, read from ``deployments/environments/<env>.toml``.

Environments differ by settings only. Every value can be overridden for one process by a variable
named after its place, ``SLUICEGATE_<SECTION>__<KEY>`` (``SLUICEGATE_LAKE__ROOT=/srv/lake``);
unknown sections, keys and variables are refused. Relative paths start at the project's root.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    ValidationError,
)

from sluicegate.errors import ConfigurationError, UnknownName
from sluicegate.refnames import objection
from sluicegate.settings_alerts import Alerts
from sluicegate.settings_archive import Archive
from sluicegate.settings_quality import Quality

ENVIRONMENTS = Path("deployments") / "environments"
PREFIX = "SLUICEGATE_"
RESERVED = frozenset({"SLUICEGATE_PROJECT", "SLUICEGATE_ALERTS_LOG"})
"""Variables of the prefix that are not settings: where the project is, and the server's log."""

LOOPBACK = "loopback"
"""Endpoint that stands for the provider which ``make run`` starts on this machine."""

Port = Annotated[int, Field(ge=1, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _hard_to_guess(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 16:
        raise ValueError("this is too short for a key: take 16 characters or more")
    return value


@dataclass(frozen=True, slots=True)
class Address:
    """A place on object storage: ``s3://bucket`` or ``s3://bucket/prefix``."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


_BUCKET = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<prefix>(?:/[\w=.-]+)*)/?", re.ASCII
)


def _place(value: object) -> Path | Address:
    if isinstance(value, Path | Address):
        return value
    if not isinstance(value, str):
        raise ValueError("input should be a folder, or an address like s3://bucket/prefix")  # noqa: TRY004 - pydantic tells the place of a ValueError only
    if "://" not in value:
        return Path(value)
    # Nothing that DuckDB takes for a pattern, or that an address would have to escape.
    found = _BUCKET.fullmatch(value)
    prefix = found["prefix"].strip("/") if found else ""
    if found is None or {".", ".."} & set(prefix.split("/")):
        raise ValueError("this is no folder, and no address like s3://bucket/prefix")
    return Address(found["bucket"], prefix)


def _service(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("this is no http or https address")
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("it must be an address like https://host or http://host:port, no more")
    return f"{parts.scheme}://{parts.netloc}"


def _ref_name(name: str) -> str:
    if objected := objection(name):
        raise ValueError(f"this cannot be the name of a ref: {objected}")
    return name


class Remote(_Section):
    """What may be on object storage.

    Attributes:
        endpoint: where the object storage answers; AWS by default.
    """

    endpoint: Annotated[str, AfterValidator(_service)] | None = None
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    key_id: SecretStr | None = None
    secret: SecretStr | None = None


class Lake(Remote):
    """Where generations, refs, data files and evidence are kept.

    Attributes:
        root: a folder, or a place on S3-compatible object storage. What the storage needs is
            asked for when the lake is opened, and not by every process that reads the settings.
        ref: what runs start from and publish to, and readers see; by default the environment's
            name. A branch of your own is a ref of another name, which no environment has.
        keep_days: days that what a ref showed is kept after the ref moved on: so far back a
            rollback can go. Evidence of refused runs is kept as long.
        grace_hours: hours that what nothing reaches is left alone before it is removed. On object
            storage it must be longer than the longest run and the longest reader.
        masking_key: what the pseudonyms of masked branches are made with, so that those of one
            branch agree with those of the next. Without it, each branch has a random one that is
            thrown away. Whoever has the key can find out whom a pseudonym stands for.
        workspace: folder of this machine for work in progress on a lake on object storage;
            by default one below ``.sluicegate``.
    """

    root: Annotated[Path | Address, PlainValidator(_place)]
    ref: Annotated[str, AfterValidator(_ref_name)] | None = None
    keep_days: Annotated[float, Field(ge=0, le=36600)] = 30
    grace_hours: Annotated[float, Field(ge=0, le=24 * 366)] = 24
    masking_key: Annotated[SecretStr, AfterValidator(_hard_to_guess)] | None = None
    workspace: Path | None = None

    def below(self, project: Path) -> Lake:
        """The same, with folders that start at the project's root."""
        folders = {
            name: project / folder
            for name in ("root", "workspace")
            if isinstance(folder := getattr(self, name), Path)
        }
        return self.model_copy(update=folders)

    @property
    def keep(self) -> timedelta:
        """How long what a ref showed is kept after the ref moved on."""
        return timedelta(days=self.keep_days)

    @property
    def grace(self) -> timedelta:
        """How long what nothing reaches is left alone."""
        return timedelta(hours=self.grace_hours)


class Landing(Remote):
    """Where files arrive, and when a file counts as completely written.

    Attributes:
        root: a folder, or a place on S3-compatible object storage, which is only read.
    """

    root: Annotated[Path | Address, PlainValidator(_place)]
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 2.0

    def below(self, project: Path) -> Landing:
        """The same, where a folder starts at the project's root."""
        if isinstance(self.root, Address):
            return self
        return self.model_copy(update={"root": project / self.root})


class Reference(_Section):
    """Where the project keeps data that hardly ever change: code lists, published data sets."""

    root: Path = Path("data") / "reference"


class Endpoints(_Section):
    """Base addresses of the third-party APIs; ``loopback`` is the provider of this machine."""

    ecb: str = LOOPBACK
    processor: str = LOOPBACK

    @property
    def on_loopback(self) -> bool:
        """Whether any of them is the provider of this machine."""
        return LOOPBACK in self.model_dump().values()


_LOOPBACK_PATHS = {"ecb": "/service/data", "processor": "/processor"}
"""Where the provider of this machine serves each API."""


class Prefect(_Section):
    """The Prefect server that records this environment's runs."""

    host: str = "127.0.0.1"
    port: Port = 4200

    @property
    def ui_url(self) -> str:
        """Address of the user interface."""
        return f"http://{self.host}:{self.port}"

    @property
    def api_url(self) -> str:
        """Address of the API, as ``PREFECT_API_URL`` wants it."""
        return f"{self.ui_url}/api"


class Provider(_Section):
    """The loopback provider that ``make run`` starts in place of the third parties."""

    host: str = "127.0.0.1"
    port: Port = 8417


class Settings(_Section):
    """Everything in which one environment differs from another."""

    env: str
    project: Path
    lake: Lake
    landing: Landing
    reference: Reference = Reference()
    endpoints: Endpoints = Endpoints()
    prefect: Prefect = Prefect()
    provider: Provider = Provider()
    alerts: Alerts = Alerts()
    archive: Archive = Archive()
    quality: dict[str, Quality] = Field(default_factory=dict)
    """Thresholds by dataset: a source by its name, a model by its table."""

    def endpoint(self, name: str) -> str:
        """Base address of a third-party API, or of what stands in for it.

        Raises:
            UnknownName: the settings have no endpoint of that name.
        """
        if name not in Endpoints.model_fields:
            raise UnknownName.of("endpoint", name, Endpoints.model_fields)
        address: str = getattr(self.endpoints, name)
        if address == LOOPBACK:
            return f"http://{self.provider.host}:{self.provider.port}{_LOOPBACK_PATHS[name]}"
        return address.rstrip("/")

    @property
    def ref(self) -> str:
        """The ref that runs publish to and readers see."""
        return self.lake.ref or self.env

    @property
    def state(self) -> Path:
        """Folder for what this machine needs but no environment owns: logs, pids, caches."""
        return self.project / ".sluicegate"


def project_root(start: Path | None = None) -> Path:
    """Find the project: ``SLUICEGATE_PROJECT``, or the nearest folder above with environments.

    Raises:
        ConfigurationError: there is no project here.
    """
    if named := os.environ.get("SLUICEGATE_PROJECT"):
        root = Path(named).resolve()
        if (root / ENVIRONMENTS).is_dir():
            return root
        raise ConfigurationError(
            "SLUICEGATE_PROJECT does not point at a Sluicegate project.",
            where=str(root),
            hint=f"it must be a folder that contains {ENVIRONMENTS}/",
        )
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / ENVIRONMENTS).is_dir():
            return folder
    raise ConfigurationError(
        "This folder is not inside a Sluicegate project.",
        where=str(here),
        hint=f"change into your clone, the folder that contains {ENVIRONMENTS}/",
    )


def environments(project: Path) -> list[str]:
    """Names of the environments that the project declares."""
    return sorted(file.stem for file in (project / ENVIRONMENTS).glob("*.toml"))


def load_settings(env: str = "dev", project: Path | None = None) -> Settings:
    """Read one environment's settings.

    Raises:
        UnknownName: the project declares no such environment.
        ConfigurationError: the file cannot be read, or a key or value in it is wrong.
    """
    root = project or project_root()
    if env not in environments(root):
        raise UnknownName.of("environment", env, environments(root), where=str(root / ENVIRONMENTS))
    file = root / ENVIRONMENTS / f"{env}.toml"
    try:
        declared: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"The settings of environment {env!r} cannot be read: {error}", where=str(file)
        ) from error
    _override(declared, os.environ)
    try:
        settings = Settings(env=env, project=root, **declared)
    except (ValidationError, TypeError) as error:
        raise _explained(error, file) from error
    if settings.ref != env and settings.ref in environments(root):
        raise ConfigurationError(
            f"The settings of {env!r} would let its runs publish to {settings.ref!r}.",
            where="lake.ref (SLUICEGATE_LAKE__REF)",
            hint="only its own runs publish to an environment; name a branch, such as feature/fees",
        )
    return settings.model_copy(
        update={
            "lake": settings.lake.below(root),
            "landing": settings.landing.below(root),
            "reference": settings.reference.model_copy(
                update={"root": root / settings.reference.root}
            ),
        }
    )


def _override(declared: dict[str, Any], environ: os._Environ[str]) -> None:
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in RESERVED:
            continue
        section, dunder, key = variable.removeprefix(PREFIX).lower().partition("__")
        if not dunder or section not in Settings.model_fields or section in ("env", "project"):
            sections = ", ".join(sorted(set(Settings.model_fields) - {"env", "project"}))
            raise ConfigurationError(
                f"The variable {variable} names no setting.",
                hint=f"variables read SLUICEGATE_<SECTION>__<KEY>; sections: {sections}",
            )
        keys = declared.setdefault(section, {})
        if section == "quality" and isinstance(keys, dict):
            dataset, _, key = key.rpartition("__")
            keys = keys.setdefault(dataset, {})
        if isinstance(keys, dict):
            keys[key] = value


def _explained(error: ValidationError | TypeError, file: Path) -> ConfigurationError:
    if isinstance(error, TypeError):
        return ConfigurationError(
            "The settings name 'env' or 'project', which the file's name and place decide.",
            where=str(file),
        )
    # Values stay out of the message: a setting may be a secret.
    problems = [
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].lower()}"
        for problem in error.errors(include_input=False, include_url=False)
    ]
    return ConfigurationError(
        f"The settings are wrong: {'; '.join(problems)}.",
        where=f"{file}, or a SLUICEGATE_* variable",
        hint="compare with deployments/environments/dev.toml",
    )
