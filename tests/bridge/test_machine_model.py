"""Whatever happens in whatever order: nobody is left in silence, no leg with nobody there, no customer dropped.

The model is the world outside: which legs ring, are up, were hung up. It believes only commands.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ivr.bridge.machine import AGENT, begin, step
from ivr.bridge.orders import verbs
from ivr.bridge.soundscape import company
from ivr.bridge.state import (
    CUSTOMER,
    Answer,
    Answered,
    Charging,
    Command,
    Complete,
    Connected,
    Dial,
    End,
    Event,
    Gone,
    HangUp,
    Hear,
    OfferLost,
    Order,
    PaymentEnded,
    Play,
    Played,
    Record,
    Refer,
    ReferEnded,
    Requeue,
    SendDigits,
    Started,
    State,
    StopPayment,
    TakePayment,
)

PEOPLE = ("ann", "bob", "sue", "tom", "")
SOMEBODY = st.sampled_from([{"agent": "bob"}, {"agent": "sue"}, {"number": "+15550123"}])
OF_AN_AGENT = ("hold", "resume", "mute", "unmute", "merge", "complete", "return", "digits", "record_pause",
               "record_resume", "secret_start", "secret_end", "pay", "pay_stop")  # fmt: skip
RARELY = st.integers(0, 40)
"""13 of these is seldom drawn, so that conversations grow old."""
TARGETS = st.one_of(
    st.none(),
    st.builds(lambda who: {"agent": who}, st.sampled_from(PEOPLE)),
    st.just({"number": "+15550123"}),
    st.just({"queue": "billing"}),
)


class World(RuleBasedStateMachine):
    state: State

    @initialize(recorded=st.booleans(), consent=st.booleans())
    def begin(self, recorded: bool, consent: bool) -> None:
        self.legs = {CUSTOMER: "up", AGENT: "up"}
        self.crossing: set[str] = set()
        self.hears: dict[str, Play | Hear] = {}
        self.tape = "off"
        self.paying = "no"
        self.said: list[Command] = []
        self.agents_end = False
        self.referred = self.customer_went = self.consenting = False
        self.offer_lost = False
        self.ended: End | None = None
        self.state = begin(queue="sales", agent="ann", recorded=recorded, consent=consent, payments=True)
        self.happens(Started())

    def happens(self, event: Event) -> None:
        over = self.ended is not None
        self.state, commands = step(self.state, event)
        for number, command in enumerate(commands):
            if isinstance(command, End):
                assert number == len(commands) - 1
            if over:
                assert isinstance(command, (HangUp, Answer))
            self.obey(command)
        if isinstance(event, Order):
            assert sum(isinstance(command, Answer) for command in commands) == 1

    def obey(self, command: Command) -> None:
        match command:
            case Dial(party):
                assert party not in self.legs
                self.legs[party] = "ringing"
            case HangUp(party):
                assert party != CUSTOMER or self.referred, "a customer was dropped"
                if self.legs[party] == "ringing":
                    self.crossing.add(party)
                self.legs[party] = "gone"
            case Hear(party, talkers):
                assert self.legs[party] == "up"
                assert party not in talkers
                assert all(self.legs[talker] == "up" for talker in talkers)
                self.hears[party] = command
            case Play(party, sound):
                assert self.legs[party] == "up"
                self.hears[party] = command
                self.consenting = self.consenting or sound == "consent"
            case SendDigits(party):
                assert self.legs[party] == "up"
            case Record(what):
                allowed = {"start": ("off",), "pause": ("on",), "resume": ("paused",), "stop": ("on", "paused")}
                assert self.tape in allowed[what]
                self.tape = {"start": "on", "pause": "paused", "resume": "on", "stop": "off"}[what]
            case TakePayment():
                assert (self.paying, self.legs[CUSTOMER]) == ("no", "up")
                self.only_prompts_are_heard_of_the_customer()
                self.paying = "asking"
            case StopPayment(told):
                assert self.paying != "no"
                self.paying = "stopping" if told else "no"
            case Refer():
                assert self.legs[CUSTOMER] == "up"
            case Connected():
                assert not self.said
                self.said.append(command)
            case Complete(_, heir):
                assert not any(isinstance(one, (Complete, Requeue)) for one in self.said)
                assert not self.offer_lost
                if not heir:  # whoever inherits has the offer from then on
                    self.said.append(command)
            case Requeue(_, _, fresh):
                assert not any(isinstance(one, Requeue) for one in self.said)
                assert fresh == any(isinstance(one, Complete) for one in self.said)
                self.said.append(command)
            case End():
                assert self.ended is None
                self.ended = command

    def of(self, *kinds: str) -> list[str]:
        return sorted(id for id, kind in self.legs.items() if kind in kinds)

    # What happens

    @rule(verb=st.sampled_from(["consult", "conference", "transfer"]), to=SOMEBODY, refer=st.booleans())
    def order_a_third(self, verb: str, to: object, refer: bool) -> None:
        self.happens(Order("o", verb, "ann", {"to": to, "refer": refer}))

    @rule()
    def order_a_refer(self) -> None:
        self.happens(Order("o", "transfer", "ann", {"to": {"number": "+15550123"}, "refer": True}))

    @rule(verb=st.sampled_from(["listen", "whisper", "join", "take_over"]), by=st.sampled_from(["sue", "tom"]))
    def order_of_a_supervisor(self, verb: str, by: str) -> None:
        self.happens(Order("o", verb, by))

    @rule(verb=st.sampled_from(OF_AN_AGENT))
    def order_of_the_agent(self, verb: str) -> None:
        self.happens(Order("o", verb, "ann", {"digits": "1"}))

    @rule(
        rarely=RARELY,
        verb=st.sampled_from(sorted(verbs())),
        by=st.sampled_from(PEOPLE),
        to=TARGETS,
        party=st.sampled_from(["customer", "consulted", "bob", None]),
        refer=st.booleans(),
    )
    def any_order(self, rarely: int, verb: str, by: str, to: object, party: str | None, refer: bool) -> None:
        if verb == "hang_up" and rarely != 13:
            return
        args = {"to": to, "party": party, "refer": refer, "digits": "1#"}
        if verb == "hang_up":
            self.agents_end = True
        self.happens(Order("o", verb, by, {key: value for key, value in args.items() if value is not None}))

    @precondition(lambda self: self.of("ringing"))
    @rule(data=st.data())
    def answers(self, data: st.DataObject) -> None:
        party = data.draw(st.sampled_from(self.of("ringing")))
        self.legs[party] = "up"
        self.happens(Answered(party))

    @precondition(lambda self: self.of("ringing"))
    @rule(data=st.data(), why=st.sampled_from(["busy", "rejected", "no_answer", "failed", "hung_up"]))
    def does_not_answer(self, data: st.DataObject, why: str) -> None:
        party = data.draw(st.sampled_from(self.of("ringing")))
        self.legs[party] = "gone"
        self.happens(Gone(party, why))  # type: ignore[arg-type]

    @precondition(lambda self: self.crossing)
    @rule(data=st.data())
    def answers_as_it_is_hung_up(self, data: st.DataObject) -> None:
        party = data.draw(st.sampled_from(sorted(self.crossing)))
        self.crossing.discard(party)
        self.legs[party] = "up"
        self.hears[party] = Play(party, "held")
        self.happens(Answered(party))
        assert self.legs[party] == "gone"

    @precondition(lambda self: any(party != CUSTOMER for party in self.of("up")))
    @rule(data=st.data(), why=st.sampled_from(["hung_up", "failed"]), rarely=RARELY)
    def leaves(self, data: st.DataObject, why: str, rarely: int) -> None:
        party = data.draw(st.sampled_from([party for party in self.of("up") if party != CUSTOMER]))
        if party == self.state.agent and rarely > 13:
            return
        self.legs[party] = "gone"
        self.agents_end = self.agents_end or why == "hung_up"
        self.happens(Gone(party, why))  # type: ignore[arg-type]

    @precondition(lambda self: self.legs[CUSTOMER] == "up")
    @rule(why=st.sampled_from(["hung_up", "failed"]), rarely=RARELY)
    def customer_leaves(self, why: str, rarely: int) -> None:
        if rarely == 13:
            self.legs[CUSTOMER] = "gone"
            self.customer_went = True
            self.happens(Gone(CUSTOMER, why))  # type: ignore[arg-type]

    @precondition(lambda self: self.consenting)
    @rule()
    def announced(self) -> None:
        self.happens(Played(AGENT))
        self.happens(Played(CUSTOMER))

    @precondition(lambda self: self.state.referring)
    @rule(ok=st.booleans())
    def refer_ended(self, ok: bool) -> None:
        self.referred = ok
        self.happens(ReferEnded(ok))

    @precondition(lambda self: self.paying == "asking")
    @rule()
    def the_card_is_charged(self) -> None:
        self.paying = "charging"
        self.happens(Charging())

    @precondition(lambda self: self.paying == "charging")
    @rule()
    def the_card_is_declined(self) -> None:
        self.paying = "asking"
        self.happens(Charging(False))

    @precondition(lambda self: self.paying != "no")
    @rule(result=st.sampled_from(["paid", "not_paid", "to_agent", "stopped", "failed"]))
    def the_payment_is_over(self, result: str) -> None:
        self.paying = "no"
        self.happens(PaymentEnded(result))

    @rule(event=st.sampled_from([Charging(), PaymentEnded("paid")]))
    def an_old_payment_is_heard_of(self, event: Event) -> None:
        if self.paying == "no":
            self.happens(event)
            assert not self.state.paying

    @precondition(lambda self: self.state.offer_open and not self.offer_lost)
    @rule(rarely=RARELY)
    def offer_lapses(self, rarely: int) -> None:
        if rarely == 13:
            self.offer_lost = True
            self.happens(OfferLost())

    @rule(party=st.sampled_from([AGENT, "p1", "p7"]))
    def an_old_event(self, party: str) -> None:
        if self.legs.get(party, "gone") == "gone":
            self.happens(Gone(party))
            self.happens(Started())

    # What must be so

    @invariant()
    def nobody_is_in_silence_or_alone(self) -> None:
        if self.ended is not None:
            return
        assert self.legs[CUSTOMER] == "up"
        parties = self.state.parties
        assert self.of("up") == sorted(id for id, party in parties.items() if party.up)
        assert self.of("ringing") == sorted(id for id, party in parties.items() if not party.up)
        if not self.state.agent:
            assert self.of("up") == [CUSTOMER], "only the customer waits for a transfer"
        for id in self.of("up"):
            partners, sound = company(self.state, id), self.hears[id]
            if isinstance(partners, str):
                assert sound == Play(id, partners)
                coming = self.of("ringing") or self.state.referring
                present = self.state.agent and self.legs[self.state.agent] == "up"
                assert {
                    "music": id == CUSTOMER and (present or self.state.referring),
                    "ringing": bool(coming),
                    "held": id == self.state.agent,
                    "consent": self.state.announcing,
                }[partners]
            else:
                assert partners
                assert id not in partners
                assert all(self.legs[partner] == "up" for partner in partners)
                if isinstance(sound, Hear):
                    missing = partners - sound.talkers
                    assert all(parties[x].muted or (x == CUSTOMER and self.state.hushed) for x in missing)
                    assert sound.talkers <= partners
                else:
                    assert (sound.sound, partners, self.state.hushed) == ("held", frozenset({CUSTOMER}), True)

    @invariant()
    def whispers_and_secrets_stay_where_they_belong(self) -> None:
        if self.ended is not None:
            return
        sound = self.hears[CUSTOMER]
        if isinstance(sound, Hear):
            assert not any(self.state.parties[talker].mode in ("listen", "whisper") for talker in sound.talkers)
        if self.state.secret or self.paying != "no":
            self.only_prompts_are_heard_of_the_customer()

    def only_prompts_are_heard_of_the_customer(self) -> None:
        assert self.tape != "on"
        for other in self.hears.values():
            if isinstance(other, Hear) and self.legs[other.party] == "up":
                assert CUSTOMER not in other.talkers
                assert not other.digits

    @invariant()
    def a_payment_is_between_two_who_talk(self) -> None:
        if self.ended is not None:
            assert self.paying == "no", "a payment outlives its conversation"
            return
        known = {"": "no"}.get(self.state.paying, self.state.paying)
        assert known == self.paying
        if self.paying != "no":
            # the customer's line is free for prompts, and the agent is there
            assert isinstance(self.hears[CUSTOMER], Hear)
            assert self.legs[self.state.agent] == "up"

    @invariant()
    def the_end_is_right(self) -> None:
        if self.ended is None:
            return
        assert not [id for id in self.of("up", "ringing") if id != CUSTOMER]
        assert self.tape == "off"
        if self.customer_went or self.referred:
            assert self.ended.how in ("ended", "requeue", "flow")
        else:
            assert self.ended.how in ("requeue", "flow")
        if self.ended.how == "flow":
            assert self.agents_end, "a fault ended the call"
        if self.ended.how == "requeue" and not self.offer_lost:
            assert any(isinstance(one, Requeue) for one in self.said)
        elif not self.offer_lost:
            assert sum(isinstance(one, (Complete, Requeue)) for one in self.said) == 1


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=300, stateful_step_count=60, suppress_health_check=[HealthCheck.too_slow])
