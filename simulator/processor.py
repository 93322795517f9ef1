"""The API of a card processor: refunds and chargebacks, a page at a time.

    GET /processor/v1/refunds?updated_after=2026-10-29T18:00:00Z&limit=200
    GET /processor/v1/chargebacks?cursor=...

    {"data": [...], "meta": {"total": 431, "as_of": "..."}, "links": {"next_cursor": "..."}}

A record is shown as its newest version at the virtual time, from its first ``updated_at`` on, in
the order of (``updated_at``, id). A walk from page to page stays at the time of its first page, so
it neither misses nor repeats a record that changes meanwhile. The records are read from a folder
(``simulator.reversals`` writes it), and again when its files change.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt

from simulator.faults import Fault
from simulator.reversal_day import ID

DEFAULT_LIMIT = 200
MOST = 500
PARAMETERS = frozenset({"updated_after", "cursor", "limit"})

Place = tuple[datetime, str]
"""Where a record stands: its update time and its id."""


class RefusedError(ValueError):
    """A request that is answered with an error.

    Args:
        code: for programs.
        message: for people.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Cursor(BaseModel):
    """Where a walk goes on.

    Attributes:
        source: refunds or chargebacks.
        as_of: the time of the first page.
        updated_after: as asked for on the first page.
        after: the last record of the pages so far; none before the first.
        page: number of the next page, so that a page that is sent twice has two cursors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    as_of: AwareDatetime
    updated_after: AwareDatetime | None = None
    after: tuple[AwareDatetime, str] | None = None
    page: PositiveInt = 1

    def write(self) -> str:
        """Write the cursor as clients pass it on."""
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()

    @classmethod
    def read(cls, text: str, source: str) -> Cursor:
        """Read a cursor.

        Raises:
            RefusedError: it is none of ours, or one of another list.
        """
        try:
            cursor = cls.model_validate_json(base64.b64decode(text, altchars=b"-_", validate=True))
        except ValueError as error:  # what both of them raise
            raise RefusedError("bad_cursor", "cursor is not one that this API gave out") from error
        if cursor.source != source:
            raise RefusedError("bad_cursor", f"cursor was given out for {cursor.source}")
        return cursor


@dataclass(slots=True)
class Versions:
    """The versions in one file, and what is visible of them at a time."""

    file: Path
    source: str
    _stamp: tuple[int, int] | None = None
    _versions: list[tuple[datetime, str, str]] = field(default_factory=list)
    _seen: tuple[datetime, list[Place], list[str]] | None = None

    def visible(self, now: datetime) -> tuple[list[Place], list[str]]:
        """Newest versions at a time, in order.

        Returns:
            Places and records (JSON text), in parallel.

        Raises:
            RefusedError: the file cannot be read.
        """
        self._refresh()
        if self._seen is None or self._seen[0] != now:
            newest: dict[str, tuple[datetime, str]] = {}
            for updated, key, line in self._versions:
                if updated <= now:
                    newest[key] = updated, line
            ordered = sorted((updated, key, line) for key, (updated, line) in newest.items())
            places = [(updated, key) for updated, key, _ in ordered]
            self._seen = now, places, [line for _, _, line in ordered]
        return self._seen[1], self._seen[2]

    def _refresh(self) -> None:
        try:
            status = self.file.stat()
            stamp = status.st_mtime_ns, status.st_size
        except FileNotFoundError:
            stamp = None
        if stamp != self._stamp or stamp is None:
            self._versions = self._read() if stamp else []
            self._stamp, self._seen = stamp, None

    def _read(self) -> list[tuple[datetime, str, str]]:
        found = []
        for number, raw in enumerate(self.file.read_bytes().split(b"\n"), 1):
            if not raw:
                continue
            try:
                line = raw.decode()
                record = json.loads(line)
                found.append((_moment(record["updated_at"]), str(record[ID[self.source]]), line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                message = f"{self.file.name}, line {number}, is no version of a record"
                raise RefusedError("records_unreadable", message, 500) from error
        # Stable: of two versions with one update time the later line is the newer.
        return sorted(found, key=lambda version: version[0])


class Processor:
    """The API on one folder of records.

    Args:
        folder: holds ``refunds.ndjson`` and ``chargebacks.ndjson``; a missing file is no records.
    """

    def __init__(self, folder: Path) -> None:
        self._lists = {source: Versions(folder / f"{source}.ndjson", source) for source in ID}

    def answer(
        self, source: str, parameters: list[tuple[str, str]], now: datetime, fault: Fault | None
    ) -> Response:
        """Answer a request for one page.

        Args:
            source: the path's last segment.
            parameters: the query string's names and values, decoded.
            now: the virtual time.
            fault: what goes wrong with the page.
        """
        try:
            versions = self._list(source)
            given = _known(parameters)
            cursor, limit = _start(source, given, now), _limit(given.get("limit"))
            return _page(versions.visible(cursor.as_of), cursor, limit, fault)
        except RefusedError as error:
            content = {"error": {"code": error.code, "message": error.message}}
            return JSONResponse(content, error.status)

    def _list(self, source: str) -> Versions:
        if source not in self._lists:
            raise RefusedError("not_found", f"there is no list {source}", 404)
        return self._lists[source]


def _page(
    visible: tuple[list[Place], list[str]], cursor: Cursor, limit: int, fault: Fault | None
) -> Response:
    places, records = visible
    first = 0
    if cursor.updated_after:
        # Behind every id that has this very update time.
        first = bisect_right(places, cursor.updated_after, key=lambda place: place[0])
    begin = bisect_right(places, cursor.after) if cursor.after else first
    if fault and fault.kind == "missing_page":
        begin = min(begin + limit, len(places))
    end = min(begin + limit, len(places))
    page = [fault.rename(line) if fault else line for line in records[begin:end]]
    again = fault is not None and fault.kind == "duplicate_page"
    goes_on = begin if again else end
    following = None
    if again or end < len(places):
        after = places[goes_on - 1] if goes_on > first else None
        following = cursor.model_copy(update={"after": after, "page": cursor.page + 1}).write()
    meta = json.dumps({"total": len(places) - first, "as_of": _text(cursor.as_of)})
    links = json.dumps({"next_cursor": following})
    # The records' own text, so that an amount keeps its digits.
    body = f'{{"data":[{",".join(page)}],"meta":{meta},"links":{links}}}'
    return Response(body, media_type="application/json")


def _known(parameters: list[tuple[str, str]]) -> dict[str, str]:
    given = dict(parameters)
    if len(given) < len(parameters):
        raise RefusedError("repeated_parameter", "a parameter is given more than once")
    if unknown := sorted(given.keys() - PARAMETERS):
        raise RefusedError("unknown_parameter", f"there is no parameter {unknown[0]}")
    return given


def _start(source: str, given: dict[str, str], now: datetime) -> Cursor:
    updated_after = _updated_after(given.get("updated_after"))
    if "cursor" not in given:
        return Cursor(source=source, as_of=now, updated_after=updated_after)
    cursor = Cursor.read(given["cursor"], source)
    if updated_after not in (None, cursor.updated_after):
        raise RefusedError("bad_cursor", "cursor was given out for another updated_after")
    return cursor


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MOST):
        raise RefusedError("bad_limit", f"limit must be a whole number from 1 to {MOST}")
    return int(text)


def _updated_after(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return _moment(text)
    except ValueError as error:
        # A + that was not percent-encoded arrives as a blank, and ends up here.
        message = "updated_after must be a percent-encoded ISO 8601 time with its zone"
        raise RefusedError("bad_time", message) from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
