"""A list behind an HTTP API that is handed out in pages, newest changes last.

The first batch is the whole list; every further one is what changed after the newest record that
the lake has. All pages of one answer are one batch, so either all of them are taken in or none. The
API says how many records the whole answer has: pages that come twice are harmless, pages that are
missing are noticed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Unpack

from sluicegate.errors import ConfigurationError, ContractError, ProviderFailed
from sluicegate.sources.base import Archive, Batch, Discovery, Known, Source, Terms
from sluicegate.sources.http import Answer, Caller, calls, shown
from sluicegate.sources.json_documents import JsonPages
from sluicegate.sources.jsons import document
from sluicegate.sources.window import ALWAYS, Window

if TYPE_CHECKING:
    from sluicegate.settings import Settings

_TYPE = "application/json"
_RECORDS = "data"
_LIMIT = "500"
"""Records that a page may have."""

_MOST_PAGES = 10_000
_AHEAD = timedelta(days=1)
"""How far a provider's clock may be ahead of the moment of its answer."""

_ATTEMPTS = 3
"""Times that a list is asked for whose total changes, or whose pages do not add up to it."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Answered:
    """The pages of one list, as they came."""

    bodies: list[bytes] = field(default_factory=list)
    distinct: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    totals: set[int] = field(default_factory=set)
    newest: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether the pages add up to what the API said all along.

        A record that is there in two states changed on the way, and may have pushed another one
        from a page that was still to come to one that was not.
        """
        return self.totals == {len(self.distinct)} == {len(self.keys)}


class Pages(Source):
    """A list of an API: ``{"data": […], "meta": {"total": n}, "links": {"next_cursor": …}}``.

    Args:
        endpoint: name of the address among the settings' ``endpoints``.
        path: of the list, below that address.
        changed: member of a record that says when it last changed.
        terms: see :class:`~sluicegate.sources.base.Terms`.
    """

    def __init__(
        self, name: str, *, endpoint: str, path: str, changed: str, **terms: Unpack[Terms]
    ) -> None:
        super().__init__(name, JsonPages(_RECORDS), **terms)
        if changed not in {column.reads for column in self.contract.columns()}:
            raise ContractError(
                f"The source {name!r} goes by {changed!r}, which its contract does not read.",
                where=self.contract.place(),
                hint="name the column that says when a record last changed",
            )
        self.endpoint = endpoint
        self.path = path.strip("/")
        self.changed = changed

    def discover(
        self,
        settings: Settings,
        manifest: Mapping[str, Known],
        archive: Archive,
        window: Window = ALWAYS,
    ) -> Discovery:
        """Ask for what changed since the newest record that the lake has, or since a day.

        Raises:
            ProviderFailed: no answer, or one that is not what was agreed.
            ConfigurationError: the window ends; the API can only be asked for all changes since.
        """
        if window.until:
            raise ConfigurationError(
                f"The API of source {self.name!r} tells what changed since a day, not until one.",
                hint="leave --to out",
            )
        cursor = max((known.cursor for known in manifest.values() if known.cursor), default=None)
        if window.since:
            # The API tells what changed after a moment, and the day begins at its first one.
            midnight = datetime.combine(window.since, time.min, UTC)
            cursor = (midnight - timedelta(microseconds=1)).isoformat()
        url = f"{settings.endpoint(self.endpoint)}/{self.path}"
        answered = self._ask(url, cursor)
        found = Discovery(known=len(manifest))
        if not answered.distinct:
            return found
        content = b"[" + b",\n".join(answered.bodies) + b"]\n"
        batch, place, size = archive.keep_bytes(content)
        if batch not in manifest:
            name = self.path + (f"?updated_after={cursor}" if cursor else "")
            moved = answered.newest.isoformat() if answered.newest else cursor
            # What changed before that day may not have been asked for yet.
            moved = moved if window.open else None
            found.new.append(Batch(batch, name, place, size, cursor=moved))
        return found

    def _ask(self, url: str, cursor: str | None) -> _Answered:
        with calls(_TYPE) as caller:
            answered = self._all_pages(caller, url, cursor)
            for _ in range(_ATTEMPTS - 1):
                if answered.whole:
                    break
                log.info("asking again: the pages of %s do not add up", self.path)
                answered = self._all_pages(caller, url, cursor)
        if answered.whole:
            return answered
        raise ProviderFailed(
            f"The pages of {self.path} do not add up: they hold {len(answered.distinct):,} "
            f"different records, and the API speaks of {', '.join(map(str, answered.totals))}.",
            where=shown(url),
            hint="nothing was changed; the next run asks again",
        )

    def _all_pages(self, caller: Caller, url: str, cursor: str | None) -> _Answered:
        answered = _Answered()
        parameters = {"limit": _LIMIT} | ({"updated_after": cursor} if cursor else {})
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            answer = caller.get(url, parameters, complete=_whole)
            follow = self._take(answer, answered, url)
            if follow is None:
                return answered
            if follow in seen:
                raise ProviderFailed(
                    f"The pages of {self.path} go round in a circle.", where=shown(url)
                )
            seen.add(follow)
            parameters["cursor"] = follow
        raise ProviderFailed(f"The pages of {self.path} do not end.", where=shown(url))

    def _take(self, answer: Answer, answered: _Answered, url: str) -> str | None:
        """Take a page; returns the cursor of the next one, if there is one."""
        if answer.content_type != _TYPE:
            raise ProviderFailed(
                f"Expected JSON, got {answer.content_type or 'no content type'}.",
                where=shown(url),
                hint="often a maintenance page; nothing was changed, the next run asks again",
            )
        page = document(answer.body, _RECORDS, shown(url))
        total, follow = _envelope(page, shown(url))
        answered.bodies.append(answer.body.strip())
        answered.totals.add(total)
        # A record whose clock is wrong must not make us skip those that are yet to come.
        latest = (answer.as_of or datetime.now(UTC)) + _AHEAD
        for record in page[_RECORDS]:
            text = json.dumps(record, sort_keys=True, default=str)
            answered.distinct.add(text)
            answered.keys.add(self._key(record) or text)
            moment = _moment(record.get(self.changed) if isinstance(record, dict) else None)
            if moment and moment <= latest:
                answered.newest = max(moment, answered.newest or moment)
        return follow

    def _key(self, record: Any) -> str | None:
        """What identifies a record, if all of it is there."""
        reads = [column.reads for column in self.contract.columns() if column.key]
        parts = [record.get(name) if isinstance(record, dict) else None for name in reads]
        return None if None in parts else json.dumps(parts, default=str)


def _envelope(page: dict[str, Any], where: str) -> tuple[int, str | None]:
    """Total and next cursor; a page that lacks either may be the last one, or not."""
    try:
        total, follow = int(page["meta"]["total"]), page["links"]["next_cursor"]
    except (KeyError, TypeError, ValueError):
        total, follow = -1, ""
    if total < 0 or not (follow is None or (isinstance(follow, str) and follow)):
        raise ProviderFailed(
            "A page lacks meta.total or links.next_cursor.",
            where=where,
            hint="the provider changed its format; compare it with its documentation",
        )
    return total, follow


def _whole(answer: Answer) -> bool:
    """Whether an answer is all there. What is no JSON at all is told as it is."""
    if answer.content_type != _TYPE:
        return True
    try:
        json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return True


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
