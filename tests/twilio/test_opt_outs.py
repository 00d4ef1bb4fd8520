"""Who has told Twilio to stop has told us (error 21610), until they say START or a person says so."""

from __future__ import annotations

from typing import Any

from callcenter import consent, customers, events, opt_outs, outbox
from callcenter.db import reading
from callcenter.tables import contacts, messages, suppressions
from tests.twilio.support import NOON, Line
from tests.twilio.test_messages import DANA, US, Api, api, sms, status, text

__all__ = ["api", "sms"]


def out(line: Line) -> list[Any]:
    return [row for row in line.rows(messages) if row.direction == "out"]


def test_who_has_opted_out_at_twilio_has_opted_out_here(sms: Line, api: Api) -> None:
    """STOP may never reach us: it was said before the number was ours, or to another system."""
    api.stopped.add((US, DANA))
    text(sms, "hours")
    [row] = out(sms)
    assert (row.status, row.error) == ("parked", "Twilio answered 400 (error 21610): they have opted out there")
    [mark] = sms.rows(suppressions)
    assert (mark.channel, mark.address, mark.source) == ("sms", DANA, "carrier")
    (contact,) = sms.rows(contacts)
    with reading(sms.engine) as conn:
        facts = [event.data for event in events.of_contact(conn, contact.id) if event.kind == "opted_out"]
        decided = consent.of(conn, contact.customer_id)["sms"]
    assert facts == [{"channel": "sms", "source": "carrier", "code": "21610"}]
    assert (decided.consent, decided.source) == ("withdrawn", "carrier")
    asked = len(api.asked)
    text(sms, "hours", 2)
    assert len(api.asked) == asked, "nothing more is even tried"
    assert {row.status for row in out(sms)} == {"parked"}
    api.stopped.clear()
    text(sms, "START", 3)
    assert sms.rows(suppressions) == []
    text(sms, "hours", 4)
    assert api.sent[-1]["To"] == DANA


def test_a_person_takes_it_back_until_twilio_refuses_again(sms: Line, api: Api) -> None:
    api.stopped.add((US, DANA))
    text(sms, "hours")
    with sms.engine.begin() as conn:
        [known] = customers.get(conn, str(sms.rows(contacts)[0].customer_id)).identifiers
        assert opt_outs.opt_in_identifier(conn, known, source="agent:1", at=NOON) == ["sms"]
        assert opt_outs.opt_in_identifier(conn, known, source="agent:1", at=NOON) == []
        [row] = out(sms)
        assert outbox.requeue(conn, row.id, NOON)
    outbox.deliver(sms.engine, sms.chosen, row.id, NOON)
    assert [(mark.address, mark.source) for mark in sms.rows(suppressions)] == [(DANA, "carrier")]
    api.stopped.clear()
    with sms.engine.begin() as conn:
        opt_outs.opt_in_identifier(conn, known, source="agent:1", at=NOON)
        assert outbox.requeue(conn, row.id, NOON)
    assert outbox.deliver(sms.engine, sms.chosen, row.id, NOON) == "sent"


def test_a_messaging_service_says_it_with_the_status(sms: Line, api: Api) -> None:
    """It chooses the number later, so it takes the message before it knows."""
    text(sms, "hours")
    [row] = out(sms)
    for _ in range(2):
        status(sms, row.id, "failed", ErrorCode="21610")
    assert [(mark.address, mark.source) for mark in sms.rows(suppressions)] == [(DANA, "carrier")]
    with reading(sms.engine) as conn:
        told = [event.kind for event in events.of_contact(conn, row.contact_id) if event.kind == "opted_out"]
    assert told == ["opted_out"]
    text(sms, "hello again", 2)
    assert sms.rows(suppressions), "only START takes it back, as Twilio sees it"
