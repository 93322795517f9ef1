"""One digest for everything in the dbt project that decides what it builds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sluicegate.errors import ConfigurationError

_MADE_BY_DBT = frozenset({"target", "logs", "dbt_packages", "__pycache__"})


def fingerprint(project: Path) -> str:
    """Hash models, macros, tests, seeds and settings of a dbt project, by name and content.

    Where the project lies does not matter, nor when its files were written, nor what dbt left in
    it.

    Raises:
        ConfigurationError: there is no dbt project there.
    """
    if not (project / "dbt_project.yml").is_file():
        raise ConfigurationError("There is no dbt project here.", where=str(project))
    digest = hashlib.sha256()
    for name, file in sorted(_sources(project)):
        content = file.read_bytes()
        # The lengths keep names and contents apart: no two projects are the same sequence of bytes.
        digest.update(f"{len(name)} {name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(project: Path) -> Iterator[tuple[str, Path]]:
    for file in project.rglob("*"):
        place = file.relative_to(project)
        hidden = any(part.startswith(".") for part in place.parts)
        if file.is_file() and not hidden and _MADE_BY_DBT.isdisjoint(place.parts):
            yield place.as_posix(), file
