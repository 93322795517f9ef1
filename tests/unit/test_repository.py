"""The repository keeps its own promises: locks, documentation, entry points, sizes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PACKAGES = ("sluicegate", "flows", "tasks", "contracts", "simulator")
MODULES = [module for package in PACKAGES for module in sorted((ROOT / package).rglob("*.py"))]
LATER = {"_typeshed", "compression"}
"""What the standard library has from Python 3.14 on, and what only type checkers look at."""
COMPANIONS = {"dbt-common": "dbt-core", "httpx": "prefect", "starlette": "fastapi"}
"""Distributions that are imported by name, and the dependency that they are a part of."""

LONGEST_MODULE = 400
LONGEST_FUNCTION = 40


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(*groups: str) -> list[Requirement]:
    declared = project()["dependency-groups"]
    lines = [line for group in groups for line in declared[group]]
    return [Requirement(line) for line in lines]


def runtime() -> list[Requirement]:
    return [Requirement(line) for line in project()["project"]["dependencies"]]


def tracked() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("not a git repository")
    return done.stdout.splitlines()


def pinned(lock: Path) -> dict[str, list[Requirement]]:
    """The requirements of a lock by name; a name has several where platforms differ."""
    found: dict[str, list[Requirement]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line[:1].isalpha():
            requirement = Requirement(line.removesuffix("\\").strip())
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def test_every_direct_dependency_has_a_reason() -> None:
    """docs/dependencies.md has one table line for each, and none for what is not declared."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `([^`/]+)` \|", text, re.MULTILINE)
    declared = {
        each.name
        for each in [*runtime(), *requirements("bootstrap", "build", "dev", "bench", "exports")]
    }
    assert sorted(explained) == sorted(declared)
    assert {each.name for each in requirements("server")} <= declared


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_name_no_package_index(lock: Path) -> None:
    """No address and no option that holds one, so that every machine uses its own index."""
    text = lock.read_text(encoding="utf-8")
    assert not re.search(
        r"://|index-url|find-links|trusted-host|^-[fi]\b|@ file", text, re.MULTILINE
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_requirement_is_exact_and_has_hashes(lock: Path) -> None:
    """What is installed is what was resolved, byte for byte."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)[
        1:
    ]
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[^\]]+\])?==[^\s;]+( ;.*)? \\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("bootstrap", requirements("bootstrap")),
        ("runtime", [*runtime(), *requirements("build")]),
        ("dev", [*runtime(), *requirements("build", "dev")]),
        ("exports", requirements("exports")),
        ("server", requirements("server")),
    ],
)
def test_locks_satisfy_what_is_declared(lock: str, wanted: list[Requirement]) -> None:
    """A bound that was edited without `make lock` is noticed."""
    locked = pinned(ROOT / "requirements" / f"{lock}.txt")
    for requirement in wanted:
        for pin in locked[canonicalize_name(requirement.name)]:
            version = next(iter(pin.specifier)).version
            assert requirement.specifier.contains(version), f"{pin}: run `make lock`"


@pytest.mark.parametrize("lock", ["dev", "server"])
def test_locks_agree_with_each_other(lock: str) -> None:
    """What is tested, and what the server's image holds, is what runs."""
    running = pinned(ROOT / "requirements" / "runtime.txt")
    other = pinned(ROOT / "requirements" / f"{lock}.txt")
    shared = running.keys() & other.keys()
    versions = [
        {name: {str(pin.specifier) for pin in lock_of[name]} for name in shared}
        for lock_of in (running, other)
    ]
    assert versions[0] == versions[1]
    if lock == "dev":
        assert shared == running.keys()


def test_no_lock_that_records_addresses_is_committed() -> None:
    """uv.lock and pylock.toml name an index host, so requirements/*.txt are the only locks."""
    names = {Path(path).name for path in tracked()}
    assert not {name for name in names if name == "uv.lock" or re.fullmatch(r"pylock.*toml", name)}


def test_nothing_that_is_made_here_is_committed() -> None:
    """Lake, landing files, truth, state and caches stay on the machine that made them."""
    made = re.compile(
        r"^(\.venv|\.sluicegate|data/(lake|landing|truth)|dbt_project/(target|logs))/|__pycache__"
    )
    assert [path for path in tracked() if made.search(path)] == []


def test_every_third_party_import_is_declared() -> None:
    """Nothing that runs rests on a package that happens to be installed."""
    distributions = packages_distributions()
    running = {canonicalize_name(each.name) for each in runtime()}
    undeclared = set()
    for module in MODULES:
        # Whoever writes tests has what tests are run with.
        declared = running | ({"pytest"} if module.parent.name == "testing" else set())
        for name in imported(module):
            if name in sys.stdlib_module_names | LATER or name in PACKAGES:
                continue
            owners = {canonicalize_name(each) for each in distributions.get(name, [name])}
            if not {COMPANIONS.get(owner, owner) for owner in owners} & declared:
                undeclared.add(f"{module.relative_to(ROOT)}: {name}")
    assert sorted(undeclared) == []


def imported(module: Path) -> Iterator[str]:
    """Top-level names of the packages that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_modules_stay_short() -> None:
    """A module that needs more lines has more than one concept in it."""
    lengths = {
        str(module.relative_to(ROOT)): len(module.read_text(encoding="utf-8").splitlines())
        for module in MODULES
    }
    assert {name: length for name, length in lengths.items() if length >= LONGEST_MODULE} == {}


def test_functions_stay_short() -> None:
    """A function fits on a screen; its documentation does not count."""
    long = {}
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
                length = node.end_lineno - body[0].lineno + 1 if body and node.end_lineno else 0
                if length >= LONGEST_FUNCTION:
                    long[f"{module.relative_to(ROOT)}:{node.lineno} {node.name}"] = length
    assert long == {}


def test_continuous_integration_calls_make() -> None:
    """CI runs what a person runs: one door."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    text = script.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert re.search(r"^exec make ci$", text, re.MULTILINE)
    assert re.search(
        r"^ci: browser lint test\b", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )


@pytest.mark.parametrize("given", [[], ["NAME=x"], ["FROM=x.csv"]])
def test_make_source_tells_how_it_is_called(given: list[str]) -> None:
    """Whatever is missing; the recipe alone, without an environment to install."""
    lines = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "source", *given],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    asked = lines[lines.rindex("[[ -n") : lines.rindex("exit 2; }") + len("exit 2; }")]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", asked],
        env={"PATH": os.environ["PATH"], **dict(each.split("=") for each in given)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "make source FROM=path-or-url NAME=x" in done.stderr


def test_make_help_lists_the_interface() -> None:
    """`make` without arguments tells a newcomer what there is, and creates nothing."""
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for target in ("help", "run", "stop", "data", "test", "lint", "format", "lock", "ci", "clean"):
        assert re.search(rf"^  make {target} +\S", done.stdout, re.MULTILINE), target
    assert done.stderr == ""


def test_make_clean_leaves_backups() -> None:
    """They are what a lake that was removed comes back from."""
    done = subprocess.run(
        ["make", "-n", "clean"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "data/lake" in done.stdout
    assert "data/backups" not in done.stdout


def test_the_version_is_said_once() -> None:
    """pyproject.toml takes the version from the package."""
    assert project()["project"]["dynamic"] == ["version"]
    assert project()["tool"]["hatch"]["version"]["path"] == "sluicegate/__init__.py"


def test_hooks_run_the_commands_of_the_makefile() -> None:
    """Hooks are local, so that they fetch nothing and check what CI checks."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    assert re.findall(r"entry: (.+)", text) == ["make lint", "make test-unit"]
