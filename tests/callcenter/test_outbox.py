"""The outbox: queued with its cause, claimed once, retried, parked; over a real SMTP server, and Twilio's stand-in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine, Row

from callcenter import events, outbox
from callcenter.db import reading
from callcenter.messages import (
    NotConfiguredError,
    Outgoing,
    Sender,
    TemporaryError,
    UncertainError,
    _factories,
    open_sender,
)
from callcenter.messages.attempt import LEASE
from callcenter.tables import messages
from ivr.settings import Settings
from tests.servers import Handler, serving
from tests.smtp import FreePort

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Mailbox:
    """aiosmtpd's handler: keeps mails, or answers what `answers` says."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.answers: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, Settings]]:
    box = Mailbox()
    controller = FreePort(box)
    controller.start()
    address = f"smtp://127.0.0.1:{controller.port}"
    yield box, Settings.defaults(smtp_url=address, mail_from="Riverbend <bills@example.com>")
    controller.stop()


def put(engine: Engine, to: str = "dana@example.com", channel: str = "email", **more: Any) -> str:
    with engine.begin() as conn:
        return outbox.queue(conn, channel=channel, to=to, subject="Receipt", body="Año", at=NOW, contact_id="c", **more)


def row(engine: Engine, message_id: str) -> Row[Any]:
    with reading(engine) as conn:
        return conn.execute(sa.select(messages).where(messages.c.id == message_id)).one()


def test_a_mail_is_sent_once(engine: Engine, mailbox: Any) -> None:
    box, settings = mailbox
    message = put(engine)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: outbox.sweep(engine, settings, NOW), range(4))) == 1
    assert outbox.sweep(engine, settings, NOW + timedelta(hours=1)) == 0
    (mail,) = box.mails
    assert (mail["To"], mail["Subject"], mail.get_content().strip()) == ("dana@example.com", "Receipt", "Año")
    assert mail["Message-ID"] == f"<{message}@example.com>"
    assert row(engine, message).status == "sent"
    with reading(engine) as conn:
        assert [event.kind for event in events.of_contact(conn, "c")] == ["message_sent"]


def test_a_message_dies_with_its_cause(engine: Engine) -> None:
    with engine.connect() as conn, conn.begin() as transaction:
        outbox.queue(conn, channel="email", to="a@example.com", body="", at=NOW)
        transaction.rollback()
    with reading(engine) as conn:
        assert conn.execute(sa.select(messages.c.id)).all() == []


def test_the_same_key_is_one_message(engine: Engine) -> None:
    assert put(engine, dedupe_key="s:1") == put(engine, dedupe_key="s:1")
    assert put(engine, dedupe_key="s:2") != put(engine, dedupe_key="s:1")


def test_a_passing_fault_is_tried_again(sqlite_engine: Engine, mailbox: Any) -> None:
    box, settings = mailbox
    message = put(sqlite_engine)
    box.answers = ["451 4.3.0 later"]
    assert outbox.deliver(sqlite_engine, settings, message, NOW) == "queued"
    assert "451" in row(sqlite_engine, message).error
    assert outbox.deliver(sqlite_engine, settings, message, NOW) == ""  # not due yet
    assert outbox.deliver(sqlite_engine, settings, message, NOW + timedelta(minutes=1)) == "sent"


def test_it_is_given_up_visibly_and_can_be_requeued(sqlite_engine: Engine, mailbox: Any) -> None:
    box, settings = mailbox
    message = put(sqlite_engine)
    box.answers = ["451 4.3.0 later"] * 6
    at = NOW
    seen: list[str] = []
    while not seen or seen[-1] == "queued":
        seen.append(outbox.deliver(sqlite_engine, settings, message, at))
        at += timedelta(hours=5)
    assert seen == ["queued"] * 5 + ["parked"]
    assert "given up after 6 attempts" in row(sqlite_engine, message).error
    with sqlite_engine.begin() as conn:
        assert outbox.requeue(conn, message, at)
        assert not outbox.requeue(conn, message, at)
    assert outbox.sweep(sqlite_engine, settings, at) == 1


@pytest.mark.parametrize("to", ["nobody@example.com", "a@example.com\nBcc: b@example.com", "a@x.com, b@x.com", ""])
def test_what_can_not_be_sent_is_parked(sqlite_engine: Engine, mailbox: Any, to: str) -> None:
    box, settings = mailbox
    message = put(sqlite_engine, to)
    assert outbox.deliver(sqlite_engine, settings, message, NOW) == "parked"
    assert row(sqlite_engine, message).error
    assert box.mails == []


