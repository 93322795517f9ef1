"""HTTP requests to a third party, as polite and as suspicious as they have to be.

Every request has a time limit. Answers that may be better in a moment (no connection, 429, 5xx, a
body that breaks off) are asked for again, not before the ``Retry-After`` of the provider, a bounded
number of times. What comes back is checked against what was agreed before anybody reads it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
import stamina

from sluicegate.errors import ProviderFailed

Asked = TypeVar("Asked")

_TIMEOUT = httpx2.Timeout(30.0, connect=5.0)
_ATTEMPTS = 5
_LONGEST_WAIT = 60.0
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: status, body, and the moment until which it speaks."""

    status: int
    body: bytes
    content_type: str
    as_of: datetime | None
    """``Last-Modified``; else the server's own clock."""


class _Again(Exception):
    """An answer that may be better in a moment."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@contextmanager
def calls(accept: str) -> Iterator[Caller]:
    """Ask one provider for several things over the same connection.

    Args:
        accept: media types that are an answer.
    """
    with httpx2.Client(timeout=_TIMEOUT, headers={"Accept": accept}) as client:
        yield Caller(client)


@dataclass(frozen=True, slots=True)
class Caller:
    """Asks for things, one after the other; made by :func:`calls`."""

    client: httpx2.Client

    def get(
        self,
        url: str,
        parameters: Mapping[str, str],
        *,
        expected: frozenset[int] = frozenset({200}),
        complete: Callable[[Answer], bool] = lambda _: True,
    ) -> Answer:
        """Ask for something until there is an answer that can be used.

        Args:
            url: where to ask.
            parameters: of the query.
            expected: statuses that are an answer.
            complete: whether an answer is all there; if not, it is asked for again.

        Raises:
            ProviderFailed: there was no usable answer. The message names the host, never the
                query, which may carry a key.
        """
        return _tried(
            lambda: _once(self.client, url, parameters, expected, complete),
            url,
            hint="nothing was changed; the next run asks again. `make run` starts the loopback "
            "provider of this machine",
        )

    def download(self, url: str, file: Path, *, most: int) -> None:
        """Write what stands at an address that a person named to a file, a part at a time.

        Unlike a provider with whom an address was agreed, it may send us elsewhere.

        Args:
            most: bytes that it may have.

        Raises:
            ProviderFailed: there was no usable answer. The message names the host, never the
                query, which may carry a key.
        """
        _tried(
            lambda: _written(self.client, url, file, most),
            url,
            hint="look at the address; or download the file yourself, and name that",
        )


def _tried(ask: Callable[[], Asked], url: str, *, hint: str) -> Asked:
    """Ask, and again if that may help; what remains is the provider's failure."""
    try:
        for attempt in stamina.retry_context(
            on=_pause, attempts=_ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=10.0
        ):
            with attempt:
                return ask()
    except (_Again, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ProviderFailed(
            f"{shown(url)} gave no usable answer: {_reason(error)}.",
            where=urlsplit(url).path,
            hint=hint,
        ) from error
    raise AssertionError("stamina returns or raises")


def _written(client: httpx2.Client, url: str, file: Path, most: int) -> None:
    with client.stream("GET", url, follow_redirects=True) as response:
        if response.status_code in _TEMPORARY:
            raise _Again(f"status {response.status_code}", _retry_after(response))
        if response.status_code != 200:
            raise ProviderFailed(
                f"{shown(url)} answered with status {response.status_code}.",
                where=urlsplit(url).path,
                hint="look at the address",
            )
        left = most
        with file.open("wb") as target:
            for part in response.iter_bytes():
                left -= len(part)
                if left < 0:
                    raise ProviderFailed(
                        f"What {shown(url)} sends is larger than {most >> 20} MiB.",
                        where=urlsplit(url).path,
                        hint="download it yourself, and name the file",
                    )
                target.write(part)


def _once(
    client: httpx2.Client,
    url: str,
    parameters: Mapping[str, str],
    expected: frozenset[int],
    complete: Callable[[Answer], bool],
) -> Answer:
    # Redirects are not followed: an agreed host that sends us elsewhere has broken the contract.
    response = client.get(url, params=dict(parameters), follow_redirects=False)
    if response.status_code in _TEMPORARY:
        raise _Again(f"status {response.status_code}", _retry_after(response))
    if response.status_code not in expected:
        raise ProviderFailed(
            f"{shown(url)} answered with status {response.status_code}.",
            where=urlsplit(url).path,
            hint="check the source's declaration against the provider's documentation",
        )
    moment = response.headers.get("Last-Modified") or response.headers.get("Date")
    answer = Answer(
        response.status_code,
        response.content,
        response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        _moment(moment),
    )
    if not complete(answer):
        raise _Again("the body breaks off")
    return answer


def _pause(error: Exception) -> bool | float:
    """Whether, and if the provider said so when, to ask again."""
    if isinstance(error, _Again):
        log.info("asking again: %s", error)
        return True if error.wait is None else error.wait
    return isinstance(error, httpx2.TransportError)


def _retry_after(response: httpx2.Response) -> float | None:
    header = response.headers.get("Retry-After", "").strip()
    if header.isdigit():
        wait = float(header)
    elif moment := _moment(header):
        wait = (moment - datetime.now(UTC)).total_seconds()
    else:
        return None
    if wait > _LONGEST_WAIT:
        raise ProviderFailed(
            f"The provider asks us to stay away for {wait:.0f} seconds.",
            where=shown(str(response.url)),
            hint="nothing was changed; run again after that",
        )
    return max(wait, 0.0)


def shown(url: str) -> str:
    """Host and port of an address, without the name and password that may be in it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _moment(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, _Again):
        return str(error)
    if isinstance(error, httpx2.ConnectError):
        return "no connection"
    return type(error).__name__
