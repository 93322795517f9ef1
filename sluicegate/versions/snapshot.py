"""The rules of a project's contracts, kept in files beside them: one a dataset.

They are committed with the contracts. A test holds them against what the contracts say, so that a
check which is removed or weakened is seen by somebody; and what they were at a revision is read
from git, without running the code of that revision.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sluicegate.catalogue import FOLDER
from sluicegate.errors import ConfigurationError, EnvironmentFailed
from sluicegate.versions.rules import Rules

RULES = f"{FOLDER}/rules"
"""The folder of the snapshot, in the project."""

_SUFFIX = ".json"
_FORMAT = "format"
_VERSION = 1
_WRITE = ".venv/bin/sluicegate contracts snapshot"


def text_of(rules: Rules) -> str:
    """What a dataset's file holds."""
    written = {_FORMAT: _VERSION, **rules.to_dict()}
    return json.dumps(written, indent=1, ensure_ascii=False) + "\n"


def write(project: Path, described: Mapping[str, Rules]) -> list[str]:
    """Write the snapshot anew; returns the tables whose file is another one now, or is gone.

    Raises:
        EnvironmentFailed: the folder cannot be written.
    """
    changed = stale(project, described)
    folder = project / RULES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in changed:
            file = folder / f"{table}{_SUFFIX}"
            if table in described:
                file.write_text(text_of(described[table]), encoding="utf-8")
            else:
                file.unlink()
    except OSError as error:
        raise EnvironmentFailed(
            f"The snapshot of the contracts cannot be written: {error.strerror}.", where=str(folder)
        ) from error
    return changed


def stale(project: Path, described: Mapping[str, Rules]) -> list[str]:
    """The tables whose file is not what the contracts say, or that have no file, or no contract."""
    kept = {file.stem: file for file in sorted((project / RULES).glob(f"*{_SUFFIX}"))}
    return [
        table
        for table in sorted(kept.keys() | described.keys())
        if table not in kept
        or table not in described
        or kept[table].read_bytes() != text_of(described[table]).encode()
    ]


def rules_of(text: str, where: str) -> Rules:
    """The rules that a file holds.

    Raises:
        ConfigurationError: it is no such file, or one of another version of Sluicegate.
    """
    try:
        written = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(
            "A snapshot of a contract's rules is not JSON.", where=where, hint=_WRITE
        ) from error
    version = written.pop(_FORMAT, None) if isinstance(written, dict) else None
    if version != _VERSION:
        raise ConfigurationError(
            f"A snapshot of a contract's rules has the format {version!r}, not {_VERSION}.",
            where=where,
            hint=f"write it with this version of Sluicegate: {_WRITE}",
        )
    return Rules.of_dict(written, where)


def at_revision(project: Path, revision: str) -> dict[str, Rules]:
    """The snapshot of a revision, by table.

    Args:
        revision: whatever git takes for a commit: a branch, a tag, ``HEAD~3``.

    Raises:
        ConfigurationError: there is no such revision, or no snapshot in it, or no repository.
        EnvironmentFailed: git is not there, or fails.
    """
    _require_repository(project)
    # Asked for as a commit, after the end of options: nothing typed can be anything else to git.
    asked = f"{revision}^{{commit}}"
    found = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", asked)
    if found.returncode:
        raise ConfigurationError(
            f"git knows no revision {revision!r}.",
            where=str(project),
            hint="name a branch, a tag or a commit: sluicegate contracts diff main",
        )
    commit = found.stdout.decode().strip()
    files = _answer(project, "ls-tree", "-z", commit, f"{RULES}/").decode(errors="replace")
    rules: dict[str, Rules] = {}
    for entry in filter(None, files.split("\0")):
        kind, _, name = entry.partition("\t")
        if name.endswith(_SUFFIX):
            text = _answer(project, "cat-file", "blob", kind.split()[2])
            read = rules_of(text.decode(errors="replace"), f"{revision}:{name}")
            rules[read.table] = read
    if not rules:
        raise ConfigurationError(
            f"There is no snapshot of the contracts at {revision!r}.",
            where=f"{revision}:{RULES}/",
            hint=f"name a revision that has one; `{_WRITE}` writes one, to be committed",
        )
    return rules


def _require_repository(project: Path) -> None:
    asked = _git(project, "rev-parse", "--is-inside-work-tree")
    if asked.returncode or asked.stdout.strip() != b"true":
        said = asked.stderr.decode(errors="replace").splitlines()
        raise ConfigurationError(
            "The project is in no git repository, so it has no versions to compare with.",
            where=f"{project}{': ' + said[0] if said else ''}",
            hint="git init, and commit the contracts with their snapshot",
        )


def _answer(project: Path, *arguments: str) -> bytes:
    done = _git(project, *arguments)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise EnvironmentFailed(
            f"git {arguments[0]} failed: {said[0] if said else done.returncode}.",
            where=str(project),
        )
    return done.stdout


def _git(project: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", str(project), *arguments],  # noqa: S607 - git is where the user has it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError as error:
        raise EnvironmentFailed(
            f"git cannot be started: {error.strerror}.",
            hint="install git: versions of contracts are read from it",
        ) from error
