"""Conversations on Twilio of which something was lost: events that never came, requests that Twilio did not take,
processes that died in between."""

from __future__ import annotations

import time

from callcenter import control
from ivr.bridge.state import Order
from ivr.rehearsal.twilio_double import Call
from ivr.rehearsal.twilio_double.rest import Refused
from tests.twilio.office import ANA, BANK, BEN, DANA, Office, Open


def looks_later(office: Office) -> None:
    """A router that has just been started looks after all, minutes later, until all is quiet."""
    orders = office.another_router()
    for minutes in range(1, 4):
        orders.conversations.clock = lambda late=minutes: time.time() + 60 * late  # type: ignore[misc]
        for what in ("audit", "paying"):
            for key in office.queues.client.keys(f"cw:twilio:{what}:*"):
                office.queues.client.delete(key)
        orders.look()
        office.step()


def unheard(office: Office, happens: object) -> None:
    """What happens now nobody is told."""
    assert callable(happens)
    office.twilio.held = []
    happens()
    office.twilio.held = None


def of_three(office: Office) -> tuple[Call, Call, Call]:
    dana, ana = office.conversation()
    assert office.ordered(dana, "conference", to={"number": BANK}) == ""
    bank = office.rung().start()
    office.step()
    assert office.hears(dana) == {ANA, BANK}
    return dana, ana, bank


def test_nobody_told_that_the_agent_left(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana, bank = of_three(office)
    unheard(office, ana.hang_up)
    assert office.offer(dana).state == "connected"
    looks_later(office)
    assert office.offer(dana).state != "connected"
    assert (office.hears(dana), office.hears(bank)) == ({BANK}, {DANA})


def test_nobody_told_that_the_third_party_came(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert office.ordered(dana, "consult", to={"number": BANK}) == ""
    bank = office.rung()
    unheard(office, bank.start)
    assert office.hears(ana) == {"ringing-1.wav"}
    looks_later(office)
    assert (office.hears(ana), office.hears(bank)) == ({BANK}, {ANA})


def test_nobody_told_that_the_customer_left(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana, bank = of_three(office)
    unheard(office, dana.hang_up)
    looks_later(office)
    assert ana.over
    assert bank.over
    assert office.offer(dana).state in ("wrap_up", "done")


def test_who_is_called_and_never_heard_of_is_given_up(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert office.ordered(dana, "consult", to={"number": BANK}) == ""
    bank = office.rung()
    looks_later(office)
    assert bank.over
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})


def test_twilio_that_is_away_is_asked_again(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    office.rest.refuses = Refused(503, 20503, "away")
    orders, talk = office.orders, office.orders.conversations.get(office.offer(dana).id)
    assert talk is not None
    orders.conversations.happened(talk.id, Order("o1", "hold", "ana"))
    assert office.hears(dana) == {ANA}, "nothing has changed yet"
    looks_later(office)
    assert (office.hears(dana), office.hears(ana)) == ({"music-1.wav"}, {"held-1.wav"})


def test_what_twilio_refuses_for_good_is_not_asked_for_ever(open_office: Open) -> None:
    office = open_office("ana")
    dana, _ = office.conversation()
    office.rest.refuses = Refused(400, 20001, "no")
    assert office.ordered(dana, "hold") == ""
    asked = office.rest.answers
    office.orders.look()
    office.orders.look()
    assert office.rest.answers <= asked + 1, "but for who is in the conference"


def test_a_process_that_dies_in_between_leaves_the_rest_to_others(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    conversations = office.orders.conversations
    offer = office.offer(dana).id
    # it has stored what happened, and dies before it does what follows
    conversations.change(
        offer, lambda talk: talk.stepped(Order("o1", "transfer", "ana", {"to": {"queue": "billing"}}), 1.0)
    )
    assert office.state(dana) == "connected"
    looks_later(office)
    assert ana.over
    assert (office.queues.entry(office.contact(dana))["queue"], office.state(dana)) == ("billing", "waiting")
    assert dana.heard[-1].audio.endswith("/audio/music-1.wav")


def test_orders_for_the_agent_before_are_not_the_next_ones(open_office: Open) -> None:
    office = open_office("ana")
    dana, _ = office.conversation()
    office.queues.set_presence("ana", "unavailable", "lunch")
    assert office.ordered(dana, "transfer", to={"queue": "general"}) == ""
    control.order(office.queues.client, office.contact(dana), "hold", by="ana")
    office.queues.sign_in("ben")
    ben = office.rung().start()
    office.step()
    assert office.hears(dana) == {BEN}
    office.orders.once()
    office.step()
    assert (office.hears(dana), office.hears(ben)) == ({BEN}, {DANA})


def test_a_consulted_agent_is_offered_nothing_meanwhile(open_office: Open) -> None:
    agent = "ben"
    office = open_office("ana", agent)
    office.queues.set_presence(agent, "unavailable", "lunch")
    dana, _ = office.conversation()
    office.queues.set_presence(agent, "available")
    assert office.ordered(dana, "consult", to={"agent": agent}) == ""
    ben = office.rung().start()
    office.step()
    known = office.queues.agent(agent)
    assert known is not None
    assert (known.state, known.load) == ("busy", {"voice": 1})
    assert office.ordered(dana, "return") == ""
    assert ben.over
    known = office.queues.agent(agent)
    assert known is not None
    assert (known.state, known.load) == ("idle", {})
