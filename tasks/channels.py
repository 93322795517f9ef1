"""The Prefect block through which the server brings alerts to people.

Prefect finds it by the entry point ``prefect.collections`` (pyproject.toml), when it first looks
for a block. So the module stays light: it is imported by the server, which runs no data.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from prefect.blocks.abstract import NotificationBlock, NotificationError
from pydantic import Field, SecretStr

from sluicegate.alerts.delivery import Channel, Undelivered, deliver


class SluicegateAlerts(NotificationBlock):
    """How an environment's alerts reach people: a log line, and a webhook or an e-mail if so set.

    `sluicegate deploy` writes it from the section `[alerts]` of the environment's settings.
    """

    _block_type_name: ClassVar[str] = "Sluicegate alerts"
    _block_type_slug: ClassVar[str] = "sluicegate-alerts"

    channel: Literal["log", "webhook", "email"] = "log"
    webhook_url: SecretStr = Field(default=SecretStr(""))
    smtp_host: str = ""
    smtp_port: int = 0
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr = Field(default=SecretStr(""))
    smtp_from: str = ""
    smtp_to: list[str] = Field(default_factory=list)

    async def notify(self, body: str, subject: str | None = None) -> None:
        """Bring a message to people.

        Raises:
            NotificationError: the channel did not take it; the server's log has it all the same.
        """
        channel = Channel(
            kind=self.channel,
            webhook_url=self.webhook_url.get_secret_value(),
            smtp_host=self.smtp_host,
            smtp_port=self.smtp_port,
            smtp_security=self.smtp_security,
            smtp_user=self.smtp_user,
            smtp_password=self.smtp_password.get_secret_value(),
            smtp_from=self.smtp_from,
            smtp_to=tuple(self.smtp_to),
        )
        try:
            # A receiver may take its time; the server has other things to do meanwhile.
            await asyncio.to_thread(deliver, channel, subject or "Sluicegate", body)
        except Undelivered as error:
            raise NotificationError(str(error)) from None