def test_a_password_is_not_sent_in_the_clear(sqlite_engine: Engine, mailbox: Any) -> None:
    _, settings = mailbox
    settings.smtp_url = settings.smtp_url.replace("//", "//user:hunter2@")
    message = put(sqlite_engine)
    assert outbox.deliver(sqlite_engine, settings, message, NOW) == "queued"
    assert "no TLS" in row(sqlite_engine, message).error


def test_a_mail_server_that_is_not_there(sqlite_engine: Engine) -> None:
    with serving(lambda handler: None) as base:
        pass
    settings = Settings.defaults(smtp_url=base.replace("http", "smtp"), mail_from="a@example.com")
    assert outbox.deliver(sqlite_engine, settings, put(sqlite_engine), NOW) == "queued"


@pytest.mark.parametrize(
    ("channel", "given", "reason"),
    [
        ("sms", {}, "no SMS sender is configured: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM"),
        ("sms", {"twilio_account_sid": "AC", "twilio_auth_token": "t"}, "set TWILIO_FROM"),
        ("email", {}, "no mail sender is configured: set SMTP_URL, MAIL_FROM"),
        ("email", {"smtp_url": "localhost", "mail_from": "a@b"}, "SMTP_URL must be"),
        ("fax", {}, "there is no sender for 'fax'"),
    ],
)
def test_an_unconfigured_channel_parks(sqlite_engine: Engine, channel: str, given: dict[str, str], reason: str) -> None:
    message = put(sqlite_engine, "+15550100", channel)
    assert outbox.sweep(sqlite_engine, Settings.defaults(**given), NOW) == 0
    assert row(sqlite_engine, message).status == "parked"
    assert reason in row(sqlite_engine, message).error


