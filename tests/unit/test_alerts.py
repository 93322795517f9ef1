"""Alerts: what a run tells of an error or a stale source, and how that reaches people."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stamina

from sluicegate.alerts import Kind, of_error, of_held_batches, of_stale_sources, resource_of
from sluicegate.alerts.delivery import ATTEMPTS, LOG_VARIABLE, Channel, Undelivered, deliver
from sluicegate.errors import AuditFailed, EnvironmentFailed
from sluicegate.local.definitions import ALERTS_VARIABLE
from sluicegate.pipeline import Report, Status
from sluicegate.pipeline.markdown import as_markdown
from sluicegate.quality.freshness import Freshness
from tests.receivers import mail_receiver, web_receiver

ROOT = Path(__file__).parents[2]
MONDAY = datetime(2026, 10, 5, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Attempts follow each other at once."""
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "alerts.log"
    monkeypatch.setenv(LOG_VARIABLE, str(file))
    return file


def test_a_refusal_is_told_apart_from_a_failure() -> None:
    """Message, place and advice of the error are in the alert, with the command to look."""
    report = Report(run="r1", env="prod", status=Status.REFUSED, ui="http://ui/run")
    error = AuditFailed("1 of 9 checks do not hold.", where="evidence/r1", hint="look at FROM x")
    alert = of_error("prod", error, report)
    assert (alert.kind, alert.kind.event) == (Kind.REFUSED, "sluicegate.run.refused")
    assert alert.payload == {
        "env": "prod",
        "run": "r1",
        "what": "1 of 9 checks do not hold.",
        "where": "evidence/r1",
        "next": "look at FROM x",
        "look": ".venv/bin/sluicegate status --env prod",
        "ui": "http://ui/run",
        "source": "",
    }
    assert of_error("prod", EnvironmentFailed("the disk is full")).kind is Kind.FAILED
    assert resource_of("prod") == "sluicegate.environment.prod"


def test_an_error_of_somebody_else_is_told_by_its_type_only() -> None:
    """Its message may quote a row."""
    alert = of_error("dev", ValueError("DE89370400440532013000"))
    assert "ValueError" in alert.what
    assert "DE89" not in str(alert)


def test_what_fails_after_publishing_is_told_so() -> None:
    """Readers see the data: whoever is called must know that first."""
    report = Report(run="r1", env="dev", status=Status.PUBLISHED)
    assert of_error("dev", OSError(), report).what.startswith("The data were published, but")


def test_only_stale_sources_are_told() -> None:
    """Each with when it last delivered, when it should have, and what is expected of it."""
    fresh = Freshness("rates", "every weekday", MONDAY, MONDAY, stale=False)
    late = Freshness("payments", "every day by 06:00", MONDAY, MONDAY, stale=True)
    never = Freshness("refunds", "every day", None, None, stale=True)
    report = Report(run="r1", env="prod", freshness=[fresh, late, never])
    payments, refunds = of_stale_sources(report)
    assert payments.kind.event == "sluicegate.source.stale"
    assert payments.source == payments.where == "payments"
    assert "its newest batch is of 2026-10-05 06:00+00:00" in payments.what
    assert payments.next == "expected of it: every day by 06:00"
    assert "it never did" in refunds.what


def test_held_batches_are_told_by_source() -> None:
    """With the first of them and why, and how many there are; no row is quoted."""
    held = {"payments": {"1.csv": "It lacks a column.", "2.csv": "It is empty."}}
    (alert,) = of_held_batches(Report(run="r1", env="prod", held=held))
    assert alert.kind.event == "sluicegate.batch.held"
    assert (alert.source, alert.where) == ("payments", "1.csv")
    assert "It lacks a column. 1 more of it are held" in alert.what
    assert alert.look.endswith("sluicegate ingest payments --env prod --dry-run")
    assert "keep it out" not in alert.next
    assert not [*of_held_batches(Report(run="r1", env="prod"))]


def test_batches_that_wait_behind_one_that_is_held() -> None:
    """How they go on, in the alert and on the page of the run."""
    held = {"payments": {"1|<b>.csv": "It lacks `a`."}, "refunds": {"2.csv": "It is empty."}}
    way = '.venv/bin/sluicegate batches condemn payments 1.csv --env prod --because "..."'
    report = Report(run="r1", env="prod", held=held, next={"payments": way})
    payments, refunds = of_held_batches(report)
    assert payments.next.endswith(f"so that those after it go on: {way}")
    assert "keep it out" not in refunds.next
    page = as_markdown(report)
    assert "| payments | 1\\|\\<b\\>.csv | It lacks \\`a\\`. |" in page
    assert f"go on:\n\n```\n{way}\n```" in page
    assert "## Held" not in as_markdown(Report(run="r1", env="prod"))


def test_every_kind_of_alert_is_in_the_runbook() -> None:
    """What it means, what readers see, where to look and what to do; and nothing else is there."""
    text = (ROOT / "docs/runbook.md").read_text()
    entries = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(entries) == {kind.value for kind in Kind}
    for entry in entries.values():
        for part in ("**Meaning.**", "**Readers see**", "**Look.**", "**Do.**"):
            assert part in entry
    assert Kind.LATE.runbook == "docs/runbook.md#run-late"


