"""Stopping notices and reminders by mail: the headers that go out, and what one click does (RFC 8058)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from callcenter import consent, contacts, customers, events, identifiers, outbox
from callcenter.db import reading
from callcenter.tables import contacts as contacts_table
from callcenter.tables import messages
from ivr.assembly import make_tickets
from ivr.settings import Settings
from ivr.web import create_app
from tests.mail.support import DANA, Mailbox, mailbox
from tests.twilio.support import prepare

__all__ = ["mailbox"]


@pytest.fixture
def settings(tmp_path: Path, mailbox: Mailbox) -> Settings:
    return Settings(
        _env_file=None, data_dir=tmp_path, public_base_url="https://voice.example.com",
        mail_from="Riverbend <support@example.com>", smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
    )  # fmt: skip


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = prepare(settings)
    yield made
    made.dispose()


@pytest.fixture
def client(settings: Settings, engine: Engine) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["callwright"].close()
    app.extensions["callwright"].engine.dispose()


def send(engine: Engine, settings: Settings, purpose: Any, contact_id: str | None = None) -> tuple[str, str]:
    now = datetime.now(UTC)
    with engine.begin() as conn:
        id = outbox.queue(conn, channel="email", to=DANA, subject="Your bill", body="It is due.", at=now,
                          purpose=purpose, author="system", contact_id=contact_id)  # fmt: skip
    return id, outbox.deliver(engine, settings, id, now)


def known(engine: Engine) -> str:
    """Dana has agreed to reminders; a contact of hers."""
    now = datetime.now(UTC)
    with engine.begin() as conn:
        dana = customers.create(conn, at=now, name="Dana")
        identifiers.add(conn, dana, "email", DANA, at=now)
        consent.put(conn, dana, "email", source="test", at=now, consent="granted")
        contact = contacts.start(conn, channel="email", caller=DANA, called="support@example.com", at=now)
        conn.execute(sa.update(contacts_table).values(customer_id=dana))
        return contact


def path(mail: EmailMessage) -> str:
    found = re.match(r"<(https://voice\.example\.com/unsubscribe/[^>]+)>, <mailto:", mail["List-Unsubscribe"])
    assert found, mail["List-Unsubscribe"]
    return urlsplit(found[1]).path


def test_one_click_stops_what_comes_unasked(
    client: FlaskClient, settings: Settings, engine: Engine, mailbox: Mailbox
) -> None:
    contact = known(engine)
    assert send(engine, settings, "reminder", contact)[1] == "sent"
    mail = mailbox.next()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = path(mail)
    for _ in range(2):  # a scanner that follows links
        page = client.get(link, headers={"Accept-Language": "es"})
        assert (page.status_code, "No recibir más correos" in page.text) == (200, True)
    assert send(engine, settings, "reminder", contact)[1] == "sent"
    for _ in range(2):  # the mail program; again, as it heard nothing
        done = client.post(link, data={"List-Unsubscribe": "One-Click"})
        assert (done.status_code, done.headers.get("Location"), done.headers.get("Set-Cookie")) == (200, None, None)
    assert "You will get no more reminders" in client.get(link).text
    id, status = send(engine, settings, "reminder", contact)
    assert status == "parked"
    with reading(engine) as conn:
        assert conn.execute(sa.select(messages.c.error).where(messages.c.id == id)).scalar_one().endswith("to stop")
        assert [event.kind for event in events.of_contact(conn, contact)].count("opted_out") == 1
    assert send(engine, settings, "answer", contact)[1] == "sent", "who asks is answered"


def test_an_answer_has_no_such_link(settings: Settings, engine: Engine, mailbox: Mailbox) -> None:
    assert send(engine, settings, "answer")[1] == "sent"
    assert mailbox.next()["List-Unsubscribe"] is None


def test_without_https_there_is_the_mail_address(settings: Settings, engine: Engine, mailbox: Mailbox) -> None:
    plain = settings.model_copy(update={"public_base_url": "http://127.0.0.1:8080"})
    assert send(engine, plain, "notice")[1] == "sent"
    mail = mailbox.next()
    assert mail["List-Unsubscribe"] == "<mailto:support@example.com?subject=unsubscribe>"
    assert mail["List-Unsubscribe-Post"] is None


def test_other_tickets_and_messages_that_are_gone(client: FlaskClient, settings: Settings, engine: Engine) -> None:
    id, _ = send(engine, settings, "notice")
    tickets = make_tickets(settings)
    for ticket in ("x", tickets.issue("chat-visitor", id), tickets.issue("unsubscribe", "gone")):
        assert client.get(f"/unsubscribe/{ticket}").status_code == 410
        assert client.post(f"/unsubscribe/{ticket}").status_code == 410
    with reading(engine) as conn:
        assert consent.refusal(conn, "email", DANA) == ""
