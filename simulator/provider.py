"""The providers of exchange rates and of refunds on this machine, each under its own contract.

    python -m simulator.provider --port 8417 --now 2026-10-30T18:00:00Z

    GET    /service/data/EXR/D.USD+GBP.EUR.SP00.A?format=csvdata    rates (SDMX 2.1 REST)
    GET    /processor/v1/refunds                                    see ``simulator.processor``
    GET    /processor/v1/chargebacks
    POST   /_control/clock     {"now": "2026-10-29T18:00:00Z"}      what is released follows it
    POST   /_control/revise    {"currency": "USD", "date": "2026-10-29", "value": "1.1131"}
    POST   /_control/faults    {"kind": "unavailable", "times": 2}  one fault after the other
    DELETE /_control/faults                                         no more faults
    GET    /_control/requests                                       count and list; DELETE resets
    GET    /_control/health                                         who answers

The clock is virtual and stands still until it is moved. Rates follow the contract of the ECB Data
Portal; the digits are those of the ECB's own
history (Source: ECB statistics); the control endpoints are why it only listens on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.middleware.gzip import GZipMiddleware

from simulator.ecb import History, NotRevisableError, as_csv, as_table, narrow
from simulator.faults import MAINTENANCE, Fault
from simulator.processor import Processor
from simulator.sdmx import QueryError, parse

RECORDS = Path("data/processor")
HISTORY = Path(__file__).resolve().parent.parent / "data" / "reference" / "eurofxref-hist.zip"
NOW = datetime(2026, 10, 30, 18, tzinfo=UTC)
SERVICE = "sluicegate-provider"


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Clock(_Order):
    """Where to move the virtual clock."""

    now: AwareDatetime


class Revision(_Order):
    """A new value for an observation that is released already."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    date: date
    value: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$")]


@dataclass(frozen=True, slots=True)
class Seen:
    """One data request and how it was answered."""

    path: str
    query: str
    status: int
    fault: str | None


@dataclass(slots=True)
class Provider:
    """State of the provider, and the endpoints on it. All of it lives in one event loop."""

    history: History
    processor: Processor
    now: datetime
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    async def rates(self, flow: str, key: str, request: Request) -> Response:
        """Answer a request for exchange rates."""
        return await self._serve(request, lambda fault: self._rates(flow, key, request, fault))

    async def reversals(self, source: str, request: Request) -> Response:
        """Answer a request for refunds or chargebacks."""
        parameters = request.query_params.multi_items()
        return await self._serve(
            request, lambda fault: self.processor.answer(source, parameters, self.now, fault)
        )

    async def _serve(
        self, request: Request, answer: Callable[[Fault | None], Response]
    ) -> Response:
        """Answer a data request, well or with the fault that is due."""
        fault = self._next_fault(request.url.path)
        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        response = _refusal(fault) or _cut(answer(fault), fault)
        self.seen.append(
            Seen(
                path=request.url.path,
                query=request.url.query,
                status=response.status_code,
                fault=fault.kind if fault else None,
            )
        )
        return response

    def _next_fault(self, path: str) -> Fault | None:
        due = (place for place, fault in enumerate(self.faults) if fault.hits(path))
        place = next(due, None)
        if place is None:
            return None
        fault = self.faults.pop(place)
        if fault.times > 1:
            self.faults.insert(place, fault.model_copy(update={"times": fault.times - 1}))
        return fault

    def _rates(self, flow: str, key: str, request: Request, fault: Fault | None) -> Response:
        accept = request.headers.get("accept", "")
        try:
            query = parse(flow, key, request.query_params.multi_items(), accept)
        except QueryError as error:
            return PlainTextResponse(error.message, error.status)
        visible = self.history.visible(query, self.now)
        if visible.is_empty():
            return PlainTextResponse("No results found.", 404)
        modified = _newest(visible)
        headers = {"Last-Modified": format_datetime(modified, usegmt=True)}
        if _unchanged(request.headers.get("if-modified-since"), modified):
            return Response(status_code=304, headers=headers)
        chosen = narrow(visible, query)
        if chosen.is_empty():
            return PlainTextResponse("No results found.", 404)
        table = as_table(chosen, query)
        body = as_csv(fault.distort(table) if fault else table)
        return Response(body, headers=headers, media_type=query.media_type)

    async def health(self) -> dict[str, Any]:
        """Say who answers, in which process."""
        return {"status": "ok", "service": SERVICE, "pid": os.getpid()}

    async def read_clock(self) -> dict[str, str]:
        """Tell the virtual time."""
        return {"now": self.now.isoformat()}

    async def set_clock(self, clock: Clock) -> dict[str, str]:
        """Move the virtual clock, in either direction."""
        self.now = _whole_second(clock.now)
        return await self.read_clock()

    async def revise(self, revision: Revision) -> dict[str, str]:
        """Give an observation another value from now on."""
        try:
            self.history.revise(revision.currency, revision.date, revision.value, self.now)
        except NotRevisableError as error:
            raise HTTPException(409, str(error)) from error
        return {"updated": self.now.isoformat()}

    async def order_fault(self, fault: Fault) -> dict[str, int]:
        """Queue a fault behind those that are still due."""
        self.faults.append(fault)
        return await self.due()

    async def due(self) -> dict[str, int]:
        """Count the data requests that will be hit."""
        return {"due": sum(fault.times for fault in self.faults)}

    async def clear_faults(self) -> dict[str, int]:
        """Forget the faults that are still due."""
        self.faults.clear()
        return await self.due()

    async def requests(self) -> dict[str, Any]:
        """List the data requests since the last reset."""
        return {"count": len(self.seen), "requests": [asdict(seen) for seen in self.seen]}

    async def reset_requests(self) -> dict[str, Any]:
        """Forget the data requests."""
        self.seen.clear()
        return await self.requests()


