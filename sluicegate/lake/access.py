"""How object storage is reached, and as whom: the settings first, then AWS's usual variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from sluicegate.errors import ConfigurationError
from sluicegate.settings import Lake, Landing

_NAMES = {"lake": "lake", "landing": "landing folder"}

REGION = "us-east-1"
"""What services other than AWS go by, as a rule."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where object storage answers, and the credentials that it is asked with.

    Attributes:
        endpoint: its address, without a path.
        token: of temporary credentials; empty for lasting ones.
    """

    endpoint: str
    region: str
    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def of(
        cls, place: Lake | Landing, environ: Mapping[str, str] = os.environ, setting: str = "lake"
    ) -> Access:
        """What the settings say, and AWS's variables where they say nothing.

        Args:
            setting: the section of the settings, for messages.

        Raises:
            ConfigurationError: there are no credentials, or half of them.
        """
        region = place.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        region = region or REGION
        endpoint = place.endpoint or f"https://s3.{region}.amazonaws.com"
        return cls(endpoint, region, *_credentials(place, environ, setting))

    @property
    def plain(self) -> bool:
        """Whether what is sent can be read on the way."""
        return self.endpoint.startswith("http://")

    def for_duckdb(self) -> tuple[tuple[str, str], ...]:
        """The same, as DuckDB is told by ``CREATE SECRET``."""
        options = (
            ("KEY_ID", self.key_id),
            ("SECRET", self.secret),
            ("SESSION_TOKEN", self.token),
            ("REGION", self.region),
            ("ENDPOINT", urlsplit(self.endpoint).netloc),
            ("USE_SSL", "false" if self.plain else "true"),
            # The bucket in the path: a service of one's own has no name for every bucket.
            ("URL_STYLE", "path"),
        )
        return tuple((name, value) for name, value in options if value)


def _credentials(
    place: Lake | Landing, environ: Mapping[str, str], setting: str
) -> tuple[str, str, str]:
    ours = (_plain(place.key_id), _plain(place.secret))
    if all(ours):
        return (*ours, "")
    theirs = (environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", ""))
    # Half of ours and half of theirs would be a third party's that nobody meant.
    if not any(ours) and all(theirs):
        return (*theirs, environ.get("AWS_SESSION_TOKEN", ""))
    raise ConfigurationError(
        f"The {_NAMES[setting]} is on object storage, and "
        + (
            "half of its credentials are missing."
            if any(ours)
            else "there are no credentials for it."
        ),
        where=str(place.root),
        hint=f"set the variables SLUICEGATE_{setting.upper()}__KEY_ID and "
        f"SLUICEGATE_{setting.upper()}__SECRET, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )


def _plain(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
