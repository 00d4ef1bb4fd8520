"""Agents' own telephones and browsers, which Twilio reaches at our SIP endpoint or not at all."""

from __future__ import annotations

import io

import pytest

from callcenter.acd.carriers import public
from ivr.channels.twilio.sip_host import carried, sip_host
from ivr.channels.voice.extensions import Extension, Extensions
from tests.twilio.office import ANA, BEN, DANA, Open
from tests.twilio.support import settings, words
from tests.valkey import Valkey


def test_what_anybody_can_ring() -> None:
    assert public(ANA)
    assert public(BEN)
    assert not any(map(public, ("desk", "user:ana", "2025550143", "sip:ana", "")))


def test_a_caller_whom_nobody_could_be_connected_to_does_not_wait(open_office: Open, logged: io.StringIO) -> None:
    office = open_office("cleo")
    dana = office.waits()
    office.step()
    assert office.state(dana) == ""
    assert dana.asks, "the flow offers something else"
    assert "TWILIO_SIP_HOST" in logged.getvalue()


def test_only_agents_whom_twilio_can_ring_are_offered_its_calls(open_office: Open) -> None:
    office = open_office("cleo", "ana")
    dana = office.waits()
    assert office.rung().called == ANA
    office.queues.sign_out("ana")
    office.step()
    assert office.state(dana) == "waiting"
    assert office.kinds.count("offer.made") == 1
    assert office.queues.offers_of("cleo") == []
    assert dana.heard[-1].audio.endswith("/audio/music-1.wav")


def test_a_browser_is_rung_at_our_own_endpoint(open_reachable_office: Open) -> None:
    office = open_reachable_office("cleo")
    office.queues.client.set("cw:softphone:cleo", "sip:cleo@127.0.0.1:5099")
    dana = office.waits()
    cleo = office.rung()
    name, _, host = cleo.called.removeprefix("sip:").partition("@")
    assert host == "sip.example.com;transport=tls"
    assert cleo.credentials == ("carrier", "pass word")
    assert Extensions(office.queues.client).take(name) == Extension("cleo", "desk", DANA)
    cleo.start()
    office.step()
    assert words(cleo) == ["A call for Customer service."]
    assert dana.conference is cleo.conference is not None
    assert office.state(dana) == "connected"


def test_a_desk_that_is_closed_is_not_rung(open_reachable_office: Open) -> None:
    office = open_reachable_office("cleo")
    dana = office.waits()
    office.step()
    assert not [call for call in office.twilio.calls.values() if call.outbound]
    assert office.state(dana) == "waiting"
    assert "offer.refused" in office.kinds


def test_a_telephone_of_ours_is_consulted(open_reachable_office: Open) -> None:
    office = open_reachable_office("ana")
    office.queues.sign_in("ben", device="user:ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    dana, _ = office.conversation()
    office.queues.sign_in("cleo")
    office.queues.set_presence("cleo", "unavailable", "lunch")
    assert "isn't open" in office.ordered(dana, "consult", to={"agent": "cleo"})
    assert office.ordered(dana, "consult", to={"agent": "ben"}) == ""
    ben = office.rung()
    name = ben.called.removeprefix("sip:").partition("@")[0]
    assert Extensions(office.queues.client).take(name) == Extension("ben", "user:ben", DANA)
    ben.start()
    office.step()
    assert office.hears(ben) == {ANA}


@pytest.mark.parametrize("host", ["sip example com", "a@sip.example.com", ":5060", ";transport=tls"])
def test_a_wrong_host_is_named(valkey: Valkey, host: str) -> None:
    with pytest.raises(ValueError, match="TWILIO_SIP_HOST: write"):
        sip_host(settings(valkey.folder, twilio_sip_host=host))


def test_a_user_who_is_none_of_ours_is_named(valkey: Valkey) -> None:
    with pytest.raises(ValueError, match="TWILIO_SIP_USER: 'eve'"):
        sip_host(settings(valkey.folder, twilio_sip_host="sip.example.com", twilio_sip_user="eve", sip_users="ann:x"))


def test_where_twilio_reaches_us_every_agent_is_offered_its_calls(valkey: Valkey) -> None:
    assert carried(settings(valkey.folder)) == {"twilio"}
    assert carried(settings(valkey.folder, twilio_sip_host="sip.example.com:5070")) == frozenset()
