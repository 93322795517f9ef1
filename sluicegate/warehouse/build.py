"""One dbt build in this process, on one branch, with the branch closed behind it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from sluicegate.errors import Bug, ConfigurationError, EnvironmentFailed
from sluicegate.lake.damage import damage
from sluicegate.warehouse import failures, results
from sluicegate.warehouse.events import Listener
from sluicegate.warehouse.handover import Handover, handed
from sluicegate.warehouse.records import Build, Step

if TYPE_CHECKING:
    from sluicegate.lake.store import DataFiles

_QUIET = [
    "--log-level=none",
    "--log-level-file=none",
    "--no-use-colors",
    "--no-send-anonymous-usage-stats",
    "--no-version-check",
    "--no-fail-fast",
    "--partial-parse",
    "--threads=1",
]


def warm_up() -> None:
    """Import dbt beside whatever comes first: it takes seconds, and a run needs it for sure."""
    # Not a daemon: a process that ends earlier must not tear an import apart.
    Thread(target=import_module, args=("dbt.cli.main",), name="import dbt").start()


def build(
    branch_catalog: Path,
    files: DataFiles,
    *,
    project: Path,
    target: Path,
    on_event: Callable[[Step], None] | None = None,
    unit_tests: bool = True,
    only: Sequence[str] = (),
) -> Build:
    """Build and test every model of a dbt project on a branch of the lake.

    A test that fails does not raise: it is a :class:`Check` with the status ``fail``, and what
    reads its model is skipped. When this returns, or raises, nothing of the branch is open.

    Args:
        branch_catalog: the branch's catalog file.
        files: the folder of the lake's data files.
        project: the dbt project.
        target: where dbt keeps its parse cache and artifacts; keep it between builds, or
            each pays for reading the project anew.
        on_event: told about every model and check that begins or ends.
        unit_tests: whether the project's unit tests run; their outcome depends on
            :func:`~sluicegate.warehouse.fingerprint.fingerprint` alone, not on the data.
        only: dbt's selectors of what is to be built and tested; of that alone the result tells,
            and whether it is all that should be in it, and any test, is for the caller to see.

    Raises:
        ConfigurationError: the project cannot be read, a model or test cannot run as it is
            written, or there is nothing to build or no test to run.
        EnvironmentFailed: the branch cannot be attached, or the machine failed.
    """
    began = time.perf_counter()
    project, target = project.resolve(), target.resolve()
    if not (project / "dbt_project.yml").is_file():
        raise ConfigurationError("There is no dbt project here.", where=str(project))
    if not branch_catalog.is_file():
        # Attaching would make a new, empty lake of it.
        raise EnvironmentFailed("There is no branch here to build on.", where=str(branch_catalog))
    listener = Listener(on_event)
    with handed(branch_catalog.resolve(), files) as branch, closing(branch):
        # What dbt would write down is read from its results in memory; only the parse cache stays.
        arguments = ["build", "--no-write-json"]
        if not unit_tests:
            arguments.append("--exclude-resource-type=unit_test")
        if only:
            arguments += ["--select", *only]
        outcome = invoke(arguments, project, target, listener)
        if outcome.exception is not None:
            raise failures.of_run(outcome.exception, project) from None
        _refuse_damage(outcome.result.results, branch_catalog, files)
        models, checks = results.read(outcome.result.results, project, _counter(branch))
    if not only:
        results.refuse_emptiness(models, checks, project)
    seconds = time.perf_counter() - began
    return Build(models, checks, tuple(listener.warnings), seconds, unit_tests)


def _refuse_damage(found: Iterable[Any], catalog: Path, files: DataFiles) -> None:
    """Blame the lake for a data file that is damaged, and neither the data nor a model."""
    for result in found:
        # The first line of an error is dbt's own: where it was met.
        _, _, said = str(result.message or "").partition("\n")
        if said and (told := damage(said, catalog, files)):
            raise told


def invoke(arguments: list[str], project: Path, target: Path, listener: Listener) -> Any:
    """One command of dbt, in this process, with everything that it would print told to nobody.

    Raises:
        BaseException: what a callback raised, or Ctrl-C.
    """
    from dbt.cli.main import dbtRunner

    folders = [
        f"--project-dir={project}",
        f"--profiles-dir={project}",
        f"--target-path={target}",
        f"--log-path={target}",
    ]
    try:
        outcome = dbtRunner(callbacks=[listener]).invoke([*arguments, *folders, *_QUIET])
    finally:
        # Its messages quote the values that a query tripped over, which may be personal, as its
        # log would. Whoever needs the results has them from this process.
        (target / "run_results.json").unlink(missing_ok=True)
    listener.reraise()
    if outcome.exception is not None and not isinstance(outcome.exception, Exception):
        # dbt catches Ctrl-C as well, and whoever pressed it did not mean dbt alone.
        raise outcome.exception
    return outcome


@contextmanager
def closing(branch: Handover) -> Iterator[None]:
    """Leave no connection behind, and take over none that another user of dbt left."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt_common.events.event_manager_client import cleanup_event_logger

    forget: Callable[[], None] = DuckDBConnectionManager.close_all_connections
    forget()
    try:
        yield
    finally:
        # dbt-duckdb keeps an in-memory database open for the next command of the process, and
        # would write that one's models to this branch.
        if branch.connection is not None:
            branch.connection.close()
            branch.connection = None
        forget()
        cleanup_event_logger()
        _close_log()


def _close_log() -> None:
    """Dbt drops the handlers of its log file without closing them."""
    log = logging.getLogger("file_log")
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()


def _counter(branch: Handover) -> Callable[[str], int]:
    def count(relation: str) -> int:
        if branch.connection is None:
            raise Bug("dbt built a model without a connection.", where=relation)
        counted = branch.connection.execute(f"SELECT count(*) FROM {relation}").fetchone()  # noqa: S608 - dbt quotes it
        return int(counted[0]) if counted else 0

    return count
