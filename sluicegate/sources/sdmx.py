"""Statistical series over SDMX 2.1 REST, as the ECB Data Portal serves them (``format=csvdata``).

The first batch is the whole history since a day; every further one is what changed since the last
answer (``updatedAfter``), revisions included. ``404`` means that there is nothing, not an outage.
Contract: https://data.ecb.europa.eu/help/api/data
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from sluicegate.errors import ProviderFailed
from sluicegate.sources.base import Archive, Batch, Discovery, Known, Source, Terms
from sluicegate.sources.delimited import Delimited
from sluicegate.sources.http import Answer, calls, shown
from sluicegate.sources.window import ALWAYS, Window

if TYPE_CHECKING:
    from sluicegate.settings import Settings

_ACCEPT = "text/csv, application/vnd.ecb.data+csv;version=1.0.0;q=0.9"
_TYPES = frozenset({"text/csv", "application/vnd.ecb.data+csv"})
_NOTHING = 404
_DATAONLY = (
    "KEY",
    "FREQ",
    "CURRENCY",
    "CURRENCY_DENOM",
    "EXR_TYPE",
    "EXR_SUFFIX",
    "TIME_PERIOD",
    "OBS_VALUE",
)


def _whole(answer: Answer) -> bool:
    """Whether an answer is all there. What is no CSV is no part of one: it is told as it is."""
    csv = answer.status == 200 and answer.content_type in _TYPES
    return not csv or answer.body.endswith(b"\n")


class Sdmx(Source):
    """A set of series.

    Args:
        endpoint: name of the address among the settings' ``endpoints``.
        series: flow and key, such as ``EXR/D..EUR.SP00.A`` (an empty dimension means all).
        since: first period that is asked for, ``YYYY-MM-DD``.
        terms: see :class:`~sluicegate.sources.base.Terms`.
    """

    def __init__(
        self, name: str, *, endpoint: str, series: str, since: str, **terms: Unpack[Terms]
    ) -> None:
        super().__init__(name, Delimited(), **terms)
        read = {column.reads for column in self.contract.columns()}
        self.ignore |= {column for column in _DATAONLY if column not in read}
        self.endpoint = endpoint
        self.series = series
        self.since = since

    def discover(
        self,
        settings: Settings,
        manifest: Mapping[str, Known],
        archive: Archive,
        window: Window = ALWAYS,
    ) -> Discovery:
        """Ask for what changed since the newest batch, or for the days of a window.

        Raises:
            ProviderFailed: no answer, or one that is not what was agreed.
        """
        cursor = max((known.cursor for known in manifest.values() if known.cursor), default=None)
        asked = {"startPeriod": self.since}
        if not window.open:
            asked = {"startPeriod": str(window.since or self.since)}
            asked |= {"endPeriod": str(window.until)} if window.until else {}
        elif cursor is not None:
            asked["updatedAfter"] = cursor
        parameters = {**asked, "detail": "dataonly", "format": "csvdata"}
        base = settings.endpoint(self.endpoint)
        with calls(_ACCEPT) as caller:
            answer = caller.get(
                f"{base}/{self.series}",
                parameters,
                expected=frozenset({200, 304, _NOTHING}),
                complete=_whole,
            )
        found = Discovery(known=len(manifest))
        if answer.status != 200 or not answer.body:
            return found
        self._agreed(answer, base)
        batch, content, size = archive.keep_bytes(answer.body)
        if batch not in manifest:
            name = f"{self.series}?" + "&".join(f"{key}={text}" for key, text in asked.items())
            moved = answer.as_of or (datetime.fromisoformat(cursor) if cursor else None)
            # What some days hold says nothing of what changed on others.
            moved = moved if window.open else None
            found.new.append(
                Batch(batch, name, content, size, cursor=moved.isoformat() if moved else None)
            )
        return found

    def _agreed(self, answer: Answer, base: str) -> None:
        if answer.content_type not in _TYPES:
            raise ProviderFailed(
                f"Expected CSV, got {answer.content_type or 'no content type'}.",
                where=shown(base),
                hint="often a maintenance page; nothing was changed, the next run asks again",
            )
        header = answer.body.partition(b"\n")[0].decode(errors="replace").strip().split(",")
        if missing := [column for column in _DATAONLY if column not in header]:
            raise ProviderFailed(
                f"The answer lacks the agreed columns {', '.join(missing)}.",
                where=shown(base),
                hint="the provider changed its format; compare it with its documentation",
            )
