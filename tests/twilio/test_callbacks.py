"""Customers who are called back by Twilio."""

from __future__ import annotations

import pytest

from callcenter.queues.journal import drain
from callcenter.queues.restore import restore
from ivr.rehearsal.twilio_double import Call
from tests.twilio.office import ANA, BANK, BEN, DANA, Office, Open
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


@pytest.mark.parametrize("wanted", [True, False])
def test_a_dial_that_the_store_has_lost_goes_on_if_it_is_wanted(open_office: Open, wanted: bool) -> None:
    """As a store does that came back without its last seconds, it is dropped and put back."""
    office = open_office("ana", "ben")
    _, contact = office.books()
    office.queues.set_presence("ben", "unavailable", "lunch")
    office.queues.set_presence("ana", "available")
    ana = office.rung().start()
    ana.press("1")
    home = office.rung()
    drain(office.line.engine, office.queues)
    office.queues.forget(office.queues.epoch())
    office.ringing.keep(())
    assert not home.over, "it may be put back"
    drain(office.line.engine, office.queues)
    restore(office.line.engine, office.queues)
    office.queues.set_presence("ben", "available")
    if not wanted:
        office.queues.cancel_callback(contact)
    office.ringing.keep(())
    office.step()
    assert (home.over, ana.over) == (not wanted, not wanted)
    if wanted:
        home.start()
        home.press("1")
        office.step()
        assert home.conference is ana.conference is not None
        assert office.queues.entry(contact)["state"] == "connected"
        assert len(office.twilio.calls) == 3, "nobody was called beside them"


def test_a_dial_that_nothing_is_known_of_any_more_is_made_again_after_the_spacing(open_office: Open) -> None:
    """A replica that is older than the dial has none of what belongs to it; the log of events has its beginning."""
    office = open_office("ana")
    _, contact = office.books()
    office.queues.set_presence("ana", "available")
    office.rung().start().press("1")
    home = office.rung()
    drain(office.line.engine, office.queues)
    office.queues.forget(office.queues.epoch())
    for key in office.queues.client.keys("cw:twilio:*"):
        office.queues.client.delete(key)
    drain(office.line.engine, office.queues)
    restore(office.line.engine, office.queues)
    home.start()
    assert home.over
    requested = office.queues.requested(contact)
    assert requested is not None
    spacing = office.queues.queue(requested.queue).callback.spacing
    assert requested.at - office.queues.clock() > spacing / 2, "not in the twenty seconds of other callbacks"


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


def transferred(office: Office) -> tuple[Call, str]:
    """Dana, called back, whom Ana has put back into the queue and left."""
    home, _, contact = office.calls_back()
    office.queues.set_presence("ana", "unavailable", "lunch")
    assert office.ordered_of(contact, "transfer", to={"queue": "general"}) == ""
    return home, contact


def test_who_was_called_back_is_done_when_the_agent_is(open_office: Open) -> None:
    office = open_office("ana")
    home, ana, contact = office.calls_back()
    ana.hang_up()
    office.step()
    assert home.over
    assert office.queues.entry(contact)["state"] == "done"


def test_who_was_called_back_waits_on_the_line_for_another_agent(open_office: Open) -> None:
    office = open_office("ana")
    home, ana, contact = office.calls_back()
    joined = office.queues.entry(contact)["joined_at"]
    office.queues.set_presence("ana", "unavailable", "lunch")
    assert office.ordered_of(contact, "transfer", to={"queue": "general"}) == ""
    assert ana.over
    assert not home.over
    assert home.heard[-1].audio.endswith("/audio/music-1.wav")
    entry = office.queues.entry(contact)
    assert (entry["state"], entry["leg"], entry["joined_at"]) == ("waiting", "present", joined)
    assert contact in office.orders.conversations.links.backs(), "whoever keeps legs keeps this one"
    office.queues.sign_in("ben")
    ben = office.rung().start()
    office.step()
    assert (office.hears(home), office.hears(ben)) == ({BEN}, {DANA})
    assert office.queues.entry(contact)["state"] == "connected"
    home.hang_up()
    office.step()
    assert ben.over
    assert office.queues.entry(contact)["state"] == "done"
    assert contact not in office.orders.conversations.links.backs()


def test_who_was_called_back_and_hangs_up_while_waiting_leaves(open_office: Open) -> None:
    office = open_office("ana")
    home, contact = transferred(office)
    home.hang_up()
    office.step()
    assert office.queues.entry(contact)["state"] == "left"
    assert contact not in office.orders.conversations.links.backs()


def test_an_offer_that_is_refused_lets_who_waits_on_the_line_be(open_office: Open) -> None:
    office = open_office("ana")
    home, contact = transferred(office)
    office.queues.sign_in("ben")
    office.rung().refuse("busy")
    office.step()
    assert not home.over
    assert office.queues.entry(contact)["state"] == "waiting"
    assert contact in office.orders.conversations.links.backs()


def test_three_of_them_with_who_was_called_back(open_office: Open) -> None:
    office = open_office("ana")
    home, ana, contact = office.calls_back()
    assert office.ordered_of(contact, "conference", to={"number": BANK}) == ""
    bank = office.rung().start()
    office.step()
    assert office.hears(home) == {ANA, BANK}
    ana.hang_up()
    office.step()
    assert office.hears(home) == {BANK}
    bank.hang_up()
    office.step()
    assert home.over
