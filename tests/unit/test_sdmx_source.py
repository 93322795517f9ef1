"""Exchange rates over HTTP, from the provider of the project on a real socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import stamina

from simulator.provider import create_app
from sluicegate.contracts import Contract, Date, Rate, field, key
from sluicegate.errors import ConfigurationError, ProviderFailed
from sluicegate.ingestion import ingest, raw_table
from sluicegate.lake import Archive, Session
from sluicegate.settings import Endpoints, Settings
from sluicegate.sources import Discovery, Known, Load, Sdmx
from sluicegate.sources import http as politeness
from tests.unit.conftest import Stage
from tests.unit.kit import fresh_name, read_delimited, settings_of
from tests.unit.kit import known as known_of

NOW = "2026-10-30T18:00:00Z"


class Rates(Contract):
    """One row a currency and day."""

    currency: str = key(reads="CURRENCY")
    rate_date: Date = key(reads="TIME_PERIOD")
    rate: Rate = field(reads="OBS_VALUE", gt=0)


class Portal:
    """The provider, its controls, and a source that asks it."""

    def __init__(self, address: str, settings: Settings, archive: Archive) -> None:
        self._client = httpx2.Client(base_url=address)
        self._archive = archive
        self.settings = settings

    def order(self, kind: str, **details: Any) -> None:
        """Order a fault."""
        self._post("faults", {"kind": kind, **details})

    def clock(self, now: str) -> None:
        """Move the provider's clock."""
        self._post("clock", {"now": now})

    def revise(self, value: str, day: str = "2026-10-29") -> None:
        """Correct a rate of the US dollar."""
        self._post("revise", {"currency": "USD", "date": day, "value": value})

    def requests(self) -> list[dict[str, Any]]:
        """What was asked so far."""
        found: list[dict[str, Any]] = self._client.get("/_control/requests").json()["requests"]
        return found

    def discover(self, *known: Known, **options: Any) -> Discovery:
        """Ask for rates, with what the lake has already."""
        manifest = {each.batch: each for each in known}
        return rates(**options).discover(self.settings, manifest, self._archive)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _post(self, what: str, body: Any) -> None:
        self._client.post(f"/_control/{what}", json=body).raise_for_status()


def rates(name: str = "rates", **options: Any) -> Sdmx:
    """A source of two currencies."""
    chosen = {"series": "EXR/D.USD+GBP.EUR.SP00.A", "since": "2026-10-26", "endpoint": "ecb"}
    chosen |= options
    return Sdmx(name, contract=Rates, load=Load.MERGE, tolerate="0 %", owner="treasury", **chosen)


@pytest.fixture
def portal(stage: Stage, address: str, tmp_path: Any, archive: Archive) -> Iterator[Portal]:
    """A provider of its own; retries come at once."""
    stage.provider = create_app()
    endpoints = Endpoints(ecb=f"{address}/service/data")
    made = Portal(address, settings_of(tmp_path, endpoints=endpoints), archive)
    with stamina.set_testing(True, attempts=5, cap=True):
        yield made
    made.close()


def known(found: Discovery) -> Known:
    """What the lake remembers of the one batch that was found."""
    (batch,) = found.new
    return known_of(batch, batch.cursor)


def values(found: Discovery) -> dict[tuple[str, str], str]:
    """Currency and day to value, as they were sent."""
    (batch,) = found.new
    rows = read_delimited(batch.content).rows.rows(named=True)
    return {(row["CURRENCY"], row["TIME_PERIOD"]): row["OBS_VALUE"] for row in rows}


def test_first_answer_is_the_history_since_a_day(portal: Portal) -> None:
    """Its raw bytes are archived, and its cursor is the moment of the newest rate."""
    found = portal.discover()
    assert len(values(found)) == 10
    assert values(found)["USD", "2026-10-30"] == "1.1172"
    assert found.new[0].cursor == "2026-10-30T15:00:00+00:00"
    assert found.new[0].name.endswith("?startPeriod=2026-10-26")


def test_next_answer_is_what_changed_since(portal: Portal) -> None:
    """A new day and a revised one, and nothing of the rest."""
    portal.clock("2026-10-29T18:00:00Z")
    first = known(portal.discover())
    portal.clock(NOW)
    portal.revise("1.1131")
    second = portal.discover(first)
    assert values(second) == {
        ("USD", "2026-10-29"): "1.1131",
        ("GBP", "2026-10-30"): values(second)["GBP", "2026-10-30"],
        ("USD", "2026-10-30"): "1.1172",
    }
    assert "updatedAfter=2026-10-29" in second.new[0].name
    assert portal.discover(first, known(second)).new == []


