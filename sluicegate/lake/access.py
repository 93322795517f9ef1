"""How object storage is reached, and as whom: the settings first, then AWS's usual variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from sluicegate.errors import ConfigurationError
from sluicegate.settings import Lake

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
    def of(cls, lake: Lake, environ: Mapping[str, str] = os.environ) -> Access:
        """What the settings of a lake say, and AWS's variables where they say nothing.

        Raises:
            ConfigurationError: there are no credentials, or half of them.
        """
        region = lake.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        region = region or REGION
        endpoint = lake.endpoint or f"https://s3.{region}.amazonaws.com"
        return cls(endpoint, region, *_credentials(lake, environ))

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


def _credentials(lake: Lake, environ: Mapping[str, str]) -> tuple[str, str, str]:
    ours = (_plain(lake.key_id), _plain(lake.secret))
    if all(ours):
        return (*ours, "")
    theirs = (environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", ""))
    # Half of ours and half of theirs would be a third party's that nobody meant.
    if not any(ours) and all(theirs):
        return (*theirs, environ.get("AWS_SESSION_TOKEN", ""))
    raise ConfigurationError(
        "The lake is on object storage, and there are no credentials for it."
        if not any(ours)
        else "The lake is on object storage, and half of its credentials are missing.",
        where=str(lake.root),
        hint="set the variables SLUICEGATE_LAKE__KEY_ID and SLUICEGATE_LAKE__SECRET,"
        " or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )


def _plain(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
