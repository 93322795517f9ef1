"""How people are told, in an environment's settings: ``[alerts]``."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

Port = Annotated[int, Field(ge=1, le=65535)]


def _web_address(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("this is no http or https address")
    return value


def _mail_address(value: str) -> str:
    # What else an address may be, the mail server decides; no header can be smuggled in.
    if not re.fullmatch(r"[^\s@,;<>]+@[^\s@,;<>]+", value):
        raise ValueError("this is no mail address, like oncall@example.com")
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", value):
        raise ValueError("this is no name of a host")
    return value


def _listed(value: object) -> object:
    # A variable holds one text; several addresses are separated by commas in it.
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


MailAddress = Annotated[str, AfterValidator(_mail_address)]


class Alerts(BaseModel):
    """How people are told of what went wrong, besides the line in the log.

    What a channel needs is asked for when it is deployed, and not by every process that reads the
    settings: a run needs no password for e-mail.

    Attributes:
        missed_after_seconds: time without the end of a run after which one was missed; by default
            the longest gap in the schedules and two hours.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: Literal["log", "webhook", "email"] = "log"
    webhook_url: Annotated[SecretStr, AfterValidator(_web_address)] | None = None
    smtp_host: Annotated[str, AfterValidator(_host)] | None = None
    smtp_port: Port = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: MailAddress | None = None
    smtp_to: Annotated[list[MailAddress], BeforeValidator(_listed)] = Field(default_factory=list)
    missed_after_seconds: Annotated[int, Field(ge=10)] | None = None
