"""Who told us to stop, who agreed, and when people are left alone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import consent, customers, events, identifiers, outbox
from callcenter.db import reading
from callcenter.messages.inbound import Inbound, receive
from callcenter.messages.rules import Policy, QuietHours
from callcenter.tables import messages
from ivr.settings import Settings
from tests.carriers import carrying

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # in New York
NIGHT = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)  # half past ten in the evening there
NEW_YORK, MADRID = "+12025550143", "+34911234567"
POLICY = Policy(
    ZoneInfo("America/New_York"), {"sms": QuietHours(time(21), time(8)), "email": QuietHours(time(12), time(13))}
)


@pytest.fixture(autouse=True)
def carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    carrying(monkeypatch, "sms", "email", "whatsapp")


def send(engine: Engine, at: datetime, to: str = NEW_YORK, channel: str = "sms", **more: Any) -> Any:
    with engine.begin() as conn:
        message = outbox.queue(conn, channel=channel, to=to, body="x", at=at, contact_id="c", **more)
    outbox.deliver(engine, Settings.defaults(), message, at, policy=POLICY)
    with reading(engine) as conn:
        return conn.execute(sa.select(messages).where(messages.c.id == message)).one()


def known(conn: Connection, number: str = NEW_YORK, **more: Any) -> str:
    customer = customers.create(conn, at=NOON, **more)
    identifiers.add(conn, customer, "phone", number, at=NOON)
    return customer


@pytest.mark.parametrize(
    ("to", "at", "until"),
    [
        (NEW_YORK, NOON, None),
        (NEW_YORK, NIGHT, datetime(2026, 11, 24, 13, 0, tzinfo=UTC)),
        (NEW_YORK, NIGHT + timedelta(hours=3), datetime(2026, 11, 24, 13, 0, tzinfo=UTC)),  # after midnight
        (MADRID, datetime(2026, 11, 23, 21, 0, tzinfo=UTC), datetime(2026, 11, 24, 7, 0, tzinfo=UTC)),
        (MADRID, NIGHT + timedelta(hours=5), None),  # half past nine there
        ("+4420", NIGHT, datetime(2026, 11, 24, 13, 0, tzinfo=UTC)),  # nobody knows where: the company's clock
    ],
)
def test_quiet_hours_are_the_customers(sqlite_engine: Engine, to: str, at: datetime, until: datetime | None) -> None:
    row = send(sqlite_engine, at, to, purpose="notice")
    assert (row.status, row.attempts) == (("queued", 0) if until else ("sent", 1))
    if until:
        assert row.next_at == until
        before = until - timedelta(seconds=1)
        assert outbox.deliver(sqlite_engine, Settings.defaults(), row.id, before, policy=POLICY) == ""
        assert outbox.deliver(sqlite_engine, Settings.defaults(), row.id, until, policy=POLICY) == "sent"
        with reading(sqlite_engine) as conn:
            delayed = [event.data for event in events.of_contact(conn, "c") if event.kind == "message_delayed"]
        assert [one["why"] for one in delayed] == ["quiet_hours"]


def test_an_answer_does_not_wait(sqlite_engine: Engine) -> None:
    assert send(sqlite_engine, NIGHT).status == "sent"


def test_quiet_hours_of_the_clock_change(sqlite_engine: Engine) -> None:
    """Eight o'clock is eight o'clock on the night in which summer time begins."""
    row = send(sqlite_engine, datetime(2027, 3, 14, 4, 0, tzinfo=UTC), purpose="notice")
    assert row.next_at.astimezone(ZoneInfo("America/New_York")).hour == 8


def test_a_customer_who_moved(sqlite_engine: Engine) -> None:
    with sqlite_engine.begin() as conn:
        known(conn, attributes={"timezone": "Europe/Madrid"})
    assert send(sqlite_engine, NIGHT + timedelta(hours=5), purpose="notice").status == "sent"
    assert send(sqlite_engine, datetime(2026, 11, 23, 21, 0, tzinfo=UTC), purpose="notice").status == "queued"


@pytest.mark.parametrize(
    ("decision", "answer", "notice", "reminder"),
    [
        ({}, "sent", "sent", "parked"),
        ({"consent": "granted"}, "sent", "sent", "sent"),
        ({"consent": "withdrawn"}, "sent", "parked", "parked"),
        ({"do_not_contact": True}, "sent", "parked", "parked"),
        ({"consent": "granted", "do_not_contact": True}, "sent", "parked", "parked"),
    ],
)
def test_consent(sqlite_engine: Engine, decision: Any, answer: str, notice: str, reminder: str) -> None:
    with sqlite_engine.begin() as conn:
        consent.put(conn, known(conn), "sms", source="test", at=NOON, **decision)
    rows = [send(sqlite_engine, NOON, purpose=purpose) for purpose in ("answer", "notice", "reminder")]
    assert [row.status for row in rows] == [answer, notice, reminder]
    assert all(row.error for row in rows if row.status == "parked")
    parked = [row for row in rows if row.status == "parked"]
    with sqlite_engine.begin() as conn:
        assert len([event for event in events.of_contact(conn, "c") if event.kind == "message_parked"]) == len(parked)


def test_whoever_stopped_gets_nothing_but_what_answers_it(sqlite_engine: Engine) -> None:
    with sqlite_engine.begin() as conn:
        consent.suppress(conn, "sms", NEW_YORK, source="keyword", at=NOON)
    assert send(sqlite_engine, NOON).status == "parked"
    assert send(sqlite_engine, NOON, purpose="notice").status == "parked"
    assert send(sqlite_engine, NOON, meta={"keyword": "stop"}).status == "sent"
    assert send(sqlite_engine, NOON, channel="email", to="dana@example.com").status == "sent"


def test_whoever_unsubscribed_by_mail_still_gets_answers(sqlite_engine: Engine) -> None:
    with sqlite_engine.begin() as conn:
        consent.suppress(conn, "email", "dana@example.com", source="unsubscribed", at=NOON)
    purposes = {"answer": "sent", "notice": "parked", "reminder": "parked"}
    after_noon = NOON + timedelta(hours=2)  # the quiet hours of mail are over
    for purpose, status in purposes.items():
        assert send(sqlite_engine, after_noon, "dana@example.com", "email", purpose=purpose).status == status


def test_consent_that_changes_meanwhile(sqlite_engine: Engine) -> None:
    """What holds when it would go out decides, not what held when it was queued."""
    with sqlite_engine.begin() as conn:
        customer = known(conn)
        consent.put(conn, customer, "sms", source="test", at=NOON, consent="granted")
    row = send(sqlite_engine, NIGHT, purpose="reminder")
    assert row.status == "queued"
    with sqlite_engine.begin() as conn:
        consent.put(conn, customer, "sms", source="test", at=NOON, consent="withdrawn")
    assert outbox.deliver(sqlite_engine, Settings.defaults(), row.id, row.next_at, policy=POLICY) == "parked"


def test_the_carriers_window(sqlite_engine: Engine, tmp_path: Any) -> None:
    """WhatsApp takes free text for a day after the customer's last message."""
    more: dict[str, Any] = {"channel": "whatsapp"}
    assert "only templates" in send(sqlite_engine, NOON, **more).error
    with sqlite_engine.begin() as conn:
        came = Inbound(channel="whatsapp", sender=NEW_YORK, to="+1", text="hi", provider_id="1")
        receive(conn, came, NOON, files_dir=tmp_path)
    assert send(sqlite_engine, NOON + timedelta(hours=23), **more).status == "sent"
    assert send(sqlite_engine, NOON + timedelta(hours=25), **more).status == "parked"
    assert send(sqlite_engine, NOON + timedelta(hours=25), meta={"content_sid": "HX1"}, **more).status == "sent"
