"""Reading the deployment file with the parser that Prefect uses, and without its patience."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sluicegate.deploy.definition import (
    FILE,
    ConcurrencyLimit,
    Definition,
    Deployment,
    Schedule,
    WorkPool,
)
from sluicegate.deploy.problems import Place, Problems, nearest
from sluicegate.errors import ConfigurationError

_MODELS: dict[str, type[BaseModel]] = {
    "deployments": Deployment,
    "work_pool": WorkPool,
    "concurrency_limit": ConcurrencyLimit,
    "schedules": Schedule,
}


class _Loader(yaml.SafeLoader):
    """Prefect's loader, but a key that is written twice is an error and not the last one's win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping after looking for keys that would overwrite each other."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            # Several anchors may be merged into one mapping: that is what merging is for.
            if key.tag != "tag:yaml.org,2002:merge":
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(project: Path) -> tuple[Definition, Problems]:
    """Read the project's deployment file.

    Returns:
        What it says, and where: problems that are found later are noted there.

    Raises:
        ConfigurationError: it cannot be read, or has keys or values that mean nothing.
    """
    file = project / FILE
    try:
        text = file.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=_Loader)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, made stricter.
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The deployments cannot be read: {error}", where=str(file)
        ) from error
    except yaml.YAMLError as error:
        raise _not_yaml(error, file) from error
    problems = Problems(file, dict(_lines(tree)) if tree else {}, dict(_names(content)))
    try:
        return Definition.model_validate(content), problems
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            _note(problems, problem["loc"], problem["type"], problem["msg"])
        problems.refuse()
        raise


def _not_yaml(error: yaml.YAMLError, file: Path) -> ConfigurationError:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "it is not YAML"
    where = f"{file}, line {mark.line + 1}" if mark else str(file)
    return ConfigurationError(f"The deployments cannot be read: {what}.", where=where)


def _note(problems: Problems, place: Place, kind: str, message: str) -> None:
    if kind == "extra_forbidden":
        model = next(
            (_MODELS[str(part)] for part in reversed(place[:-1]) if part in _MODELS), Definition
        )
        hint = nearest(str(place[-1]), list(model.model_fields))
        problems.add(place, f"is not a key that can be applied and verified; {hint}")
    elif kind == "missing":
        problems.add(place, "is missing")
    else:
        message = message.removeprefix("Value error, ")
        problems.add(place, message[:1].lower() + message[1:])


def _lines(node: yaml.Node, place: Place = ()) -> Iterator[tuple[Place, int]]:
    """Line of every key and item, as far as it is written out where it applies."""
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*place, key.value))
            # Its own line, not the one on which its value begins.
            yield (*place, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _lines(item, (*place, position))


def _names(content: object) -> Iterator[tuple[Place, str]]:
    """Names that say more than a position: of deployments, and of their schedules."""
    for position, deployment in enumerate(_listed(content, "deployments")):
        if isinstance(deployment, dict) and isinstance(name := deployment.get("name"), str):
            yield ("deployments", position), name
        for number, schedule in enumerate(_listed(deployment, "schedules")):
            if isinstance(schedule, dict) and isinstance(slug := schedule.get("slug"), str):
                yield ("deployments", position, "schedules", number), slug


def _listed(content: object, key: str) -> list[Any]:
    value = content.get(key) if isinstance(content, dict) else None
    return value if isinstance(value, list) else []
