"""One Prefect server and one provider a session; a project, a lake and a landing folder of ours."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simulator import data
from simulator.payments import generate
from tests.support import Forge, Outcome, Site, call, copy_project, free_port

START = date(2026, 10, 5)
"""Between this day and the last, every form of file and every kind of dirt comes up."""
DAYS = 16
ROWS = 4_800
CUSTOMERS = 2_000
"""Of them the export tells; the payments of the others are paid by somebody unknown."""


@pytest.fixture(scope="session")
def seed() -> int:
    """Chosen when the tests start, and printed in their header."""
    return int(os.environ["TEST_SEED"])


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the session's own."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def world(project: Path, seed: int, tmp_path_factory: pytest.TempPathFactory) -> data.Folders:
    """What third parties send: files and their truth, and records that the provider serves."""
    folder = tmp_path_factory.mktemp("world")
    folders = data.Folders(folder / "landing", folder / "truth", project / "data" / "processor")
    data.generate(folders, rows=ROWS, days=DAYS, start=START, seed=seed, first=CUSTOMERS)
    for each in folders.landing.iterdir():
        settle(each)
    return folders


@pytest.fixture(scope="session")
def ports() -> dict[str, str]:
    return {
        "SLUICEGATE_PREFECT__PORT": str(free_port()),
        "SLUICEGATE_PROVIDER__PORT": str(free_port()),
    }


@pytest.fixture(scope="session")
def services(
    project: Path,
    ports: dict[str, str],
    world: data.Folders,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """The session's Prefect server and provider, started and ended as a person would."""
    site = Site(project, tmp_path_factory.mktemp("services"), ports)
    # The forge imports while the services start.
    forge = Forge(tmp_path_factory.mktemp("forge") / "said", site.environment)
    site.console("up").ends(0)
    try:
        yield Site(project, site.folder, ports, forge)
    finally:
        forge.close()
        site.console("down").ends(0)


