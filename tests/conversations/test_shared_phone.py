"""Several customers share a telephone: one question settles who it is."""

from __future__ import annotations

import pytest

from callcenter import customers, events, identifiers
from callcenter.db import reading
from callcenter.tables import contacts
from tests.conversations.support import DANA, Carrier, Desk


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
    ("answers", "who"), [(["20304050"], 1), (["99999999", "10001"], 0), (["99999999", "99999"], None)]
)
def test_one_question_settles_it(desk: Desk, carrier: Carrier, answers: list[str], who: int | None) -> None:
    people = shared(desk)
    got = desk.text("I am moving to another house")
    assert "eight-digit account number" in carrier.sent[-1].body
    for answer in answers:
        desk.text(answer)
    (contact,) = (row for row in desk.rows(contacts) if row.id == got.contact_id)
    assert contact.customer_id == (None if who is None else people[who])
    assert "Nobody is available" in carrier.sent[-1].body
    with reading(desk.engine) as conn:
        asked = [event.data["fits"] for event in events.of_contact(conn, got.contact_id) if event.kind == "verified"]
    assert asked == [False] * (len(answers) - 1) + [who is not None]


def test_a_phone_of_ones_own_is_asked_nothing(desk: Desk, carrier: Carrier) -> None:
    with desk.engine.begin() as conn:
        customer = customers.create(conn, at=desk.clock[0], name="Dana")
        identifiers.add(conn, customer, "phone", DANA, at=desk.clock[0])
    desk.text("I am moving to another house")
    assert "Nobody is available" in carrier.sent[-1].body
