"""Apply each mutation to a copy of the project, and require that its test fails there.

    python -m tests.mutations [--workers 2] [NAME ...]

First all named tests run on a copy that is not mutated, where they must pass: a test that fails
anyway notices nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutations.catalogue import MUTATIONS, ROOT, Mutation

COPIED = ("sluicegate", "tests", "contracts", "dbt_project", "pyproject.toml")
PATIENCE = 180.0
"""Seconds after which a test counts as hanging, which is no way to notice anything."""

FAILED = 1
"""What pytest returns when tests failed, and not when they could not be collected."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutation; ``problem`` is empty if its test noticed it."""

    mutation: Mutation
    problem: str
    seconds: float


def main() -> int:
    """Try mutations; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutations to try; all by default")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {mutation.name for mutation in MUTATIONS}
    if unknown:
        parser.error(f"there is no mutation called {min(unknown)!r}")
    chosen = [each for each in MUTATIONS if not arguments.names or each.name in arguments.names]
    began = time.monotonic()
    if not _sound(chosen):
        return 1
    survivors = 0
    with ThreadPoolExecutor(arguments.workers) as pool:
        for verdict in pool.map(_try, chosen):
            survivors += bool(verdict.problem)
            told = verdict.problem or "noticed"
            _say(f"{verdict.seconds:5.1f} s  {verdict.mutation.name}: {told}")
    seconds = time.monotonic() - began
    _say(f"{len(chosen) - survivors} of {len(chosen)} mutations were noticed, in {seconds:.0f} s")
    return int(survivors > 0)


def _sound(mutations: Sequence[Mutation]) -> bool:
    """Whether the tests pass as long as nothing is mutated."""
    with TemporaryDirectory() as folder:
        _copy(Path(folder))
        tests = sorted({mutation.test for mutation in mutations})
        done = _pytest(Path(folder), tests, PATIENCE * len(tests))
    if done is None or done.returncode != 0:
        _say(done.stdout if done else "The tests hang.")
        _say("Without any mutation, not all tests pass: nothing can be said.")
        return False
    return True


def _try(mutation: Mutation) -> Verdict:
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        problem = _problem(mutation, Path(folder))
    return Verdict(mutation, problem, time.monotonic() - began)


def _problem(mutation: Mutation, folder: Path) -> str:
    if stale := mutation.stale():
        return stale
    _copy(folder)
    mutation.apply(folder)
    done = _pytest(folder, [mutation.test], PATIENCE)
    if done is None:
        return f"{mutation.test} hangs instead of failing"
    if done.returncode == 0:
        return f"SURVIVED {mutation.test}"
    if done.returncode != FAILED or "error" in done.stdout.splitlines()[-1]:
        return f"{mutation.test} could not run:\n{done.stdout}{done.stderr}"
    return ""


def _copy(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            nothing_compiled = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=nothing_compiled)
        else:
            shutil.copy(ROOT / name, folder)


def _pytest(
    folder: Path, tests: Sequence[str], patience: float
) -> subprocess.CompletedProcess[str] | None:
    """Run tests in a copy; None if they did not come to an end."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command speaks


if __name__ == "__main__":
    sys.exit(main())