@pytest.fixture(scope="session")
def first(services: Site, world: data.Folders, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The first run of all: some days of every source. To be read, never changed."""
    site = services.copy(tmp_path_factory.mktemp("first"))
    shutil.copytree(world.landing, site.landing)
    shutil.copytree(world.truth, site.truth)
    return Run(site, site.run())


@pytest.fixture(scope="session")
def second(first: Run, seed: int, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run after it, with one more day. To be read, never changed."""
    site = first.site.copy(tmp_path_factory.mktemp("second"))
    drop_day(site, seed)
    began = time.monotonic()
    report = site.run()
    return Run(site, report, time.monotonic() - began)


@dataclass(frozen=True)
class Run:
    """Where a run took place, what it reported, how long it took."""

    site: Site
    report: dict[str, Any]
    seconds: float = 0.0

    @cached_property
    def published(self) -> dict[str, pl.DataFrame]:
        """What readers see after it."""
        return self.site.published()


def drop_day(site: Site, seed: int, *, after: int = 0) -> str:
    """Let the processor drop the file of one more day; returns its name."""
    day = START + timedelta(days=DAYS + after)
    summary = generate(site.payments, site.truth, rows=600, days=1, start=day, seed=seed)
    name = summary.drops[0].file
    settle(site.payments / name)
    return name


def settle(place: Path) -> None:
    """Let files look as if they had been lying there for a minute."""
    for file in [place] if place.is_file() else place.iterdir():
        moment = file.stat().st_mtime_ns - 60 * 10**9
        os.utime(file, ns=(moment, moment))


@pytest.fixture
def published(first: Run, tmp_path: Path) -> Site:
    """A lake with a first run in it, for the test alone."""
    return first.site.copy(tmp_path / "site")


@pytest.fixture
def fresh(services: Site, world: data.Folders, tmp_path: Path) -> Site:
    """No lake yet, and no payments; what other sources have to say is there."""
    site = services.copy(tmp_path / "site")
    shutil.copytree(world.landing, site.landing, ignore=shutil.ignore_patterns("payments_*"))
    return site


@pytest.fixture
def drop(seed: int) -> Callable[..., str]:
    """Drops one more day into a site's landing folder."""
    return lambda site, after=0: drop_day(site, seed, after=after)


_MINUTES = count(59, -1)

RATES = "/service/data"
"""Where the provider serves rates, as the ECB does."""


@dataclass(frozen=True)
class Provider:
    """The session's provider, and what its control endpoints can do."""

    url: str

    def fault(self, kind: str, *, path: str = RATES, **more: Any) -> None:
        """Order a fault of the ECB's API, or of another one."""
        call(f"{self.url}/_control/faults", {"kind": kind, "path": path, **more})

    def revise(self, currency: str, day: date, value: str) -> None:
        """Give a rate another value."""
        order = {"currency": currency, "date": day.isoformat(), "value": value}
        call(f"{self.url}/_control/revise", order)

    def requests(self, path: str = RATES) -> list[dict[str, Any]]:
        """Data requests to one API since the test began."""
        seen: list[dict[str, Any]] = call(f"{self.url}/_control/requests")["requests"]
        return [request for request in seen if request["path"].startswith(path)]


@contextmanager
def later(services: Site) -> Iterator[Provider]:
    """The provider, at a moment of the caller's own; nothing of what it did stays.

    Each caller is earlier than the one before, so that nobody sees the revisions of another.
    """
    url = f"http://127.0.0.1:{services.variables['SLUICEGATE_PROVIDER__PORT']}"
    evening = call(f"{url}/_control/clock")
    moment = f"2026-10-30T18:{next(_MINUTES):02d}:00+00:00"
    call(f"{url}/_control/clock", {"now": moment})
    call(f"{url}/_control/requests", method="DELETE")
    try:
        yield Provider(url)
    finally:
        call(f"{url}/_control/clock", evening)
        call(f"{url}/_control/faults", method="DELETE")


@pytest.fixture
def provider(services: Site) -> Iterator[Provider]:
    """The provider, to be played tricks on."""
    with later(services) as opened:
        yield opened


@dataclass(frozen=True)
class Refused:
    """A run that was refused because of three files of four, and what was so before it."""

    site: Site
    outcome: Outcome
    last: dict[str, Any]
    moves: dict[str, bytes]
    generation: str | None
    lacks: str
    dirty: str
    broken: str
    originals: dict[str, bytes]

    @property
    def run(self) -> str:
        """Name of the run."""
        return str(self.last["run"])


@pytest.fixture(scope="session")
def refused(first: Run, seed: int, tmp_path_factory: pytest.TempPathFactory) -> Refused:
    """A run over four new days: a column missing, too much dirt, a gzip cut short, one good."""
    site = first.site.copy(tmp_path_factory.mktemp("refused"))
    names = [drop_day(site, seed, after=day) for day in range(4)]
    files = [site.payments / name for name in names]
    originals = {file.name: file.read_bytes() for file in files[:3]}
    lacks, dirty, cut = files[:3]
    lacks.write_bytes(originals[lacks.name].replace(b",amount,", b",amout,", 1))
    lines = originals[dirty.name].decode().split("\n")
    for place in range(2, len(lines), 10):
        lines[place] = lines[place].replace(",EUR,", ",XXQ,").replace(",USD,", ",XXQ,")
    dirty.write_text("\n".join(lines), newline="")
    broken = cut.rename(cut.with_name(cut.name + ".gz"))
    broken.write_bytes(gzip.compress(originals[cut.name])[:-100])
    settle(site.payments)
    moves, generation = site.moves(), site.generation()
    with later(first.site) as provider:
        provider.revise("USD", START, "1.25")
        outcome = site.sluicegate("run")
    last = site.sluicegate("status", "--json").ends(0).json["last_run"]
    return Refused(
        site, outcome, last, moves, generation, lacks.name, dirty.name, broken.name, originals
    )


@pytest.fixture(scope="session")
def variant(first: Run) -> Callable[[Path], Path]:
    """Makes a project to be changed; what dbt has parsed of ours comes along, to save time."""

    def make(target: Path) -> Path:
        copy_project(target)
        shutil.copytree(first.site.project / ".sluicegate/dbt", target / ".sluicegate/dbt")
        return target

    return make
