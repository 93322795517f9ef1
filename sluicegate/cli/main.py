"""The commands. What takes long to import is imported by the command that needs it."""

from __future__ import annotations

import _thread
import sys
import threading
import traceback
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from sluicegate.cli import render, render_run
from sluicegate.cli.batches import batches_app
from sluicegate.cli.contracts import contracts_app
from sluicegate.cli.lake import lake_app
from sluicegate.cli.options import Env, Json, day_option
from sluicegate.cli.preview import preview
from sluicegate.cli.quarantine import quarantine_app
from sluicegate.cli.scaffold import source
from sluicegate.errors import Bug, SluicegateError
from sluicegate.settings import load_settings, project_root

INTERRUPTED = 130

app = typer.Typer(
    help="Sluicegate: data CI/CD on Prefect.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(lake_app, name="lake")
app.add_typer(contracts_app, name="contracts")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(batches_app, name="batches")
app.command("preview")(preview)
app.command("source")(source)


@app.command()
def run(env: Env = "dev", json: Json = False) -> None:
    """Ingest what is new, build, audit and publish it."""
    from sluicegate.cli.running import run_pipeline

    report = run_pipeline(load_settings(env), quiet=json)
    render_run.report(report, json=json)


@app.command()
def ingest(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...")],
    env: Env = "dev",
    since: Annotated[date | None, day_option("--from", "First day that batches are about.")] = None,
    until: Annotated[date | None, day_option("--to", "Last day, included.")] = None,
    chunk: Annotated[
        int | None,
        typer.Option("--chunk", help="Take in and publish so many batches at a time."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of them; publish nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Ingest new batches of some sources, build, audit and publish; also for days that are past."""
    from sluicegate.pipeline import Scope

    scope, settings = Scope.of(tuple(sources), since, until, chunk), load_settings(env)
    if dry_run:
        from sluicegate.cli.render_lake import watched
        from sluicegate.pipeline.rehearsal import rehearse

        with watched(quiet=json) as progress:
            report = rehearse(settings, scope, progress)
        render_run.report(report, json=json)
        return
    from sluicegate.cli.running import run_in_chunks

    if chunk and json:
        render_run.reports([*run_in_chunks(settings, scope, quiet=True)])
        return
    for report in run_in_chunks(settings, scope, quiet=json):
        render_run.report(report, json=json)


@app.command()
def status(env: Env = "dev", json: Json = False) -> None:
    """Show what readers of an environment see, and how the last run ended."""
    from sluicegate.pipeline.status import status_of

    render.status(status_of(load_settings(env)), json=json)


@app.command()
def up(env: Env = "dev", json: Json = False) -> None:
    """Start the Prefect server and the loopback provider, unless they run."""
    from sluicegate.local import up as start

    render.services(start(load_settings(env), progress=render.progress(quiet=json)), json=json)


@app.command()
def down(env: Env = "dev", json: Json = False) -> None:
    """Stop what `up` started."""
    from sluicegate.local import down as stop

    render.stopped(stop(load_settings(env)), json=json)


@app.command()
def deploy(
    env: Env = "dev",
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete its deployments that the file does not have.")
    ] = False,
    json: Json = False,
) -> None:
    """Put an environment's deployments on its Prefect server, as deployments/prefect.yaml says."""
    from sluicegate.cli.deploying import deploy_environment

    render.deployed(deploy_environment(load_settings(env), prune=prune), json=json)


@app.command()
def worker(env: Env = "dev") -> None:
    """Run an environment's deployments as they fall due, until interrupted."""
    from sluicegate.cli.deploying import work

    work(load_settings(env))


@app.command()
def docs(env: Env = "dev", json: Json = False) -> None:
    """Write the documentation of an environment's models as one page."""
    from sluicegate.pipeline.docs import document

    render.documented(document(load_settings(env).env), json=json)


def main() -> None:
    """Run the command line and leave with the exit code that the outcome deserves."""
    json = "--json" in sys.argv
    sys.unraisablehook = interrupt_again
    try:
        app()
    except SluicegateError as error:
        render.error(error, json=json)
        if isinstance(error, Bug):
            _keep_trace()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:
        # Typer turns Ctrl-C inside a command into an exit of its own, without a word.
        code = end.code if isinstance(end, SystemExit) else INTERRUPTED
        if code == INTERRUPTED:
            render.interrupted()
        sys.exit(code)
    except BrokenPipeError:
        # Whoever reads our output has seen enough.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001
        trace = _keep_trace()
        render.error(
            Bug(
                f"Something that should not happen: {type(error).__name__}.",
                where=str(trace) if trace else None,
                hint="please report it, with that file",
            ),
            json=json,
        )
        sys.exit(Bug.exit_code)


def interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Press Ctrl-C once more, where it hit code that can raise nothing and would be forgotten.

    Such code is a destructor, or a library's conversion of a value.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        # Not at once: it would hit this hook, which can raise nothing either.
        again = threading.Timer(0.05, _thread.interrupt_main)
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(unraisable)


def _keep_trace() -> Path | None:
    """Write the traceback where whoever reports the bug can find it."""
    try:
        folder = project_root() / ".sluicegate" / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"bug-{datetime.now(UTC):%Y%m%d-%H%M%S}.txt"
        kind, error, trace = sys.exc_info()
        # The message of an error that is not ours may quote data: type and place are enough.
        lines = [f"{kind.__name__ if kind else 'unknown'}\n", *traceback.format_tb(trace)]
        if isinstance(error, SluicegateError):
            lines.append(str(error))
        file.write_text("".join(lines), encoding="utf-8")
    except (OSError, SluicegateError):
        return None
    return file
