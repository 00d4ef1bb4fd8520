"""Addresses at which there is nobody: who says so, what it stops, and what takes it away again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import customers, events, identifiers, outbox, undeliverable
from callcenter.db import reading
from callcenter.mail.bounces import says_nobody
from callcenter.messages import inbound
from callcenter.messages.inbound import Inbound
from callcenter.tables import messages
from ivr.settings import Settings
from tests.callcenter.test_outbox import mailbox
from tests.servers import Handler, serving

__all__ = ["mailbox"]

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PHONE, GONE = "+12025550143", "nobody@example.com"


def put(engine: Engine, channel: str, to: str) -> str:
    with engine.begin() as conn:
        return outbox.queue(conn, channel=channel, to=to, body="x", at=NOW, contact_id="c")


def row(engine: Engine, message_id: str) -> Any:
    with reading(engine) as conn:
        return conn.execute(sa.select(messages).where(messages.c.id == message_id)).one()


def kinds(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return [event.kind for event in events.of_contact(conn, "c")]


def mark(engine: Engine, channel: str, address: str) -> undeliverable.Undeliverable | None:
    with reading(engine) as conn:
        return undeliverable.found(conn, channel, address)


def test_a_mail_server_that_knows_nobody(engine: Engine, mailbox: Any) -> None:
    box, settings = mailbox
    first = put(engine, "email", GONE)
    assert outbox.deliver(engine, settings, first, NOW) == "parked"
    found = mark(engine, "email", "Nobody@Example.com")
    assert found is not None
    assert (found.code, found.reason) == ("5.1.1", "the mail server answered 550 5.1.1 no such user")
    second = put(engine, "email", GONE)
    assert outbox.deliver(engine, settings, second, NOW) == "parked"
    assert "there is nobody at this address" in row(engine, second).error
    assert kinds(engine) == ["message_parked", "address_undeliverable", "message_parked"]
    assert box.mails == []


@pytest.mark.parametrize(
    ("code", "marked"), [(21211, True), (21614, True), (63014, True), (21610, False), (21408, False), (21612, False)]
)
def test_twilio_refuses_a_number(sqlite_engine: Engine, code: int, marked: bool) -> None:
    def refuse(handler: Handler) -> None:
        handler.reply(400, json.dumps({"code": code, "message": "no", "status": 400}).encode())

    with serving(refuse) as base:
        settings = Settings.defaults(
            twilio_account_sid="AC1", twilio_auth_token="t", twilio_from="+12025550100", twilio_api_base=base
        )
        assert outbox.deliver(sqlite_engine, settings, put(sqlite_engine, "sms", PHONE), NOW) == "parked"
    found = mark(sqlite_engine, "sms", PHONE)
    assert (found is not None and found.code == str(code)) == marked


def test_a_report_marks_and_the_newest_counts(engine: Engine) -> None:
    message = put(engine, "sms", PHONE)
    with engine.begin() as conn:
        undeliverable.mark(conn, "sms", PHONE, code="30005", reason="no such handset", at=NOW)
        assert outbox.report(conn, message, "failed", NOW, error="a landline", nobody="30006") == "c"
        assert outbox.report(conn, message, "failed", NOW, error="again", nobody="30005") is None
    found = mark(engine, "sms", PHONE)
    assert found == undeliverable.Undeliverable("sms", PHONE, "30006", "a landline", NOW)
    assert mark(engine, "whatsapp", PHONE) is None, "that it takes no texts says nothing of another channel"


def test_who_writes_to_us_is_there(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as conn:
        undeliverable.mark(conn, "sms", PHONE, code="30006", reason="no", at=NOW)
        came = Inbound("sms", "(202) 555-0143", "+12025550100", "hello", "m1")
        inbound.receive(conn, came, NOW, region="US", files_dir=tmp_path)
    assert mark(engine, "sms", PHONE) is None


def test_a_persons_word_lets_messages_go_again(engine: Engine, mailbox: Any) -> None:
    _, settings = mailbox
    with engine.begin() as conn:
        customer = customers.create(conn, at=NOW, name="Dana")
        phone = identifiers.add(conn, customer, "phone", PHONE, at=NOW)
        mail = identifiers.add(conn, customer, "email", "dana@example.com", at=NOW)
        undeliverable.mark(conn, "email", "dana@example.com", code="", reason="returned", at=NOW)
        known = customers.get(conn, customer).identifiers
        assert [mark.channel for mark in undeliverable.of_identifiers(conn, known)[mail.id]] == ["email"]
        assert phone.id not in undeliverable.of_identifiers(conn, known)
    message = put(engine, "email", "dana@example.com")
    assert outbox.deliver(engine, settings, message, NOW) == "parked"
    with engine.begin() as conn:
        assert undeliverable.clear_identifier(conn, mail)
        assert not undeliverable.clear_identifier(conn, mail)
        assert outbox.requeue(conn, message, NOW)
    assert outbox.deliver(engine, settings, message, NOW + timedelta(seconds=1)) == "sent"


@pytest.mark.parametrize(
    ("status", "words", "nobody"),
    [
        ("5.1.1", "550 5.1.1 User unknown", True),
        ("5.1.10", "RESOLVER.ADR.RecipientNotFound", True),
        ("5.2.1", "The email account that you tried to reach is disabled", True),
        ("5.4.4", "Host not found", True),
        ("5.2.2", "552 5.2.2 Mailbox full", False),
        ("5.7.1", "550 5.7.1 Message rejected as spam", False),
        ("5.3.4", "Message too big", False),
        ("4.4.1", "connection timed out", False),
        ("5.0.0", "550 No such user here", True),
        ("5.0.0", "550 Requested action not taken: mailbox unavailable or not found", True),
        ("", "unknown user: dana@gone.example", True),
        ("", "550 Rejected for policy reasons", False),
        ("5.0.0", "554 Transaction failed", False),
    ],
)
def test_what_is_about_the_address(status: str, words: str, nobody: bool) -> None:
    assert says_nobody(status, words) is nobody