def test_not_found_means_nothing(portal: Portal) -> None:
    """The documented answer to an empty range is no outage and no batch."""
    first = portal.discover()
    again = portal.discover(known(first))
    assert (again.new, again.known) == ([], 1)
    assert [request["status"] for request in portal.requests()] == [200, 404]
    assert portal.discover(series="EXR/D.XXX.EUR.SP00.A").new == []


def test_known_answer_is_no_batch(portal: Portal) -> None:
    """The same bytes again are known by their content, also without a cursor."""
    (batch,) = portal.discover().new
    again = portal.discover(known_of(batch))
    assert again.new == []


@pytest.mark.parametrize(
    ("kind", "times"), [("unavailable", 4), ("truncated", 2), ("too_many_requests", 1)]
)
def test_passing_fault_is_asked_through(portal: Portal, kind: str, times: int) -> None:
    """An outage, a body that breaks off, a limit: after a few more tries all of it is there."""
    portal.order(kind, times=times, **({"retry_after": 0} if kind.startswith("too") else {}))
    assert len(values(portal.discover())) == 10
    assert len(portal.requests()) == times + 1


@pytest.mark.parametrize(
    ("kind", "details", "message"),
    [
        ("unavailable", {"times": 99}, "no usable answer: status 503"),
        ("truncated", {"times": 99}, "no usable answer: the body breaks off"),
        ("too_many_requests", {"retry_after": 3600}, "stay away for 3600 seconds"),
        ("wrong_content_type", {}, "Expected CSV, got text/html"),
        ("renamed_column", {}, "lacks the agreed columns OBS_VALUE"),
        ("renamed_column", {"column": "CURRENCY", "name": "CCY"}, "agreed columns CURRENCY"),
    ],
)
def test_lasting_fault_is_told(
    portal: Portal, tmp_path: Any, kind: str, details: dict[str, Any], message: str
) -> None:
    """The tries are bounded, the error is ours, and nothing was archived."""
    portal.order(kind, **details)
    with pytest.raises(ProviderFailed, match=message) as caught:
        portal.discover()
    assert "startPeriod" not in str(caught.value)
    assert len(portal.requests()) == (5 if "no usable" in message else 1)
    assert not [file for file in (tmp_path / "archive").rglob("*") if file.is_file()]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_provider_says_when_to_come_back(portal: Portal, form: str) -> None:
    """Nobody is asked before the moment that the answer named."""
    portal.order("too_many_requests", retry_after=1, retry_after_form=form)
    stamina.set_testing(False)
    began = time.monotonic()
    assert portal.discover().new
    assert time.monotonic() - began >= (1.0 if form == "seconds" else 0.01)
    assert [request["status"] for request in portal.requests()] == [429, 200]


def test_added_column_is_no_fault(portal: Portal) -> None:
    """A provider may send more than was agreed."""
    portal.order("added_column")
    assert len(values(portal.discover())) == 10


def test_nobody_answers(portal: Portal) -> None:
    """Without a connection the error says so, and how to get one."""
    away = portal.settings.model_copy(update={"endpoints": Endpoints(ecb="http://127.0.0.1:9/x")})
    with pytest.raises(ProviderFailed, match="no usable answer: no connection"):
        rates().discover(away, {}, portal._archive)


def test_wrong_question_is_not_repeated(portal: Portal) -> None:
    """A refusal that will not pass is told at once."""
    with pytest.raises(ProviderFailed, match="answered with status 400"):
        portal.discover(series="EXR/D.USD")
    assert len(portal.requests()) == 1


def test_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch, portal: Portal) -> None:
    """An agreed host that sends us elsewhere has broken the contract."""

    def elsewhere(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(302, headers={"Location": "http://elsewhere.example/"})

    client = httpx2.Client
    transport = httpx2.MockTransport(elsewhere)
    monkeypatch.setattr(
        politeness.httpx2, "Client", lambda **options: client(**options, transport=transport)
    )
    with pytest.raises(ProviderFailed, match="status 302"):
        portal.discover()


def test_unknown_endpoint_is_told(portal: Portal) -> None:
    """A source names its address by a key of the settings."""
    with pytest.raises(ConfigurationError, match="no endpoint called 'ebc'"):
        portal.discover(endpoint="ebc")


def test_revision_supersedes(portal: Portal, session: Session) -> None:
    """End to end: a revised rate replaces the one before, and no row is added."""
    declared = rates(fresh_name("rates"))
    first = portal.discover()
    ingest(declared, first.new, session, "run-1")
    portal.revise("1.9999", day="2026-10-28")  # At 18:00, after the newest rate.
    intake = ingest(declared, portal.discover(known(first)).new, session, "run-2")
    assert intake.superseded == 1
    table = raw_table(declared).sql
    found = session.rows(f"SELECT count(*), count(*) FILTER (rate = 1.9999) FROM {table}")
    assert found == [(10, 1)]
