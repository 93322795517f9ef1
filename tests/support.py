"""What integration and end-to-end tests share: a project of their own, and hands to use it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import polars as pl
from polars.testing import assert_frame_equal

from simulator.truth import read_summaries, read_truth
from sluicegate.lake import Lake, Move

ROOT = Path(__file__).resolve().parent.parent
FORGE = Path(__file__).with_name("forge.py")
CONSOLE = Path(sys.executable).with_name("sluicegate")

PATIENCE = 120.0
"""Seconds after which a command counts as hanging."""

NEVER = ("Traceback", "Warning")
"""What no line of output may contain, whatever happens."""

QUIET = {"PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore"}
"""For the forge alone: the console looks for news before it imports Prefect, which is there now."""

T = TypeVar("T")


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether anybody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alive(pid: int) -> bool:
    """Whether a process is at work; one that has ended and that nobody asked about is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def until(look: Callable[[], T], *, seconds: float = 20.0) -> T:
    """Look until there is something, and return it; or what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


def call(url: str, body: Any = None, *, method: str | None = None) -> Any:
    """Send JSON to a service, and read its JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def inherited() -> dict[str, str]:
    """This process's environment, without what would steer Python, make, Prefect or us."""
    prefixes = ("SLUICEGATE_", "PREFECT_", "PYTEST_", "PYTHON", "MAKE", "MFLAGS", "VIRTUAL_ENV")
    return {name: text for name, text in os.environ.items() if not name.startswith(prefixes)}


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str
    seconds: float
    cpu: float = 0.0

    @property
    def said(self) -> str:
        """Everything that was printed."""
        return f"{self.out}\n{self.err}"

    @property
    def json(self) -> Any:
        """The JSON that was printed."""
        return json.loads(self.out)

    def ends(self, code: int = 0) -> Outcome:
        """The same, if it ended with this exit code and said nothing that frightens people."""
        assert self.code == code, f"exit code {self.code} instead of {code}\n{self.said}"
        for word in NEVER:
            assert word not in self.said, self.said
        return self


@dataclass
class Running:
    """A command at work."""

    pid: int
    began: float
    folder: Path
    join: Callable[[float], tuple[int, float]]

    def wait(self, seconds: float = PATIENCE) -> Outcome:
        """Wait for its end."""
        code, cpu = self.join(seconds)
        spent = time.monotonic() - self.began
        out, err = ((self.folder / name).read_text() for name in ("out", "err"))
        return Outcome(code, out, err, spent, cpu)

    def send(self, number: signal.Signals) -> Outcome:
        """Send it a signal, and wait for its end."""
        os.kill(self.pid, number)
        return self.wait()

    def says(self, text: str, *, seconds: float = 30.0) -> None:
        """Wait until it says something."""
        file = self.folder / "err"
        found = until(lambda: text in file.read_text() if file.exists() else False, seconds=seconds)
        assert found, f"it never said {text!r}"


