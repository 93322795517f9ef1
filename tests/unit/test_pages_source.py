"""Lists behind a paged API: all pages or none, nothing twice, nothing missed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stamina
from fastapi import FastAPI, Response

from simulator.provider import create_app
from sluicegate.contracts import Contract, Money, UtcTimestamp, field, key
from sluicegate.errors import ConfigurationError, ContractError, ProviderFailed
from sluicegate.ingestion import ingest, raw_table
from sluicegate.lake import Archive, Session
from sluicegate.settings import Endpoints, Settings
from sluicegate.sources import ALWAYS, Batch, Discovery, Load, Pages, Window
from tests.unit.conftest import Stage
from tests.unit.kit import fresh_name, known, settings_of

COUNT = 1_234
"""Records that the API has at the start: three pages."""


class Refunds(Contract):
    """One row a refund."""

    refund_id: str = key()
    updated_at: UtcTimestamp = field()
    amount: Money = field(gt=0)
    status: str = field()


def refunds(name: str | None = None) -> Pages:
    """A source of refunds."""
    return Pages(
        name or fresh_name("refunds"),
        contract=Refunds,
        endpoint="processor",
        path="v1/refunds",
        changed="updated_at",
        load=Load.MERGE,
        tolerate="5 %",
        owner="payments",
        ignore=("payment_id", "created_at", "currency", "reason"),
    )


class Processor:
    """The API of one test: its records, its clock and its faults."""

    def __init__(self, address: str, folder: Path, settings: Settings, archive: Archive) -> None:
        self._client = httpx2.Client(base_url=address)
        self._folder = folder
        self._archive = archive
        self.settings = settings

    def keep(self, *records: dict[str, Any]) -> None:
        """Add versions of records."""
        with (self._folder / "refunds.ndjson").open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)

    def order(self, kind: str, **details: Any) -> None:
        """Order a fault."""
        order = {"kind": kind, **details}
        self._client.post("/_control/faults", json=order).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """What was asked so far."""
        found: list[dict[str, Any]] = self._client.get("/_control/requests").json()["requests"]
        return found

    def discover(self, *had: Batch, window: Window = ALWAYS) -> Discovery:
        """Ask for refunds, with what the lake has already."""
        manifest = {batch.id: known(batch, batch.cursor) for batch in had}
        return refunds("refunds").discover(self.settings, manifest, self._archive, window)

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def refund(number: int, moment: str = "", **more: Any) -> dict[str, Any]:
    """A refund as the API shows it."""
    second = moment or f"2026-10-{1 + number % 28:02d}T10:{number % 60:02d}:00Z"
    return {
        "refund_id": f"RF{number:06d}",
        "payment_id": f"P{number}",
        "created_at": "2026-10-01T00:00:00Z",
        "updated_at": second,
        "amount": f"{number + 1}.10",
        "currency": "EUR",
        "reason": "other",
        "status": "succeeded",
        **more,
    }


@pytest.fixture
def processor(stage: Stage, address: str, tmp_path: Path, archive: Archive) -> Iterator[Processor]:
    """An API with a list of several pages; retries come at once."""
    folder = tmp_path / "records"
    folder.mkdir()
    stage.provider = create_app(records=folder)
    endpoints = Endpoints(processor=f"{address}/processor")
    made = Processor(address, folder, settings_of(tmp_path, endpoints=endpoints), archive)
    made.keep(*map(refund, range(COUNT)))
    with stamina.set_testing(True, attempts=5, cap=True):
        yield made
    made.close()


def records(batch: Batch) -> list[str]:
    """Ids of the records of a batch, in order."""
    return next(refunds().read(batch)).rows["refund_id"].to_list()


def test_days_of_a_window_are_asked_for_anew(processor: Processor) -> None:
    """From its first moment on; and the next run asks for what it would have asked anyway."""
    first = processor.discover().new
    processor.keep(refund(COUNT, "2026-10-20T00:00:00Z"))
    (again,) = processor.discover(*first, window=Window(since=date(2026, 10, 20))).new
    later = {n for n in range(COUNT) if refund(n)["updated_at"] >= "2026-10-20"}
    assert {int(name[2:]) for name in records(again)} == {*later, COUNT}
    assert again.cursor is None


def test_window_that_ends_cannot_be_asked_for(processor: Processor) -> None:
    """The API has no way to say until when, and what came after must not pass for less."""
    with pytest.raises(ConfigurationError, match="not until one"):
        processor.discover(window=Window(until=date(2026, 10, 20)))
    assert processor.requests() == []


def test_all_pages_are_one_batch(processor: Processor) -> None:
    """Every record once, the newest of them is the cursor, and amounts keep their digits."""
    (batch,) = processor.discover().new
    assert sorted(records(batch)) == [f"RF{number:06d}" for number in range(COUNT)]
    assert batch.cursor == "2026-10-28T10:59:00+00:00"
    assert set(next(refunds().read(batch)).rows["amount"].str.slice(-3).unique()) == {".10"}
    assert len(processor.requests()) == 3


def test_only_what_changed_is_asked_for_again(processor: Processor) -> None:
    """Nothing changed is no batch; a new version of a record and a new one are the next."""
    (first,) = processor.discover().new
    assert processor.discover(first).new == []
    processor.keep(
        refund(7, "2026-10-29T08:00:00Z", status="failed"),
        refund(99_999, "2026-10-29T09:00:00Z"),
    )
    (second,) = processor.discover(first).new
    assert records(second) == ["RF000007", "RF099999"]
    assert second.name == "v1/refunds?updated_after=2026-10-28T10:59:00+00:00"
    assert second.cursor == "2026-10-29T09:00:00+00:00"


def test_a_page_that_comes_twice_is_deduplicated(processor: Processor, session: Session) -> None:
    """Its records are in the batch twice, and in the lake once; the receipt closes."""
    processor.order("duplicate_page")
    (batch,) = processor.discover().new
    assert len(records(batch)) == COUNT + 500
    declared = refunds()
    ((receipt),) = ingest(declared, [batch], session, "run").receipts
    assert (receipt.rows_in, receipt.published, receipt.deduplicated) == (COUNT + 500, COUNT, 500)
    assert session.scalar(f"SELECT count(*) FROM {raw_table(declared).sql}") == COUNT


def test_a_missing_page_is_noticed(processor: Processor) -> None:
    """The list is asked for again; if it is never whole, nothing is taken in."""
    processor.order("missing_page")
    (batch,) = processor.discover().new
    assert len(records(batch)) == COUNT
    processor.order("missing_page", times=50)
    with pytest.raises(ProviderFailed, match="do not add up: they hold 500 different records"):
        processor.discover()


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("unavailable", {"times": 2}),
        ("too_many_requests", {"retry_after": 0}),
        ("truncated", {"keep": 0.5}),
        ("truncated", {"keep": 0.9999}),
    ],
)
def test_what_may_be_better_in_a_moment(
    processor: Processor, kind: str, details: dict[str, Any]
) -> None:
    """Outages, throttling and broken bodies are asked again, and cost no record."""
    processor.order(kind, **details)
    (batch,) = processor.discover().new
    assert len(records(batch)) == COUNT


@pytest.mark.parametrize(
    ("kind", "message"),
    [("wrong_content_type", "Expected JSON, got text/html"), ("unavailable", "status 503")],
)
def test_a_provider_that_stays_down_is_told(processor: Processor, kind: str, message: str) -> None:
    """The error names the host and what came instead; nothing is archived as a batch."""
    processor.order(kind, times=50)
    with pytest.raises(ProviderFailed, match=message):
        processor.discover()


class Odd:
    """An API that answers as it likes."""

    def __init__(self, *bodies: str) -> None:
        self._bodies = list(bodies)

    def app(self) -> FastAPI:
        """The application; its last answer is repeated."""
        made = FastAPI()

        def answer() -> Response:
            body = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]
            return Response(body, media_type="application/json")

        made.add_api_route("/processor/v1/refunds", answer)
        return made


def page(
    *names: str, total: int | None = None, follow: str | None = None, at: str = "2026-10-01"
) -> str:
    """A page with these records."""
    meta = {} if total is None else {"total": total}
    data = [{"refund_id": name, "updated_at": f"{at}T00:00:00Z"} for name in names]
    return json.dumps({"data": data, "meta": meta, "links": {"next_cursor": follow}})


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        ([page("a", total=2, follow="x"), page("b", total=2, follow="x")], "round in a circle"),
        ([page("a")], "lacks meta.total"),
        ([page("a", total=-1)], "lacks meta.total"),
        (['{"data": [], "meta": {"total": 0}}'], "lacks meta.total or links.next_cursor"),
        (['{"meta": {"total": 0}}'], "a list called 'data'"),
        (["[1, 2]"], "a list called 'data'"),
        ([page("a", total=3)], "they hold 1 different records, and the API speaks of 3"),
        ([page("a", "b", total=1)], "they hold 2 different records, and the API speaks of 1"),
    ],
)
def test_an_answer_that_is_not_as_agreed(
    stage: Stage, processor: Processor, bodies: list[str], message: str
) -> None:
    """It is told what is wrong with it, and nothing of it is taken in."""
    stage.provider = Odd(*bodies).app()
    with pytest.raises(ProviderFailed, match=message):
        processor.discover()


def test_records_that_move_between_pages(stage: Stage, processor: Processor) -> None:
    """A total that changes on the way means that the list moved: it is asked for again."""
    moved = [page("a", total=2, follow="x"), page("b", total=3)]
    stage.provider = Odd(*moved, page("a", "b", "c", total=3)).app()
    (batch,) = processor.discover().new
    assert records(batch) == ["a", "b", "c"]


def test_a_record_that_moves_on_the_way_hides_none(stage: Stage, processor: Processor) -> None:
    """One that comes in two states pushed another from page to page: it is all asked for again."""
    moved = [page("a", "b", total=4, follow="x"), page("d", "a", total=4, at="2026-10-02")]
    whole = page("a", "b", "c", "d", total=4)
    stage.provider = Odd(*moved, whole).app()
    (batch,) = processor.discover().new
    assert records(batch) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("wrong", ["2999-01-01", "0001-01-01"])
def test_a_wrong_clock_does_not_move_the_cursor(
    stage: Stage, processor: Processor, wrong: str
) -> None:
    """A record from the far future would hide all that are yet to come."""
    odd = json.loads(page("a", total=2))
    odd["data"].append({"refund_id": "b", "updated_at": f"{wrong}T00:00:00+14:00"})
    stage.provider = Odd(json.dumps(odd)).app()
    (batch,) = processor.discover().new
    assert batch.cursor == "2026-10-01T00:00:00+00:00"


def test_a_list_goes_by_a_column_of_its_contract() -> None:
    """What says when a record changed must be read, or the next batch could not be asked for."""
    with pytest.raises(ContractError, match="goes by 'changed_at', which its contract"):
        Pages(
            "refunds",
            contract=Refunds,
            endpoint="processor",
            path="v1/refunds",
            changed="changed_at",
            load=Load.MERGE,
            tolerate="5 %",
            owner="payments",
        )