def test_a_line_in_the_log_is_what_there_always_is(
    log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line an alert, in the server's log and in a file of its own."""
    with caplog.at_level(logging.WARNING, logger="sluicegate.alerts"):
        deliver(Channel(), "[dev] a run failed", "what\n  look: sluicegate status\n\n")
    line = "[dev] a run failed: what | look: sluicegate status"
    assert [record.getMessage() for record in caplog.records] == [line]
    (written,) = log.read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 " + re.escape(line), written)
    assert ALERTS_VARIABLE == LOG_VARIABLE


def test_a_log_file_that_cannot_be_written_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server's own log has the alert, and says that the file does not."""
    monkeypatch.setenv(LOG_VARIABLE, str(tmp_path / "nowhere" / "alerts.log"))
    deliver(Channel(), "subject", "body")
    alert, complaint = (record.getMessage() for record in caplog.records)
    assert alert == "subject: body"
    assert "No such file" in complaint


def test_a_webhook_gets_the_whole_text_and_a_second_chance(log: Path) -> None:
    """A receiver that is down for a moment is asked again; the log has the alert once."""
    with web_receiver(503) as receiver:
        channel = Channel("webhook", webhook_url=f"http://127.0.0.1:{receiver.port}/hooks/T0ken")
        deliver(channel, "[dev] a run failed", "what\nlook: status")
    assert receiver.texts == ["[dev] a run failed\nwhat\nlook: status"]
    assert receiver.paths == ["/hooks/T0ken"] * 2
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("answers", "reason"), [([500] * ATTEMPTS, "status 500"), ([302] * ATTEMPTS, "status 302")]
)
def test_a_webhook_that_does_not_take_it_is_told_in_the_log(
    answers: list[int], reason: str, log: Path
) -> None:
    """A refusal or a redirect, which would lose the text, is not a delivery. No token is told."""
    with web_receiver(*answers) as receiver:
        channel = Channel("webhook", webhook_url=f"http://127.0.0.1:{receiver.port}/T0ken")
        with pytest.raises(Undelivered, match=reason) as caught:
            deliver(channel, "subject", "body")
    assert len(receiver.paths) == ATTEMPTS
    alert, complaint = log.read_text().splitlines()
    assert alert.endswith("subject: body")
    assert "not delivered by webhook: answered with" in complaint
    assert "T0ken" not in complaint + str(caught.value) + repr(channel)


def test_a_mail_has_sender_recipients_subject_and_text(log: Path) -> None:
    """Each recipient is on the envelope; a line that begins with a dot arrives as it is."""
    with mail_receiver() as receiver:
        channel = Channel(
            "email",
            smtp_host="127.0.0.1",
            smtp_port=receiver.port,
            smtp_security="none",
            smtp_from="sluicegate@example.com",
            smtp_to=("a@example.com", "b@example.com"),
        )
        deliver(channel, "[prod] a run\nis late", "what ü\n.venv/bin/sluicegate status")
    (mail,) = receiver.mails
    assert mail["Subject"] == "[prod] a run is late"
    assert mail["From"] == "sluicegate@example.com"
    assert mail["To"] == "a@example.com, b@example.com"
    assert mail["Date"]
    assert mail["Message-ID"]
    assert mail.get_content().splitlines() == ["what ü", ".venv/bin/sluicegate status"]
    assert receiver.envelopes == [["a@example.com", "b@example.com"]]
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"smtp_security": "starttls"}, "SMTPNotSupportedError"),
        ({"smtp_user": "me", "smtp_password": "hunter2"}, "SMTPNotSupportedError"),
        ({"smtp_port": 1}, "ConnectionRefusedError"),
        ({"smtp_security": "tls"}, "SSLError"),
    ],
)
def test_a_mail_server_that_cannot_do_what_is_set_is_told(
    change: dict[str, object], reason: str, log: Path
) -> None:
    """Encryption or a login that a server does not offer is not done without."""
    with mail_receiver() as receiver:
        address = "a@example.com"
        channel = Channel(
            "email",
            smtp_host="127.0.0.1",
            smtp_port=receiver.port,
            smtp_security="none",
            smtp_from=address,
            smtp_to=(address,),
        )
        with pytest.raises(Undelivered, match=reason) as caught:
            deliver(dataclasses.replace(channel, **change), "subject", "body")
    assert receiver.mails == []
    told = str(caught.value) + log.read_text()
    assert "hunter2" not in told
    assert address not in told


def test_a_mail_server_that_turns_us_away_is_told_by_its_status(log: Path) -> None:
    """Its words may quote anything; its number says enough."""
    with mail_receiver("554 go away, a@example.com") as receiver:
        channel = Channel(
            "email",
            smtp_host="127.0.0.1",
            smtp_port=receiver.port,
            smtp_security="none",
            smtp_from="a@example.com",
            smtp_to=("a@example.com",),
        )
        with pytest.raises(Undelivered, match="SMTPConnectError, status 554"):
            deliver(channel, "subject", "body")
    assert "go away" not in log.read_text()