def die(database_url: str) -> None:
    """A process that is killed while it hands over what is due."""
    code = f"""
import os
from callcenter import messages, outbox
from callcenter.db import open_database
from ivr.settings import Settings
from tests.callcenter.test_outbox import NOW
class Killed(messages.Sender):
    def send(self, message): os.kill(os.getpid(), 9)
messages._import_all()
messages._factories["email"] = lambda settings: Killed()
outbox.sweep(open_database({database_url!r}), Settings.defaults(), NOW)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9


class Carrier(Sender):
    """What it is given, and what it says of a message whose sender died."""

    def __init__(self, looked_up: Any = None, keeps_ids: bool = False) -> None:
        self.looked_up = looked_up
        self.keeps_ids = keeps_ids  # type: ignore[misc]
        self.sent: list[str] = []

    def send(self, message: Outgoing) -> str:
        self.sent.append(message.id)
        return "ours"

    def look_up(self, message: Outgoing, since: datetime, known: Collection[str]) -> str | None:
        assert since == NOW
        if isinstance(self.looked_up, Exception):
            raise self.looked_up
        return str(self.looked_up) if self.looked_up is not None else None


@pytest.mark.parametrize(
    ("carrier", "status", "sent", "reference"),
    [
        (Carrier(), "unknown", 0, ""),
        (Carrier(looked_up="theirs"), "sent", 0, "theirs"),
        (Carrier(looked_up=""), "sent", 1, "ours"),
        (Carrier(looked_up=TemporaryError("down")), "sending", 0, ""),
        (Carrier(keeps_ids=True), "sent", 1, "ours"),
    ],
    ids=["nobody knows", "carrier has it", "carrier never had it", "carrier is down", "carrier keeps ids"],
)
def test_what_a_dead_sender_left(
    database_url: str,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    carrier: Carrier,
    status: str,
    sent: int,
    reference: str,
) -> None:
    carrier.sent.clear()
    message = put(engine)
    die(database_url)
    with pytest.raises(NotConfiguredError):
        open_sender("email", Settings.defaults())
    monkeypatch.setitem(_factories, "email", lambda settings: carrier)
    assert row(engine, message).status == "sending"
    outbox.sweep(engine, Settings.defaults(), NOW + timedelta(minutes=1))
    assert row(engine, message).status == "sending"
    outbox.sweep(engine, Settings.defaults(), NOW + LEASE)
    found = row(engine, message)
    assert (found.status, found.reference, len(carrier.sent)) == (status, reference, sent)
    with engine.begin() as conn:
        kinds = [event.kind for event in events.of_contact(conn, "c")]
        assert kinds == ([] if status == "sending" else [f"message_{status}"])
        if status == "unknown":
            assert "may have been sent" in found.error
            assert not outbox.requeue(conn, message, NOW)
            assert outbox.requeue(conn, message, NOW, again=True)


def test_nobody_answered_after_it_was_handed_over(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Carrier):
        def send(self, message: Outgoing) -> str:
            raise UncertainError("no answer")

    monkeypatch.setitem(_factories, "email", lambda settings: Silent())
    message = put(sqlite_engine)
    assert outbox.deliver(sqlite_engine, Settings.defaults(), message, NOW) == "sending"
    assert outbox.deliver(sqlite_engine, Settings.defaults(), message, NOW) == ""
    assert outbox.deliver(sqlite_engine, Settings.defaults(), message, NOW + LEASE) == "unknown"
    assert outbox.sweep(sqlite_engine, Settings.defaults(), NOW + timedelta(days=1)) == 0


@pytest.mark.parametrize(
    ("reports", "status"),
    [
        (["sent", "delivered", "read"], "read"),
        (["read", "sent", "delivered"], "read"),
        (["delivered", "failed"], "delivered"),
        (["failed", "delivered"], "failed"),
        (["sent", "sent"], "sent"),
    ],
)
def test_what_carriers_report(engine: Engine, reports: list[Any], status: str) -> None:
    message = put(engine)
    with engine.begin() as conn:
        news = [outbox.report(conn, message, one, NOW, reference="R", error="") for one in reports]
        assert news[0] == "c"
        assert len([one for one in news if one]) == len(events.of_contact(conn, "c"))
        assert outbox.report(conn, "unknown", "sent", NOW) is None
        assert outbox.by_reference(conn, "email", "R", "dana@example.com") == message
    found = row(engine, message)
    assert (found.status, found.reference, found.sent_at) == (status, "R", NOW)
    assert (found.delivered_at is None) == (status in ("failed", "sent"))


def test_a_report_that_is_faster_than_the_answer(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Quick(Carrier):
        def send(self, message: Outgoing) -> str:
            with sqlite_engine.begin() as conn:
                outbox.report(conn, message.id, "delivered", NOW, reference="R")
            return "R"

    monkeypatch.setitem(_factories, "email", lambda settings: Quick())
    message = put(sqlite_engine)
    outbox.deliver(sqlite_engine, Settings.defaults(), message, NOW)
    assert (row(sqlite_engine, message).status, row(sqlite_engine, message).reference) == ("delivered", "R")


def test_a_late_sender_does_not_undo_the_next_one(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(Sender):
        def send(self, message: Outgoing) -> str:
            monkeypatch.setitem(_factories, "email", lambda settings: Quick())
            assert outbox.deliver(sqlite_engine, Settings.defaults(), message.id, NOW + LEASE) == "sent"
            raise TemporaryError("too late")

    class Quick(Sender):
        keeps_ids = True

        def send(self, message: Outgoing) -> str:
            return "quick"

    with pytest.raises(Exception, match="no mail sender"):
        open_sender("email", Settings.defaults())  # everything is registered now
    monkeypatch.setitem(_factories, "email", lambda settings: Late())
    message = put(sqlite_engine)
    outbox.deliver(sqlite_engine, Settings.defaults(), message, NOW)
    assert (row(sqlite_engine, message).status, row(sqlite_engine, message).reference) == ("sent", "quick")


@pytest.mark.parametrize(
    ("status", "expected"), [(201, "sent"), (400, "parked"), (429, "queued"), (500, "sending"), (401, "queued")]
)
def test_texts_through_twilio(sqlite_engine: Engine, status: int, expected: str) -> None:
    seen: list[Any] = []

    def twilio(handler: Handler) -> None:
        seen.append((handler.path, parse_qs(handler.body.decode())))
        answer = b'{"sid": "SM1"}' if status == 201 else b'{"code": 21211, "message": "Invalid To", "status": 400}'
        handler.reply(status, answer)

    with serving(twilio) as base:
        settings = Settings.defaults(
            twilio_account_sid="AC1", twilio_auth_token="t", twilio_from="+15550199", twilio_api_base=base
        )
        message = put(sqlite_engine, "+15550100", "sms")
        assert outbox.deliver(sqlite_engine, settings, message, NOW) == expected
    path, form = seen[0]
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert form == {"To": ["+15550100"], "From": ["+15550199"], "Body": ["Año"]}
    assert row(sqlite_engine, message).reference == ("SM1" if expected == "sent" else "")