def create_app(
    history: Path = HISTORY, now: datetime | None = None, records: Path = RECORDS
) -> FastAPI:
    """Make the application; its data are read on the first data request.

    Args:
        history: the ECB's ``eurofxref-hist.zip``.
        now: the virtual time, aware; the evening of 2026-10-30 if absent.
        records: folder of the processor's refunds and chargebacks; need not exist.
    """
    provider = Provider(History(history), Processor(records), _whole_second(now or NOW))
    app = FastAPI(title=SERVICE, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=500, compresslevel=5)
    app.add_api_route("/service/data/{flow}/{key}", provider.rates, response_model=None)
    app.add_api_route("/processor/v1/{source}", provider.reversals, response_model=None)
    for method, path, endpoint in (
        ("GET", "health", provider.health),
        ("GET", "clock", provider.read_clock),
        ("POST", "clock", provider.set_clock),
        ("POST", "revise", provider.revise),
        ("GET", "faults", provider.due),
        ("POST", "faults", provider.order_fault),
        ("DELETE", "faults", provider.clear_faults),
        ("GET", "requests", provider.requests),
        ("DELETE", "requests", provider.reset_requests),
    ):
        app.add_api_route(f"/_control/{path}", endpoint, methods=[method])
    return app


def _refusal(fault: Fault | None) -> Response | None:
    if fault is None:
        return None
    if fault.kind == "unavailable":
        return PlainTextResponse("Service unavailable.", 503)
    if fault.kind == "too_many_requests":
        return PlainTextResponse("Too many requests.", 429, headers=fault.retry_headers())
    if fault.kind == "wrong_content_type":
        return HTMLResponse(MAINTENANCE)
    return None


def _cut(response: Response, fault: Fault | None) -> Response:
    if not fault or fault.kind != "truncated" or response.status_code != 200:
        return response
    # Streamed, so that no Content-Length gives the missing part away.
    del response.headers["content-length"]
    pieces = iter([fault.cut(bytes(response.body))])
    return StreamingResponse(pieces, headers=response.headers)


def _newest(visible: pl.DataFrame) -> datetime:
    newest = visible["updated"].max()
    if not isinstance(newest, datetime):
        raise TypeError("the update times of a history are all set")
    return newest.astimezone(UTC)


def _unchanged(since: str | None, modified: datetime) -> bool:
    if since is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        return False  # RFC 9110: a date that cannot be read is ignored
    return modified <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _whole_second(moment: datetime) -> datetime:
    # Last-Modified has no fractions, and an update must not seem newer than itself.
    return moment.astimezone(UTC).replace(microsecond=0)


def _loopback(host: str) -> str:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise argparse.ArgumentTypeError("the provider listens on loopback only, as 127.0.0.1")
    return host


def _aware(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError("write a time with its zone, as in 2026-10-30T18:00:00Z")
    return moment


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped. Wrong arguments exit with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator.provider",
        description="Serve the ECB's exchange rates, and refunds and chargebacks of a processor.",
    )
    parser.add_argument("--host", type=_loopback, default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8417)
    parser.add_argument("--now", type=_aware, default=NOW, help="virtual time, ISO 8601")
    parser.add_argument("--history", type=Path, default=HISTORY, help="eurofxref-hist.zip")
    parser.add_argument(
        "--records", type=Path, default=RECORDS, help="folder of refunds and chargebacks"
    )
    chosen = parser.parse_args(arguments)
    if not chosen.history.is_file():
        parser.error(f"there is no history at {chosen.history}")
    app = create_app(chosen.history, chosen.now, chosen.records)
    uvicorn.run(app, host=chosen.host, port=chosen.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
