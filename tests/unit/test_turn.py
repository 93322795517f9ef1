"""Runs of one environment queue; runs of different environments do not know of each other."""

from __future__ import annotations

import logging
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import cast

import pytest

from sluicegate.lake import Archive, Lake
from sluicegate.pipeline import Platform, Run
from sluicegate.release import Ledger
from tests.unit import kit


@pytest.fixture(autouse=True)
def fixed_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks what the code is."""
    monkeypatch.setattr(Platform, "fingerprint", "code")


def run_of(lake: Lake, env: str) -> Run:
    """A run of an environment."""
    settings = kit.settings_of(lake.root.parent).model_copy(update={"env": env})
    ledger = Ledger(lake.store, env)
    return Run(Platform(settings, cast("object", None), lake, Archive(lake.store), ledger))  # type: ignore[arg-type]


class Heard(logging.Handler):
    """Hears that somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = Event()
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = record.getMessage()
        self.waits.set()


def test_runs_of_one_environment_queue(lake: Lake) -> None:
    """The second is told who is at work and since when, waits, and then has its turn."""
    log, heard, order = logging.getLogger("sluicegate.pipeline.run"), Heard(), []
    log.addHandler(heard)
    log.setLevel(logging.INFO)

    def second() -> None:
        with run_of(lake, "dev").turn():
            order.append("second")
            heard.waits.set()

    with ThreadPoolExecutor(1) as pool:
        with run_of(lake, "dev").turn():
            waiting = pool.submit(second)
            assert heard.waits.wait(30)
            order.append("first")
        waiting.result(30)
    log.removeHandler(heard)
    assert order == ["first", "second"]
    who = rf"process {os.getpid()} on {re.escape(socket.gethostname())} since 2\d\d\d-\S+\+00:00"
    what = rf"another run of dev is at work \({who}\): waiting for it to end"
    todo = f"to end it, which publishes nothing: kill {os.getpid()}; Ctrl-C ends the waiting"
    assert re.fullmatch(f"{what}; {todo}", heard.said)


def test_other_environments_are_not_waited_for(lake: Lake) -> None:
    """One that is at work keeps nobody else from having his turn."""
    with run_of(lake, "dev").turn(), run_of(lake, "prod").turn():
        locks = sorted(file.name for file in (lake.root / "turns").iterdir())
    assert locks == ["dev.lock", "prod.lock"]
