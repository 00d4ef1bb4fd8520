"""Callers on Twilio and the agents who serve them: real queues on a real store, the double for Twilio."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from callcenter import control
from callcenter.queues.journal import Tail
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from ivr.channels.twilio.orders import Orders
from ivr.channels.twilio.ringing import Ringing, reachable
from ivr.queue_config import PublishedQueues, connect
from ivr.rehearsal.twilio_double import Call
from ivr.rehearsal.twilio_double.rest import Refused, Rest
from tests.twilio.support import BASE_URL, ROOT, Line, line, settings, words
from tests.valkey import Valkey

ANA, BEN, DANA = "+12025550143", "sip:ben@pbx.example.com", "+12025550199"


class Office:
    """Ana has a number, Ben a SIP telephone, Cleo a browser; the caller is Dana. `step` does what is due."""

    def __init__(self, made: Line, valkey: Valkey, rest: Rest) -> None:
        self.line, self.rest, self.twilio = made, rest, made.twilio
        rest.twilio = made.twilio
        published = PublishedQueues(made.runner.published, connect(valkey.url))
        self.queues: Queues = published.queues
        self.router = Router(self.queues)
        self.ringing = Ringing(made.chosen, self.queues, made.engine)
        self.tail = Tail(self.queues.client)
        self.kinds: list[str] = []

    def step(self) -> None:
        """The router's next decisions, what follows from them, and what Twilio was asked for; until all is quiet."""
        while True:
            self.router.once(0)
            facts = self.tail.read()
            self.kinds += [fact.kind for fact in facts]
            for fact in facts:
                self.ringing.follow(fact)
            asked = bool(self.twilio.asked)
            self.twilio.settle()
            if not facts and not asked:
                return

    def waits(self) -> Call:
        call = self.line.call(caller=DANA)
        call.finish_speaking()
        call.press("0")
        return call

    def rung(self) -> Call:
        """The telephone of an agent that rings."""
        self.step()
        [phone] = [call for call in self.twilio.calls.values() if call.outbound and not call.answered and not call.over]
        return phone

    def contact(self, call: Call) -> str:
        return str(self.line.session(call).contact_id)

    def state(self, call: Call) -> str:
        place = self.queues.place(self.contact(call))
        return "" if place is None else place.state

    def offer(self, call: Call) -> Any:
        return self.queues.offer(self.queues.entry(self.contact(call))["offer"])

    def close(self) -> None:
        self.ringing.close()
        self.queues.client.close()
        self.line.close()


Open = Callable[..., Office]


@pytest.fixture
def open_office(tmp_path: Path, valkey: Valkey) -> Iterator[Open]:
    made: list[Office] = []
    flows = tmp_path / "flows"
    shutil.copytree(ROOT / "flows", flows)
    shutil.rmtree(flows / "calls")
    people = {name: {"queues": ["general"], "phone": phone} for name, phone in
              {"ana": ANA, "ben": BEN, "cleo": "desk"}.items()}  # fmt: skip
    (flows / "agents.yaml").write_text(yaml.safe_dump({"agents": people}))
    with Rest() as rest:

        def opened(*agents: str, **options: Any) -> Office:
            chosen = settings(tmp_path, redis_url=valkey.url, twilio_api_base=rest.base_url)
            office = Office(line(chosen, flows=flows, prompts=ROOT / "prompts", **options), valkey, rest)
            made.append(office)
            for agent in agents:
                office.queues.sign_in(agent)
            return office

        yield opened
        for office in made:
            office.close()


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


def test_an_agent_whom_twilio_cannot_ring_is_not_asked(open_office: Open) -> None:
    office = open_office("cleo")
    dana = office.waits()
    office.step()
    assert not [call for call in office.twilio.calls.values() if call.outbound]
    assert office.state(dana) == "waiting"
    assert "offer.refused" in office.kinds


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


def test_what_twilio_can_ring() -> None:
    assert reachable(ANA)
    assert reachable(BEN)
    assert not any(map(reachable, ("desk", "user:ana", "2025550143", "sip:ana", "")))


def conversation(office: Office) -> tuple[Call, Call]:
    dana = office.waits()
    ana = office.rung().start()
    ana.press("1")
    office.step()
    assert office.state(dana) == "connected"
    return dana, ana


