"""Several customers share a telephone: one question settles who it is."""

from __future__ import annotations

import re

import pytest

from callcenter import customers, events, identifiers
from callcenter.db import reading
from callcenter.tables import contacts
from tests.carriers import Carrier
from tests.conversations.support import DANA, Desk

LEES = "+12025550177"


def shared(desk: Desk) -> tuple[str, str]:
    with desk.engine.begin() as conn:
        ids = []
        for name, account, postcode in (("Dana", "10203040", "10001"), ("Lee", "20304050", "10002")):
            customer = customers.create(conn, at=desk.clock[0], name=name, attributes={"postcode": postcode})
            identifiers.add(conn, customer, "phone", DANA, at=desk.clock[0])
            identifiers.add(conn, customer, "account", account, at=desk.clock[0])
            ids.append(customer)
    return ids[0], ids[1]


@pytest.mark.parametrize(
    ("answers", "who"), [(["20304050"], 1), (["99999999", "10001"], 0), (["99999999", "99999", "no"], None)]
)
def test_one_question_settles_it(desk: Desk, carrier: Carrier, answers: list[str], who: int | None) -> None:
    people = shared(desk)
    got = desk.text("I am moving to another house")
    assert "eight-digit account number" in carrier.sent[-1].body
    for answer in answers:
        desk.text(answer)
    (contact,) = (row for row in desk.rows(contacts) if row.id == got.contact_id)
    assert contact.customer_id == (None if who is None else people[who])
    assert ("Nobody is available" if who is None else "On which day will you move?") in carrier.sent[-1].body
    with reading(desk.engine) as conn:
        asked = [event.data["fits"] for event in events.of_contact(conn, got.contact_id) if event.kind == "verified"]
    wrong = sum(answer.startswith("9") for answer in answers)
    assert asked == [False] * wrong + [True] * (who is not None)


def asks_for_a_code(desk: Desk, carrier: Carrier, number: str) -> str:
    """A contact that has got as far as giving another number."""
    got = desk.text("I am moving to another house")
    for answer in ("99999999", "99999", "yes", number):
        desk.text(answer)
    return got.contact_id


def own_phone(desk: Desk, customer: str) -> None:
    with desk.engine.begin() as conn:
        identifiers.add(conn, customer, "phone", LEES, at=desk.clock[0])


def test_a_code_to_another_phone_settles_it(desk: Desk, carrier: Carrier) -> None:
    _, lee = shared(desk)
    own_phone(desk, lee)
    contact_id = asks_for_a_code(desk, carrier, "202 555 0177")
    assert [message.to for message in carrier.sent[-2:]] == [LEES, DANA]
    found = re.search(r"\b\d{6}\b", carrier.sent[-2].body)
    assert found
    code = f"{found[0]} is your code for Riverbend Water and Power."
    assert carrier.sent[-2].body == f"{code} It is valid for ten minutes."
    desk.text("000000" if found[0] != "000000" else "111111")
    assert "not the digits" in carrier.sent[-1].body
    assert desk.contact(contact_id).customer_id is None
    desk.text(found[0])
    assert desk.contact(contact_id).customer_id == lee
    with reading(desk.engine) as conn:
        [known] = identifiers.identify(conn, "phone", LEES)
    assert (known.customer_id, known.proof) == (lee, "one_time_code")
    assert "On which day will you move?" in carrier.sent[-1].body


def test_a_code_that_was_guessed_too_often_is_over(desk: Desk, carrier: Carrier) -> None:
    _, lee = shared(desk)
    own_phone(desk, lee)
    contact_id = asks_for_a_code(desk, carrier, LEES)
    found = re.search(r"\b\d{6}\b", carrier.sent[-2].body)
    assert found
    wrong = "000000" if found[0] != "000000" else "111111"
    for _ in range(5):
        assert "What are they?" in carrier.sent[-1].body
        desk.text(wrong)
    assert "Nobody is available" in carrier.sent[-1].body
    assert desk.contact(contact_id).customer_id is None


@pytest.mark.parametrize("whose", ["nobody's", "another customer's"])
def test_no_code_goes_to_a_stranger(desk: Desk, carrier: Carrier, whose: str) -> None:
    shared(desk)
    if whose == "another customer's":
        with desk.engine.begin() as conn:
            stranger = customers.create(conn, at=desk.clock[0], name="Sam")
        own_phone(desk, stranger)
    contact_id = asks_for_a_code(desk, carrier, LEES)
    assert {message.to for message in carrier.sent} == {DANA}
    assert "no such number" in carrier.sent[-1].body
    assert desk.contact(contact_id).customer_id is None


def test_a_phone_of_ones_own_is_asked_nothing(desk: Desk, carrier: Carrier) -> None:
    with desk.engine.begin() as conn:
        customer = customers.create(conn, at=desk.clock[0], name="Dana")
        identifiers.add(conn, customer, "phone", DANA, at=desk.clock[0])
    desk.text("I am moving to another house")
    assert "On which day will you move?" in carrier.sent[-1].body