class Forge:
    """Runs console commands in children of a process that has imported everything."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        folder.mkdir()
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, str(FORGE)],
            env={**inherited(), **environment, **QUIET},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._ready = False

    def start(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        *,
        powerless: bool = False,
    ) -> Running:
        """Start a command; powerless means without what root may do to files of others."""
        self._count += 1
        folder = self._folder / f"{self._count:03d}"
        folder.mkdir()
        out, err = folder / "out", folder / "err"
        request = {
            "argv": list(argv),
            "env": {**inherited(), **environment},
            "cwd": str(cwd),
            "out": str(out),
            "err": str(err),
            "powerless": powerless,
        }
        began = time.monotonic()
        pid = self._ask(request)["pid"]
        return Running(pid, began, folder, lambda seconds: self._join(pid, seconds))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _join(self, pid: int, seconds: float) -> tuple[int, float]:
        # The forge answers when the child has ended: a child that hangs is ended from here.
        if not until(lambda: not alive(pid), seconds=seconds):
            os.kill(pid, signal.SIGKILL)
        answer = self._ask({"wait": pid})
        return int(answer["code"]), float(answer["cpu"])

    def _ask(self, request: Mapping[str, Any]) -> Any:
        assert self._process.stdin
        if not self._ready:
            assert self._answer() == {"ready": True}
            self._ready = True
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@dataclass(frozen=True)
class Site:
    """One environment's world: a project, a lake, a landing folder, and the services it uses."""

    project: Path
    folder: Path
    variables: Mapping[str, str]
    forge: Forge | None = None

    @property
    def root(self) -> Path:
        """The lake's folder."""
        return self.folder / "lake"

    @property
    def landing(self) -> Path:
        """The landing folder."""
        return self.folder / "landing"

    @property
    def payments(self) -> Path:
        """Where payment files land."""
        return self.landing / "payments"

    @property
    def truth(self) -> Path:
        """What is known about them."""
        return self.folder / "truth"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make a command work here."""
        return {
            "SLUICEGATE_PROJECT": str(self.project),
            "SLUICEGATE_LAKE__ROOT": str(self.root),
            "SLUICEGATE_LANDING__ROOT": str(self.landing),
            **self.variables,
        }

    def having(self, **variables: object) -> Site:
        """The same place under other settings."""
        more = {f"SLUICEGATE_{name.upper()}": str(value) for name, value in variables.items()}
        return replace(self, variables={**self.variables, **more})

    def of(self, project: Path) -> Site:
        """The same lake and landing folder under another project."""
        return replace(self, project=project)

    def copy(self, folder: Path) -> Site:
        """A copy of lake, landing folder and truth: what happens there stays there."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return replace(self, folder=folder)

    def start(self, *arguments: str, powerless: bool = False) -> Running:
        """Start ``sluicegate``."""
        assert self.forge
        argv = ["sluicegate", *arguments]
        return self.forge.start(argv, self.environment, self.folder, powerless=powerless)

    def sluicegate(self, *arguments: str) -> Outcome:
        """Run ``sluicegate`` to its end."""
        return self.start(*arguments).wait()

    def run(self, *arguments: str) -> Any:
        """Run the pipeline, which must end well; returns its report."""
        return self.sluicegate("run", "--json", *arguments).ends(0).json

    def flow(self, env: str = "dev") -> Outcome:
        """Run the flow itself, as a worker of Prefect does."""
        assert self.forge
        return self.forge.start(["flow", env], self.environment, self.folder).wait()

    def console(self, *arguments: str, prefix: Sequence[str] = ()) -> Outcome:
        """Run the installed command, from scratch."""
        return execute([*prefix, str(CONSOLE), *arguments], self.environment, self.folder)

    @property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.root)

    def head(self, env: str = "dev") -> Move | None:
        """Where an environment's ref points."""
        return self.lake.refs.head(env)

    def generation(self, env: str = "dev") -> str | None:
        """What readers of an environment see."""
        head = self.head(env)
        return head.generation if head else None

    def moves(self, env: str = "dev") -> dict[str, bytes]:
        """The ref's log, to the byte."""
        folder = self.root / "refs" / env
        return {file.name: file.read_bytes() for file in sorted(folder.glob("*.json"))}

    def frame(self, sql: str, ref: str = "dev") -> pl.DataFrame:
        """What readers of a ref get for a query."""
        with self.lake.read(ref) as session:
            return session.frame(sql)

    def rows(self, sql: str, ref: str = "dev") -> list[tuple[Any, ...]]:
        """The same as tuples."""
        with self.lake.read(ref) as session:
            return session.rows(sql)

    def published(self, ref: str = "dev") -> dict[str, pl.DataFrame]:
        """Everything that readers of a ref see, but for which run and when."""
        with self.lake.read(ref) as session:
            frames = {name: session.frame(sql) for name, sql in PUBLISHED.items()}
        return {name: frame.sort(frame.columns) for name, frame in frames.items()}


def assert_same(found: Mapping[str, pl.DataFrame], expected: Mapping[str, pl.DataFrame]) -> None:
    """Two sites show the same, table by table and row by row."""
    assert found.keys() == expected.keys()
    for name, frame in found.items():
        assert_frame_equal(frame, expected[name])


PUBLISHED = {
    "payments": "FROM raw.payments",
    "rates": "SELECT currency, rate_date, rate FROM raw.fx_rates",
    "payments_eur": "FROM marts.payments_eur",
    "volume": "FROM marts.daily_corridor_volume",
    "coverage": "FROM marts.fx_coverage",
    "quarantine": "SELECT file, line, list_sort(rules) AS rules, record FROM accounts.quarantine"
    " WHERE source = 'payments'",
    "batches": "SELECT name, batch, rows_in, published, quarantined, deduplicated, held"
    " FROM accounts.batches WHERE source = 'payments'",
}