def ordered(office: Office, call: Call, verb: str, by: str = "ana", **args: object) -> str:
    """Why not, "" where it was done."""
    order = control.order(office.queues.client, office.contact(call), verb, by=by, args=args)
    before = Tail(office.queues.client)
    Orders(office.line.chosen, office.queues, f"{BASE_URL}/audio/music-1.wav").once()
    office.twilio.settle()
    [answer] = [fact for fact in before.read() if fact.kind == "call.answer"]
    assert answer.data["order"] == order
    assert answer.data["ok"] == (not answer.data["why"])
    return str(answer.data["why"])


def test_hold_and_mute(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = conversation(office)
    room = dana.conference
    assert room is not None
    assert ordered(office, dana, "hold") == ""
    assert room.hears(dana.sid) == room.hears(ana.sid) == set()
    assert ordered(office, dana, "resume") == ""
    assert room.hears(dana.sid) == {ana.sid}
    assert ordered(office, dana, "mute") == ""
    assert (room.hears(dana.sid), room.hears(ana.sid)) == (set(), {dana.sid})
    assert ordered(office, dana, "unmute") == ""
    assert ordered(office, dana, "mute", party="customer") == ""
    assert (room.hears(dana.sid), room.hears(ana.sid)) == ({ana.sid}, set())
    assert "nobody" in ordered(office, dana, "mute", party="nobody")
    assert ordered(office, dana, "consult", to={"number": ANA})
    assert ordered(office, dana, "transfer", to={"number": ANA})
    assert room.hears(dana.sid) == {ana.sid}


def test_transfer_to_a_queue_keeps_the_joining_time(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = conversation(office)
    joined = office.queues.entry(office.contact(dana))["joined_at"]
    assert "no queue" in ordered(office, dana, "transfer", to={"queue": "nowhere"})
    assert ordered(office, dana, "transfer", to={"queue": "billing"}) == ""
    assert ana.over
    assert dana.conference is None
    assert not dana.over
    assert dana.heard[-1].audio.endswith("/audio/music-1.wav")
    entry = office.queues.entry(office.contact(dana))
    assert (entry["state"], entry["queue"], entry["joined_at"]) == ("waiting", "billing", joined)
    dana.wait(45)
    assert office.queues.entry(office.contact(dana))["queue"] == "billing"


def test_who_hangs_up_by_order_lets_the_caller_go_on(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = conversation(office)
    assert ordered(office, dana, "hang_up", by="ben")
    assert ordered(office, dana, "hang_up") == ""
    assert ana.over
    assert any("satisfied" in text for text in words(dana))


def test_a_supervisor_listens_whispers_and_joins(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = conversation(office)
    assert "no telephone" in ordered(office, dana, "listen", by="ben")
    office.queues.sign_in("ben")
    assert ordered(office, dana, "listen", by="ben") == ""
    ben = office.rung().start()
    room = ben.conference
    assert room is not None
    assert room is dana.conference
    assert room.hears(ben.sid) == {dana.sid, ana.sid}
    assert (room.hears(dana.sid), room.hears(ana.sid)) == ({ana.sid}, {dana.sid})
    assert ordered(office, dana, "whisper", by="ben") == ""
    assert (room.hears(dana.sid), room.hears(ana.sid)) == ({ana.sid}, {dana.sid, ben.sid})
    assert ordered(office, dana, "join", by="ben") == ""
    assert room.hears(dana.sid) == {ana.sid, ben.sid}
    ben.hang_up()
    office.step()
    assert dana.conference is ana.conference is room
    assert office.offer(dana).state == "connected"


def test_a_supervisor_may_begin_by_whispering(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = conversation(office)
    office.queues.sign_in("ben")
    assert ordered(office, dana, "whisper", by="ben") == ""
    ben = office.rung().start()
    room = ben.conference
    assert room is not None
    assert (room.hears(dana.sid), room.hears(ana.sid)) == ({ana.sid}, {dana.sid, ben.sid})


def books(office: Office) -> tuple[Call, str]:
    """Dana asks to be called back on the number that she calls from."""
    office.queues.set_presence("ana", "unavailable", "lunch")
    dana = office.waits()
    for _ in range(2):
        dana.finish_speaking()
        dana.press("1")
    dana.hang_up()
    return dana, office.contact(dana)


def test_who_is_called_back_presses_a_key(open_office: Open) -> None:
    office = open_office("ana")
    dana, contact = books(office)
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
    _, contact = books(office)
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
    _, contact = books(office)
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
