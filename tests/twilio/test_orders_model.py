"""Whatever happens in a conversation on Twilio, in whatever order it is told and however late Twilio does what it was
asked: nobody is left in silence, no call is up with nobody there, and no customer is dropped."""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from callcenter import control
from ivr.channels.twilio.talk import Talk
from ivr.rehearsal.twilio_double import Call, FlaskTransport, Twilio
from ivr.rehearsal.twilio_double.rest import Rest
from tests.twilio.office import BANK, Office
from tests.twilio.paying import Counter
from tests.twilio.support import ACCOUNT, ACCOUNT_SID, BASE_URL, CARD, CODE, EXPIRY, TOKEN, Line
from tests.valkey import Valkey

OF_AN_AGENT = ("hold", "resume", "merge", "complete", "return", "hang_up", "pay", "pay_stop")
THIRD = ("consult", "conference", "transfer")
OF_A_SUPERVISOR = ("listen", "whisper", "join", "take_over", "hang_up")
SOMEBODY = st.sampled_from([{"number": BANK}, {"agent": "ben"}, {"queue": "billing"}])
RARELY = st.integers(0, 12)
AGREED = {"account": ACCOUNT, "amount": 1}


class World(RuleBasedStateMachine):
    line: Line
    rest: Rest
    valkey: Valkey

    def __init__(self) -> None:
        super().__init__()
        with self.valkey.client() as client:
            client.flushall()
        self.twilio = Twilio(FlaskTransport(self.line.app), TOKEN, BASE_URL, ACCOUNT_SID)
        self.office = Office(replace(self.line, twilio=self.twilio), self.valkey, self.rest)
        for agent in ("ana", "ben"):
            self.office.queues.sign_in(agent)
        self.office.queues.set_presence("ben", "unavailable", "lunch")
        self.dana, self.ana = self.office.conversation()
        # whoever waits again is offered to nobody
        self.office.queues.set_presence("ana", "unavailable", "lunch")
        self.twilio.held = []
        self.hung_up = False
        self.contact = self.office.contact(self.dana)
        self.counter = Counter(self.office, self.dana, self.ana, self.contact)
        self.later = 0.0
        self.office.orders.conversations.clock = lambda: time.time() + self.later

    def of(self, *, answered: bool) -> list[Call]:
        return [call for call in self.twilio.calls.values()
                if call.outbound and call.answered == answered and not call.over]  # fmt: skip

    @property
    def paying(self) -> bool:
        """Whether the customer is asked for a card."""
        talk = self.talk
        return talk is not None and bool(talk.state.paying) and self.dana.conference is None and bool(self.dana.asks)

    @property
    def talk(self) -> Talk | None:
        conversations = self.office.orders.conversations
        return conversations.get(conversations.links.talking_to(self.contact))

    # What happens

    def ordered(self, verb: str, by: str, **args: object) -> None:
        control.order(self.office.queues.client, self.office.contact(self.dana), verb, by=by, args=args)
        self.office.orders.once()

    @rule(verb=st.sampled_from(THIRD), to=SOMEBODY)
    def order_a_third(self, verb: str, to: dict[str, str]) -> None:
        self.ordered(verb, "ana", to=to)

    @rule(verb=st.sampled_from(OF_AN_AGENT), rarely=RARELY)
    def order_of_the_agent(self, verb: str, rarely: int) -> None:
        if verb != "hang_up" or rarely == 5:
            self.ordered(verb, "ana", **(AGREED if verb == "pay" else {}))

    @rule(verb=st.sampled_from(OF_A_SUPERVISOR))
    def order_of_a_supervisor(self, verb: str) -> None:
        self.ordered(verb, "ben")

    @precondition(lambda self: self.of(answered=False))
    @rule(data=st.data())
    def answers(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.of(answered=False))).start()

    @precondition(lambda self: self.of(answered=False))
    @rule(data=st.data(), status=st.sampled_from(["busy", "no-answer", "failed", "canceled"]))
    def does_not_answer(self, data: st.DataObject, status: str) -> None:
        data.draw(st.sampled_from(self.of(answered=False))).refuse(status)

    @precondition(lambda self: self.of(answered=True))
    @rule(data=st.data(), rarely=RARELY)
    def leaves(self, data: st.DataObject, rarely: int) -> None:
        call = data.draw(st.sampled_from(self.of(answered=True)))
        if call is not self.ana or rarely < 4:
            call.hang_up()

    @rule(rarely=RARELY)
    def the_customer_leaves(self, rarely: int) -> None:
        if rarely == 5:
            self.hung_up = True
            self.dana.hang_up()

    @precondition(lambda self: self.paying)
    @rule(digits=st.sampled_from(["1", CARD + "#", EXPIRY, CODE + "#", "0", "*"]))
    def the_customer_keys(self, digits: str) -> None:
        self.dana.finish_speaking()
        for digit in digits:
            if self.paying:
                self.dana.press(digit)

    @precondition(lambda self: self.paying)
    @rule()
    def the_customer_keys_everything(self) -> None:
        for digits in ("1", CARD + "#", EXPIRY, CODE + "#"):
            self.the_customer_keys(digits)

    @precondition(lambda self: self.twilio.asked)
    @rule()
    def twilio_does_one_thing(self) -> None:
        self.twilio.asked.pop(0)()

    @precondition(lambda self: self.twilio.held)
    @rule(data=st.data())
    def twilio_tells_one_thing(self, data: st.DataObject) -> None:
        assert self.twilio.held is not None
        self.twilio.held.pop(data.draw(st.integers(0, min(2, len(self.twilio.held) - 1))))()

    @rule()
    def another_router_is_started(self) -> None:
        fresh = self.office.another_router()
        fresh.conversations.clock = self.office.orders.conversations.clock
        self.office.orders = fresh
        fresh.look()

    # What must be so

    @rule()
    def all_is_quiet(self) -> None:
        self.settle()
        # what was told out of order, and what nobody told
        for _ in range(3):
            self.later += 60.0
            for what in ("audit", "paying"):
                self.office.queues.client.delete(*self.office.queues.client.keys(f"cw:twilio:{what}:*") or ["none"])
            self.office.orders.look()
            self.settle()
        self.nobody_is_alone_or_in_silence()

    def teardown(self) -> None:
        self.all_is_quiet()
        self.twilio.held = None
        self.office.close()

    def settle(self) -> None:
        while self.twilio.asked or self.twilio.held:
            while self.twilio.held:
                self.twilio.held.pop(0)()
            self.twilio.settle()

    def nobody_is_alone_or_in_silence(self) -> None:
        office, dana = self.office, self.dana
        assert dana.over == self.hung_up, "a customer was dropped"
        others, ringing = self.of(answered=True), self.of(answered=False)
        state = office.state(dana)
        room = dana.conference
        if self.paying:
            room = self.ana.conference
            assert room is not None, "the agent waits for a payment"
            assert {call.sid for call in others} == room.participants.keys()
            for call in others:
                assert office.hears(call), f"{call.called} hears nothing"
            assert state in ("connected", "done")
        elif room is None:
            assert not others, "somebody is left alone"
            assert not ringing, "a telephone rings for nobody"
            assert dana.over or dana.asks, "neither with an agent nor with the flow"
            assert state in (("done", "left") if dana.over else ("done", "waiting"))
        else:
            assert {call.sid for call in others} == room.participants.keys() - {dana.sid}
            assert others or ringing, "the customer is alone"
            for call in (dana, *others):
                assert office.hears(call), f"{call.called} hears nothing"
            assert office.hears(dana) == {"ringing-1.wav"} or others, "ringing"
            talk = self.talk
            assert talk is not None
            assert not talk.state.paying, "a payment that nobody is asked for"
            parties = talk.state.parties.items()
            quiet = {talk.leg(id).call for id, party in parties if party.mode in ("listen", "whisper")}
            assert not quiet & room.hears(dana.sid), "a supervisor is heard"
            assert state in ("connected", "done")
        busy = {offer.agent_id for agent in ("ana", "ben") for offer in office.queues.offers_of(agent)
                if offer.state in ("offered", "accepted", "connected")}  # fmt: skip
        assert not busy if room is None else len(busy) == (state == "connected"), "an agent is busy with nobody"
        self.payments_add_up(goes_on=self.paying)
        for call in self.twilio.calls.values():
            assert not [failure for failure in call.failures if failure.code != 13240]

    def payments_add_up(self, *, goes_on: bool) -> None:
        here = self.counter
        sessions = here.sessions
        assert len([one for one in sessions if not one.ended]) == goes_on, "a payment's session is left behind"
        approved = [one for one in here.payments if one.status == "approved"]
        assert len(approved) == here.charged == len(here.payments)
        assert len({one.session_id for one in approved}) == len(approved), "one session charges twice"
        assert len(here.receipts) == len(approved), "a receipt for each"
        assert (here.shown.get("state") in ("asking", "charging")) == goes_on, "dots that stand still"
        assert not any(one.keys for room in self.twilio.conferences for one in room.participants.values())


class Payment(World):
    @initialize()
    def the_agent_takes_a_payment(self) -> None:
        self.ordered("pay", "ana", **AGREED)


def run(world: type[World], company: tuple[Line, Rest], valkey: Valkey, steps: int) -> None:
    line, rest = company
    parts = {"line": line, "rest": rest, "valkey": valkey}
    often = settings(max_examples=8, stateful_step_count=steps, deadline=None, derandomize=True,
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    run_state_machine_as_test(type("Worlds", (world,), parts), settings=often)


def test_whatever_happens_to_a_payment(company: tuple[Line, Rest], valkey: Valkey) -> None:
    run(Payment, company, valkey, 12)


def test_whatever_happens(company: tuple[Line, Rest], valkey: Valkey) -> None:
    run(World, company, valkey, 12)