def execute(
    command: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    *,
    seconds: float = PATIENCE,
) -> Outcome:
    """Run a command to its end, in this environment and nothing of ours."""
    began = time.monotonic()
    done = subprocess.run(
        list(command),
        env={**inherited(), **environment},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def copy_project(target: Path) -> Path:
    """A project folder as a clone has it, without lake, landing files and state."""
    for name in ("contracts", "dbt_project", "deployments", "data/reference"):
        made = shutil.ignore_patterns("target", "logs", "__pycache__", ".user.yml")
        shutil.copytree(ROOT / name, target / name, ignore=made)
    shutil.copy(ROOT / "prefect.toml", target)
    return target


# What should be in the lake, worked out without the code that puts it there.

BERLIN = ZoneInfo("Europe/Berlin")
OLDEST_RATE = timedelta(days=7)
IBAN = re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b")


@cache
def ecb_rates() -> dict[str, dict[date, Decimal]]:
    """Currency → day → rate, straight from the ECB's file."""
    with zipfile.ZipFile(ROOT / "data" / "reference" / "eurofxref-hist.zip") as archive:
        text = archive.read(archive.namelist()[0]).decode()
    rates: dict[str, dict[date, Decimal]] = {}
    for line in csv.DictReader(io.StringIO(text)):
        day = date.fromisoformat(line.pop("Date"))
        for currency, value in line.items():
            if value and value != "N/A":
                rates.setdefault(currency, {})[day] = Decimal(value)
    return rates


def rate_on(currency: str, day: date) -> tuple[Decimal | None, date | None, str]:
    """Rate, its date and its source for a currency and a booking date."""
    if currency == "EUR":
        return Decimal(1), None, "identity"
    published = ecb_rates().get(currency, {})
    days = [known for known in published if day - OLDEST_RATE <= known <= day]
    return (published[max(days)], max(days), "ecb") if days else (None, None, "none")


def in_euro(amount: Decimal, rate: Decimal) -> Decimal:
    """An amount at a rate, to the cent; half a cent is rounded away from zero."""
    with localcontext(prec=60):
        return (amount / rate).quantize(Decimal("0.01"), ROUND_HALF_UP)


def account_for(site: Site, ref: str = "dev") -> dict[str, int]:
    """Hold every row of the landed files against the generator's truth; returns the totals."""
    truth = read_truth(site.truth).select("file", "line", "outcome", pl.col("rules").list.sort())
    drops = {drop.file: drop.rows for each in read_summaries(site.truth) for drop in each.drops}
    quarantine = "SELECT file, line, list_sort(rules) AS rules FROM accounts.quarantine"
    found = site.frame(f"{quarantine} WHERE source = 'payments'", ref).sort("file", "line")
    meant = truth.filter(outcome="quarantined").drop("outcome").sort("file", "line")
    assert_frame_equal(found, meant)

    landed = site.frame(
        "SELECT b.name AS file, p._line AS line, p.payment_id, m.rate_source FROM raw.payments p"
        " JOIN (SELECT DISTINCT batch, name FROM accounts.batches) b ON p._batch = b.batch"
        " JOIN marts.payments_eur m USING (payment_id)",
        ref,
    )
    # Everything else is published, from its own line and under its own key.
    dirty = truth.filter(pl.col("outcome") != "unconverted")
    assert landed.join(dirty, on=["file", "line"], how="semi").is_empty()
    per_file = dict(landed.group_by("file").len().iter_rows())
    removed = dict(dirty.group_by("file").len().iter_rows())
    assert per_file == {file: rows - removed.get(file, 0) for file, rows in drops.items()}
    for file in drops:
        lines = text_of(site.payments / file).split("\n")
        mine = landed.filter(file=file)
        for line, key in mine.select("line", "payment_id").iter_rows():
            assert lines[line - 1].startswith(f"{key},"), f"{file}, line {line}"

    # A payment in a currency without a rate is published, and is not converted.
    unrated = landed.filter(rate_source="none").select("file", "line").sort("file", "line")
    meant = truth.filter(outcome="unconverted").select("file", "line").sort("file", "line")
    assert_frame_equal(unrated, meant)

    # The receipts say the same, file by file.
    repeated = dict(truth.filter(outcome="deduplicated").group_by("file").len().iter_rows())
    rejected = dict(found.group_by("file").len().iter_rows())
    receipts = site.rows(
        "SELECT name, rows_in, published, quarantined, deduplicated, held FROM accounts.batches"
        " WHERE source = 'payments' ORDER BY name",
        ref,
    )
    assert receipts == [
        (file, rows, per_file[file], rejected.get(file, 0), repeated.get(file, 0), 0)
        for file, rows in sorted(drops.items())
    ]
    kinds = ("rows_in", "published", "quarantined", "deduplicated", "held")
    return {kind: sum(line[place] for line in receipts) for place, kind in enumerate(kinds, 1)}


def text_of(file: Path) -> str:
    """A landed file as text, whatever form it has; bytes that are no text are kept apart."""
    raw = file.read_bytes()
    raw = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    return raw.removeprefix(b"\xef\xbb\xbf").decode(errors="backslashreplace")


def ibans(site: Site) -> set[str]:
    """Every account number in the landed files."""
    return {iban for file in site.payments.iterdir() for iban in IBAN.findall(text_of(file))}
