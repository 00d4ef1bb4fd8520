"""Who was cut off goes on where they were, on whatever channel they come back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import cases, customers, events, identifiers
from callcenter.db import reading
from callcenter.tables import contacts, sessions
from ivr.flow.inputs import HungUp, Keys
from ivr.flow.secret import Secret
from ivr.flow.session import VOICE
from tests.carriers import Carrier
from tests.conversations.support import DANA, US, Desk

CARD = "4242424242424242"


def call(desk: Desk, *keys: str, hang_up: bool = True, number: str = "call") -> Any:
    """A phone call on which these keys are pressed, one question after the other, before it is cut off."""
    turn = desk.runner.start(channel="sip", capabilities=VOICE, external_id=number, caller=DANA, called=US)
    for pressed in keys:
        turn = desk.runner.feed(turn.session, Keys(pressed))
        while turn.action is not None:
            done = desk.runner.wait(desk.runner.begin(turn.session, turn.action), turn.action, 10)
            assert done is not None
            turn = desk.runner.feed(turn.session, done)
    return desk.runner.feed(turn.session, HungUp()) if hang_up else turn


def kinds(desk: Desk, contact_id: str) -> list[str]:
    with reading(desk.engine) as conn:
        return [event.kind for event in events.of_contact(conn, contact_id)]


def test_from_the_phone_to_a_text(desk: Desk, carrier: Carrier) -> None:
    dropped = call(desk, "1", "10203040").session
    desk.clock[0] += timedelta(minutes=5)
    got = desk.text("hi")
    assert carrier.sent[-1].body.startswith("Hello again from Riverbend Water and Power.")
    desk.text("yes")
    assert carrier.sent[-1].body.startswith("How much would you like to pay?")
    (row,) = (row for row in desk.rows(sessions) if row.contact_id == got.contact_id)
    assert json.loads(row.data)["slots"]["account"] == "10203040"
    assert "resumed" in kinds(desk, dropped.contact_id)
    assert "asked_again" not in kinds(desk, got.contact_id)
    customers_of = {row.customer_id for row in desk.rows(contacts)}
    assert len(customers_of) == 1


@pytest.mark.parametrize("words", ["yes", "no"])
def test_who_goes_on_is_of_the_same_open_cases(desk: Desk, carrier: Carrier, words: str) -> None:
    dropped = call(desk, "1", "10203040").session
    with desk.engine.begin() as conn:
        customer = desk.contact(dropped.contact_id).customer_id
        kept, over = (
            cases.open_case(conn, customer, subject, by="test", at=desk.clock[0], contact_id=dropped.contact_id).id
            for subject in ("A bill to pay", "A leak")
        )
        cases.change(conn, over, "resolved", by="test", at=desk.clock[0])
    desk.clock[0] += timedelta(minutes=1)
    got = desk.text("hi")
    desk.text(words)
    with reading(desk.engine) as conn:
        both = [dropped.contact_id, got.contact_id]
        assert cases.contacts_of(conn, kept) == (both if words == "yes" else both[:1])
        assert cases.contacts_of(conn, over) == both[:1]


def test_from_the_phone_to_the_phone(desk: Desk) -> None:
    call(desk, "1", "10203040")
    turn = call(desk, "1", hang_up=False, number="again")
    assert turn.session.stack == (("main", "pay"), ("pay_bill", "how_much"))


def test_a_card_is_never_carried(desk: Desk, carrier: Carrier) -> None:
    call(desk, "1", "10203040", "1", CARD, "0731")
    desk.clock[0] += timedelta(minutes=1)
    turn = call(desk, "1", hang_up=False, number="again")
    assert turn.session.stack[-1] == ("pay_bill", "card")
    assert not [value for value in turn.session.slots.values() if isinstance(value, Secret)]
    with reading(desk.engine) as conn:
        stored = " ".join(conn.execute(sa.select(sessions.c.data)).scalars())
    assert CARD not in stored
    # On a text there is no way to go on with a card, and the flow says so.
    desk.runner.feed(turn.session, HungUp())
    desk.clock[0] += timedelta(minutes=1)
    desk.text("hi")
    desk.text("yes")
    assert "For your safety" in carrier.sent[-1].body


def test_who_begins_with_something_else(desk: Desk, carrier: Carrier) -> None:
    """A question that the flow understands is answered, not met with an offer."""
    call(desk, "1", "10203040")
    got = desk.text("what are your hours today?")
    assert "Our hours today" in carrier.sent[-1].body
    assert "resume_offered" not in kinds(desk, got.contact_id)


def test_who_declines_is_not_asked_twice_and_the_question_counts(desk: Desk, carrier: Carrier) -> None:
    dropped = call(desk, "1", "10203040").session
    first = desk.text("hi")
    desk.text("no")
    assert "How can we help you?" in carrier.sent[-1].body
    assert "resume_declined" in kinds(desk, dropped.contact_id)
    desk.text("1")
    with reading(desk.engine) as conn:
        again = [event.data for event in events.of_contact(conn, first.contact_id) if event.kind == "asked_again"]
    assert again == [{"slot": "account"}]


def test_cut_off_at_the_offer(desk: Desk) -> None:
    """It is offered again: nothing was decided."""
    call(desk, "1", "10203040")
    desk.clock[0] += timedelta(minutes=1)
    call(desk, number="second")
    desk.clock[0] += timedelta(minutes=1)
    turn = call(desk, "1", hang_up=False, number="third")
    assert turn.session.stack[-1] == ("pay_bill", "how_much")


@pytest.mark.parametrize("why", ["too late", "nothing given", "finished", "shared phone"])
def test_nothing_to_go_on_with(desk: Desk, carrier: Carrier, why: str) -> None:
    if why == "shared phone":
        with desk.engine.begin() as conn:
            for _ in range(2):
                identifiers.add(conn, customers.create(conn, at=desk.clock[0]), "phone", DANA, at=desk.clock[0])
    match why:
        case "nothing given":
            call(desk, "1")
        case "finished":
            call(desk, "2", "2")
        case _:
            call(desk, "1", "10203040")
    if why == "too late":
        desk.clock[0] += timedelta(minutes=61)
    desk.text("hi")
    assert "How can we help you?" in carrier.sent[-1].body


def test_keys_at_the_offer(desk: Desk) -> None:
    call(desk, "1", "10203040")
    turn = call(desk, "*", "0", hang_up=False, number="again")
    assert turn.session.stack[0][0] != "main"  # a person is always in reach
    desk.runner.feed(turn.session, HungUp())
    turn = call(desk, "", "7", hang_up=False, number="third")
    assert turn.session.stack[-1] == ("main", "choose")
