"""Customers who are called back by Twilio."""

from __future__ import annotations

import pytest

from tests.twilio.office import DANA, Open
from tests.twilio.support import words


def test_who_is_called_back_presses_a_key(open_office: Open) -> None:
    office = open_office("ana")
    dana, contact = office.books()
    office.queues.set_presence("ana", "available")
    ana = office.rung().start()
    assert len(office.twilio.calls) == 2, "the customer is not called before the agent is there"
    ana.press("1")
    home = office.rung()
    assert home.called == DANA
    home.start()
    assert "called back" in words(home)[0] or "call you back" in words(home)[0]
    home.press("1")
    office.step()
    assert home.conference is ana.conference is not None
    assert office.queues.entry(contact)["state"] == "connected"
    assert office.kinds.count("callback.done") == 1
    home.hang_up()
    office.step()
    assert ana.over
    assert office.offer(dana).state == "wrap_up"


@pytest.mark.parametrize("status", ["busy", "no-answer", "machine"])
def test_who_is_not_reached_keeps_the_place(open_office: Open, status: str) -> None:
    office = open_office("ana")
    _, contact = office.books()
    office.queues.set_presence("ana", "available")
    ana = office.rung().start()
    ana.press("1")
    home = office.rung()
    if status == "machine":
        home.start().wait(30)
        assert home.over
    else:
        home.refuse(status)
    office.step()
    assert ana.over
    requested = office.queues.requested(contact)
    assert requested is not None
    assert (requested.attempts, requested.state) == (1, "waiting")


def test_an_agent_who_leaves_before_lets_the_customers_telephone_be(open_office: Open) -> None:
    office = open_office("ana")
    _, contact = office.books()
    office.queues.set_presence("ana", "available")
    ana = office.rung().start()
    ana.press("1")
    home = office.rung()
    ana.hang_up()
    office.step()
    assert home.over
    assert not home.answered
    requested = office.queues.requested(contact)
    assert requested is not None
    assert requested.state == "waiting"
