"""The part of Prefect's deployment file that can be verified, and nothing else of it.

Every model forbids keys it does not know: what is not here, `prefect deploy` would either ignore or
do without anybody checking that it was done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints

FILE = Path("deployments") / "prefect.yaml"


def _written_as_text(value: object) -> object:
    # YAML makes 1.1 of an unquoted 1.10, and true of yes; what was meant can no longer be told.
    if isinstance(value, int | float):
        raise ValueError("put it in quotes: without them YAML reads no text")  # noqa: TRY004
    return value


Text = Annotated[str, BeforeValidator(_written_as_text), StringConstraints(min_length=1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Step = dict[str, dict[str, JsonValue]]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Schedule(_Model):
    """When a deployment runs by itself, in the local time of a place.

    A slug is required: it is the name by which a schedule is found again when it is changed.
    """

    slug: Slug
    cron: Text
    timezone: Text
    day_or: bool = True
    active: bool = True
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class WorkPool(_Model):
    """Where runs are sent to."""

    name: Text
    work_queue_name: Text = "default"
    job_variables: dict[str, JsonValue] = Field(default_factory=dict)


class ConcurrencyLimit(_Model):
    """How many runs work at a time, and what becomes of one more."""

    limit: Annotated[int, Field(ge=1)]
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]
    grace_period_seconds: Annotated[int, Field(ge=60, le=86400)] | None = None


class Deployment(_Model):
    """One flow as one environment runs it.

    Without a version Prefect makes up a file hash, so it is required; so are a description, a
    concurrency limit and the list of schedules, because leaving one out is never told from
    forgetting it.
    """

    name: Text
    version: Text
    description: Text
    entrypoint: Annotated[str, StringConstraints(pattern=r"^[\w./-]+\.py:[A-Za-z_]\w*$")]
    parameters: dict[str, JsonValue]
    work_pool: WorkPool
    concurrency_limit: ConcurrencyLimit
    schedules: list[Schedule]
    tags: list[Text] = Field(default_factory=list)
    paused: bool = False
    enforce_parameter_schema: bool = True
    pull: list[Step] | None = None


class Definition(_Model):
    """The whole file. ``definitions`` holds YAML anchors; ``name`` is for readers."""

    name: Text | None = None
    build: list[Step] = Field(default_factory=list)
    pull: list[Step] | None = None
    definitions: dict[str, Any] = Field(default_factory=dict)
    deployments: Annotated[list[Deployment], Field(min_length=1)]
