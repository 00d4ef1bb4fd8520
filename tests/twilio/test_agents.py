"""Ringing agents for callers on Twilio, and connecting the two."""

from __future__ import annotations

import pytest

from ivr.rehearsal.twilio_double.rest import Refused
from tests.twilio.office import ANA, Open
from tests.twilio.support import words


@pytest.mark.parametrize("duplicate", [1, 2], ids=["once", "twice"])
def test_a_caller_waits_is_connected_and_goes_on_with_the_flow(open_office: Open, duplicate: int) -> None:
    office = open_office("ana", duplicate=duplicate)
    dana = office.waits()
    assert dana.heard[-1].audio.endswith("/audio/music-1.wav")
    ana = office.rung()
    assert (ana.called, ana.caller) == (ANA, dana.called)
    ana.start()
    assert words(ana) == ["A call for Customer service."]
    assert office.state(dana) == "offered"
    ana.press("1")
    office.step()
    assert dana.conference is not None
    assert dana.conference is ana.conference
    assert dana.conference.hears(dana.sid) == {ana.sid}
    assert (office.state(dana), office.offer(dana).state) == ("connected", "connected")
    ana.hang_up()
    office.step()
    assert office.offer(dana).state == "wrap_up"
    assert not dana.over
    assert any("satisfied" in text for text in words(dana))
    assert office.kinds.count("offer.connected") == office.kinds.count("offer.done") == 1
    assert dana.failures == ana.failures == []


def test_a_sip_telephone_takes_the_call_by_answering(open_office: Open) -> None:
    office = open_office("ben")
    dana = office.waits()
    ben = office.rung().start()
    office.step()
    assert words(ben) == ["A call for Customer service."]
    assert dana.conference is ben.conference is not None
    dana.hang_up()
    office.step()
    assert ben.over
    assert office.offer(dana).state == "wrap_up"
    assert office.line.session(dana).ended


@pytest.mark.parametrize(("status", "why"), [("busy", "busy"), ("no-answer", "no_answer"), ("failed", "failed")])
def test_an_agent_who_is_not_reached_costs_nobody_the_place(open_office: Open, status: str, why: str) -> None:
    office = open_office("ana")
    dana = office.waits()
    ana = office.rung()
    joined = office.queues.entry(office.contact(dana))["joined_at"]
    ana.refuse(status)
    office.step()
    assert office.state(dana) == "waiting"
    assert office.queues.entry(office.contact(dana))["joined_at"] == joined
    assert office.kinds.count("offer.refused") == 1
    heard = len(dana.heard)
    dana.wait(65)
    assert len(dana.heard) > heard + 1
    assert all(one.audio for one in dana.heard[heard:]), "nothing is said again that was said"


def test_a_machine_presses_no_key(open_office: Open) -> None:
    office = open_office("ana")
    dana = office.waits()
    ana = office.rung().start()
    ana.wait(10)
    assert len(words(ana)) > 2, "the whisper is said again and again"
    ana.hang_up()
    office.step()
    assert office.state(dana) == "waiting"
    assert "offer.connected" not in office.kinds


def test_who_hangs_up_lets_the_agents_telephone_be(open_office: Open) -> None:
    office = open_office("ana")
    dana = office.waits()
    ana = office.rung()
    dana.hang_up()
    office.step()
    assert ana.over
    assert not ana.answered
    assert office.state(dana) == "left"
    assert "queue.left" in office.kinds


def test_who_is_gone_when_the_agent_accepts_is_not_waited_for(open_office: Open) -> None:
    office = open_office("ana")
    dana = office.waits()
    ana = office.rung().start()
    office.rest.refuses = Refused(400, 21220, "the call is not in progress")
    ana.press("1")
    office.step()
    assert ana.over
    assert office.state(dana) == "left"


def test_twilio_that_refuses_gives_the_place_back(open_office: Open) -> None:
    office = open_office("ana")
    dana = office.waits()
    ana = office.rung().start()
    office.rest.refuses = Refused(500, 20500, "internal")
    ana.press("1")
    assert ana.over
    assert office.state(dana) == "waiting"


def test_an_offer_that_lapsed_connects_nobody(open_office: Open) -> None:
    office = open_office("ana")
    dana = office.waits()
    ana = office.rung().start()
    ana.press("1")
    office.queues.refuse(office.offer(dana).id, "failed")
    office.step()
    assert office.state(dana) == "waiting"
    assert dana.conference is None
    assert not dana.over
    assert ana.over
    assert dana.heard[-1].audio.endswith("/audio/music-1.wav")


def test_a_choice_while_the_telephone_rings_takes_the_offer_back(open_office: Open) -> None:
    office = open_office("ana")
    dana = office.waits()
    ana = office.rung()
    dana.press("1")
    office.step()
    assert ana.over
    assert "offer.withdrawn" in office.kinds
    assert dana.asks == "gather"
    assert words(dana)
