"""The grammar of SDMX 2.1 REST data queries, as far as the ECB Data Portal documents it.

What the service would answer but the simulator cannot is refused with 501, openly; it is never
answered in part.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

DIMENSIONS = ("FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX")
FLOWS = frozenset({"EXR", "ECB,EXR", "ECB,EXR,1.0"})
CSV_TYPES = ("text/csv", "application/vnd.ecb.data+csv")
PARAMETERS = frozenset(
    {
        "startPeriod",
        "endPeriod",
        "updatedAfter",
        "firstNObservations",
        "lastNObservations",
        "detail",
        "includeHistory",
        "format",
    }
)
_OTHER_FORMATS = frozenset({"jsondata", "genericdata", "structurespecificdata"})
_SEGMENT = re.compile(r"(?:[A-Z0-9_]+(?:\+[A-Z0-9_]+)*)?")
_PERIOD = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})(?:-(\d{2}))?))?")


class QueryError(ValueError):
    """A query that is answered with an error.

    Args:
        status: the HTTP status: 400 syntax, 404 no results, 406 format, 501 not simulated.
        message: the answer's text.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Query:
    """One data query.

    Attributes:
        key: dimension to accepted codes; none means any.
        start: first day, inclusive.
        end: last day, inclusive.
        updated_after: only observations updated after this moment; aware.
        first: observations from the start of each series; 0 for no such limit.
        last: observations from the end of each series; 0 for no such limit.
        data_only: leave the attributes out.
        media_type: content type of the answer.
    """

    key: Mapping[str, frozenset[str]]
    start: date | None
    end: date | None
    updated_after: datetime | None
    first: int
    last: int
    data_only: bool
    media_type: str

    def allows(self, dimension: str, code: str) -> bool:
        """Tell whether the key accepts a code of a dimension."""
        return not self.key[dimension] or code in self.key[dimension]


def parse(flow: str, key: str, parameters: list[tuple[str, str]], accept: str) -> Query:
    """Read a query.

    Args:
        flow: flow reference, the path's segment after ``data``.
        key: series key, the path's last segment.
        parameters: the query string's names and values, decoded.
        accept: the Accept header, empty if there was none.

    Raises:
        QueryError: the query is answered with an error.
    """
    given = dict(parameters)
    if len(given) < len(parameters):
        raise QueryError(400, "A parameter is given more than once.")
    if unknown := sorted(given.keys() - PARAMETERS):
        raise QueryError(400, f"Unknown parameter: {unknown[0]}.")
    if flow not in FLOWS:
        raise QueryError(404, "No results found.")
    if _flag(given.get("includeHistory", "false")):
        raise QueryError(501, "includeHistory=true is not simulated.")
    return Query(
        key=_key(key),
        start=_period("startPeriod", given, last=False),
        end=_period("endPeriod", given, last=True),
        updated_after=_moment(given.get("updatedAfter")),
        first=_count("firstNObservations", given),
        last=_count("lastNObservations", given),
        data_only=_data_only(given.get("detail", "full")),
        media_type=_media_type(given.get("format"), accept),
    )


def _key(text: str) -> dict[str, frozenset[str]]:
    segments = text.split(".")
    if len(segments) != len(DIMENSIONS):
        raise QueryError(
            400, f"A key of EXR has {len(DIMENSIONS)} segments: {'.'.join(DIMENSIONS)}."
        )
    if not all(map(_SEGMENT.fullmatch, segments)):
        raise QueryError(400, "A segment of the key is malformed: write codes, joined by +.")
    return {
        dimension: frozenset(segment.split("+")) - {""}
        for dimension, segment in zip(DIMENSIONS, segments, strict=True)
    }


def _period(name: str, given: Mapping[str, str], *, last: bool) -> date | None:
    if name not in given:
        return None
    found = _PERIOD.fullmatch(given[name])
    if not found:
        raise QueryError(400, f"{name} must read YYYY, YYYY-Qn, YYYY-MM or YYYY-MM-DD.")
    year, quarter, month, day = (int(part) if part else 0 for part in found.groups())
    try:
        if day:
            return date(year, month, day)
        first_month = quarter * 3 - 2 if quarter else month or 1
        if not last:
            return date(year, first_month, 1)
        last_month = quarter * 3 if quarter else month or 12
        return date(year, last_month, calendar.monthrange(year, last_month)[1])
    except ValueError as error:  # includes calendar's complaint about a 13th month
        raise QueryError(400, f"{name} names no day of the calendar.") from error


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        # A + that was not percent-encoded arrives as a blank, and ends up here.
        raise QueryError(400, "updatedAfter must be a percent-encoded ISO 8601 time.") from error
    if moment.tzinfo is None:
        raise QueryError(400, "updatedAfter must name its time zone.")
    return moment


def _count(name: str, given: Mapping[str, str]) -> int:
    text = given.get(name)
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise QueryError(400, f"{name} must be a whole number above 0.")
    return int(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise QueryError(400, "includeHistory must be true or false.")
    return text == "true"


def _data_only(detail: str) -> bool:
    if detail in ("serieskeysonly", "nodata"):
        raise QueryError(501, f"detail={detail} is not simulated.")
    if detail not in ("full", "dataonly"):
        raise QueryError(400, "detail must be full, dataonly, serieskeysonly or nodata.")
    return detail == "dataonly"


def _media_type(wanted: str | None, accept: str) -> str:
    if wanted in _OTHER_FORMATS:
        raise QueryError(501, f"format={wanted} is not simulated: ask for csvdata.")
    if wanted not in (None, "csvdata"):
        raise QueryError(406, "format must be csvdata, the only one simulated.")
    offered = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for media_type in CSV_TYPES:
        if media_type in offered:
            versioned = ";version=1.0.0" if media_type.startswith("application/") else ""
            return media_type + versioned
    if wanted == "csvdata" or "text/*" in offered:
        return CSV_TYPES[0]
    if not accept or "*/*" in offered:
        raise QueryError(501, "The default, XML, is not simulated: ask for format=csvdata.")
    raise QueryError(406, f"Not acceptable: this service writes {' and '.join(CSV_TYPES)}.")
