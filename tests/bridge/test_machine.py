"""The conversation's state machine: each feature as a small play, told by who hears whom."""

from __future__ import annotations

import pytest

from ivr.bridge.machine import AGENT, begin, step
from ivr.bridge.orders import verbs
from ivr.bridge.soundscape import heard
from ivr.bridge.state import (
    CUSTOMER,
    Answer,
    Answered,
    Charging,
    Complete,
    Connected,
    Dial,
    End,
    Event,
    Gone,
    HangUp,
    Hear,
    Note,
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
    Target,
    Why,
)


class Talk:
    """A conversation under test; `done` is all that was commanded by the last event."""

    def __init__(self, **how: bool) -> None:
        self.state: State = begin(queue="sales", agent="ann", **how)
        self.done: tuple[object, ...] = ()

    def on(self, *events: Event) -> Talk:
        for event in events:
            self.state, self.done = step(self.state, event)
        return self

    def orders(self, verb: str, by: str = "ann", **args: object) -> Talk:
        return self.on(Order("o1", verb, by, args))

    def hears(self) -> dict[str, object]:
        """Who hears whom, or what: by the names of the parties."""
        names = {CUSTOMER: CUSTOMER} | {id: party.who for id, party in self.state.parties.items() if id != CUSTOMER}
        found: dict[str, object] = {}
        for id, party in self.state.parties.items():
            if party.up:
                sound = heard(self.state, id)
                found[names[id]] = sound.sound if isinstance(sound, Play) else {names[x] for x in sound.talkers}
        return found

    def did(self, kind: type) -> list[object]:
        return [command for command in self.done if isinstance(command, kind)]

    @property
    def answer(self) -> str:
        [answer] = self.did(Answer)
        assert isinstance(answer, Answer)
        assert answer.ok == (not answer.why)
        return answer.why


def talking(**how: bool) -> Talk:
    return Talk(**how).on(Started())


BOTH = {CUSTOMER: {"ann"}, "ann": {CUSTOMER}}


def test_both_are_connected_and_the_queue_is_told() -> None:
    talk = talking()
    assert talk.did(Connected) == [Connected()]
    assert talk.hears() == BOTH
    assert set(talk.did(Hear)) == {Hear(CUSTOMER, frozenset({AGENT})), Hear(AGENT, frozenset({CUSTOMER}))}


def test_the_recording_is_announced_to_both_before_it_begins() -> None:
    talk = talking(recorded=True, consent=True)
    assert (talk.hears(), talk.did(Record)) == ({CUSTOMER: "consent", "ann": "consent"}, [])
    assert talk.on(Played(AGENT)).did(Record) == []
    assert talk.orders("hold").answer
    assert talk.on(Played(CUSTOMER)).did(Record) == [Record("start")]
    assert talk.hears() == BOTH
    assert talk.on(Gone(CUSTOMER)).did(Record) == [Record("stop")]


def test_hold_with_music_and_mute() -> None:
    talk = talking().orders("hold")
    assert talk.hears() == {CUSTOMER: "music", "ann": "held"}
    assert talk.orders("resume").hears() == BOTH
    assert talk.orders("resume").answer == "the customer is not held"
    assert talk.orders("mute").hears() == {CUSTOMER: set(), "ann": {CUSTOMER}}
    assert talk.orders("unmute").hears() == BOTH
    assert talk.orders("mute", party="customer").hears() == {CUSTOMER: {"ann"}, "ann": set()}


def test_cold_transfer_to_a_queue_keeps_the_place_and_lets_the_agent_go() -> None:
    talk = talking().orders("transfer", to={"queue": "billing"})
    assert talk.did(Requeue) == [Requeue("billing", "transferred")]
    assert (talk.did(HangUp), talk.done[-1]) == ([HangUp(AGENT)], End("requeue", "transferred", "billing"))
    assert talk.did(Complete) == []


@pytest.mark.parametrize("target", [Target("agent", "bob"), Target("number", "+15550123")])
def test_cold_transfer_to_somebody_who_answers(target: Target) -> None:
    talk = talking().orders("transfer", to={target.kind: target.value})
    assert talk.did(Dial) == [Dial("p1", target)]
    assert talk.did(HangUp) == [HangUp(AGENT)]
    assert (talk.hears(), talk.did(Complete)) == ({CUSTOMER: "ringing"}, [])
    talk.on(Answered("p1"))
    assert talk.hears() == {CUSTOMER: {target.value}, target.value: {CUSTOMER}}
    assert talk.did(Complete) == [Complete("transferred", target.value)]
    assert talk.on(Gone("p1")).done[-1] == End("flow", "agent_hung_up", "sales")


def test_cold_transfer_that_fails_puts_the_customer_back_into_the_queue() -> None:
    talk = talking().orders("transfer", to={"agent": "bob"}).on(Gone("p1", "busy"))
    assert talk.did(Requeue) == [Requeue("sales", "transfer_failed")]
    assert talk.done[-1] == End("requeue", "transfer_failed", "sales")


def test_the_customers_side_may_carry_on_by_itself() -> None:
    talk = talking().orders("transfer", to={"number": "+15550123"}, refer=True)
    assert (talk.did(Refer), talk.hears()) == ([Refer("+15550123")], {CUSTOMER: "music", "ann": "ringing"})
    assert talk.on(ReferEnded(False)).hears() == BOTH
    talk.orders("transfer", to={"number": "+15550123"}, refer=True).on(ReferEnded(True))
    assert talk.done[-1] == End("ended", "transferred", "sales")
    assert set(talk.did(HangUp)) == {HangUp(CUSTOMER), HangUp(AGENT)}


def consulting() -> Talk:
    talk = talking().orders("consult", to={"agent": "bob"})
    assert talk.hears() == {CUSTOMER: "music", "ann": "ringing"}
    talk.on(Answered("p1"))
    assert talk.hears() == {CUSTOMER: "music", "ann": {"bob"}, "bob": {"ann"}}
    return talk


def test_warm_transfer_by_completing_or_by_putting_down_the_receiver() -> None:
    for talk in (consulting().orders("complete"), consulting().on(Gone(AGENT)), consulting().orders("hang_up")):
        assert talk.hears() == {CUSTOMER: {"bob"}, "bob": {CUSTOMER}}
        assert talk.did(Complete) == [Complete("transferred", "bob")]
    assert talk.on(Gone("p1", "failed")).did(Requeue) == [Requeue("sales", "agent_lost")]


def test_the_agent_returns_to_the_customer_by_order_or_because_nobody_answers() -> None:
    assert consulting().orders("return").hears() == BOTH
    assert consulting().on(Gone("p1")).hears() == BOTH
    assert talking().orders("consult", to={"number": "+15550123"}).on(Gone("p1", "no_answer")).hears() == BOTH


def test_three_in_conference_and_each_may_go() -> None:
    talk = consulting().orders("merge")
    three = {CUSTOMER: {"ann", "bob"}, "ann": {CUSTOMER, "bob"}, "bob": {CUSTOMER, "ann"}}
    assert talk.hears() == three
    assert talking().orders("conference", to={"agent": "bob"}).hears() == BOTH
    assert talking().orders("conference", to={"agent": "bob"}).on(Answered("p1")).hears() == three
    assert talk.on(Gone("p1")).hears() == BOTH
    assert consulting().orders("merge").on(Gone(AGENT, "failed")).hears() == {CUSTOMER: {"bob"}, "bob": {CUSTOMER}}
    assert consulting().orders("merge").orders("hold").hears() == {CUSTOMER: "music", "ann": {"bob"}, "bob": {"ann"}}


def test_a_supervisor_listens_whispers_joins_and_takes_over() -> None:
    talk = talking().orders("listen", "sue")
    assert talk.did(Dial) == [Dial("p1", Target("agent", "sue"))]
    assert talk.on(Answered("p1")).hears() == {**BOTH, "sue": {CUSTOMER, "ann"}}
    assert talk.orders("whisper", "sue").hears() == {
        CUSTOMER: {"ann"},
        "ann": {CUSTOMER, "sue"},
        "sue": {CUSTOMER, "ann"},
    }
    talk.orders("join", "sue")
    assert talk.hears() == {CUSTOMER: {"ann", "sue"}, "ann": {CUSTOMER, "sue"}, "sue": {CUSTOMER, "ann"}}
    talk.orders("take_over", "sue")
    assert talk.hears() == {CUSTOMER: {"sue"}, "sue": {CUSTOMER}}
    assert (talk.did(HangUp), talk.did(Complete)) == ([HangUp(AGENT)], [Complete("taken_over", "sue")])


def test_a_supervisor_who_listens_goes_with_the_agent_and_one_who_joined_stays() -> None:
    talk = talking().orders("listen", "sue").on(Answered("p1"), Gone(AGENT, "failed"))
    assert talk.did(HangUp) == [HangUp("p1")]
    assert talk.did(Requeue) == [Requeue("sales", "agent_lost")]
    talk = talking().orders("join", "sue").on(Answered("p1"), Gone(AGENT, "failed"))
    assert talk.hears() == {CUSTOMER: {"sue"}, "sue": {CUSTOMER}}


def test_a_secret_goes_nowhere() -> None:
    talk = talking(recorded=True).orders("secret_start")
    assert talk.hears() == {CUSTOMER: {"ann"}, "ann": "held"}
    assert talk.did(Record) == [Record("pause")]
    assert talk.orders("record_pause").did(Record) == []
    assert talk.orders("secret_end").did(Record) == []
    assert talk.hears() == BOTH
    assert talk.orders("record_resume").did(Record) == [Record("resume")]


def paying() -> Talk:
    talk = talking(recorded=True, payments=True).orders("pay", account="10203040", amount=8450)
    assert talk.did(TakePayment) == [TakePayment("o1", "ann", "10203040", 8450)]
    assert talk.done.index(Record("pause")) < talk.done.index(TakePayment("o1", "ann", "10203040", 8450))
    return talk


def test_a_payment_is_keyed_past_the_agent_and_both_talk_on() -> None:
    talk = paying()
    assert talk.hears() == {CUSTOMER: {"ann"}, "ann": "held"}
    for verb in ("hold", "secret_start", "digits", "pay", "take_over"):
        assert "payment" in talk.orders(verb, digits="1").answer
    for verb in ("transfer", "consult", "conference"):
        assert "payment" in talk.orders(verb, to={"agent": "bob"}).answer
    talk.on(PaymentEnded("paid", {"confirmation": "123"}))
    assert talk.did(Note) == [Note("payment_ended", {"result": "paid", "confirmation": "123"})]
    assert (talk.hears(), talk.did(Record)) == (BOTH, [Record("resume")])
    assert talk.on(PaymentEnded("paid")).done == ()


def test_a_payment_is_stopped_by_the_agent_but_not_while_the_card_is_charged() -> None:
    talk = paying().orders("pay_stop")
    assert talk.did(StopPayment) == [StopPayment(told=True)]
    # the customer may still be keying while he is told
    assert talk.hears() == {CUSTOMER: {"ann"}, "ann": "held"}
    assert talk.orders("pay_stop").did(StopPayment) == []
    assert talk.on(PaymentEnded("stopped")).hears() == BOTH
    assert talk.orders("pay_stop").answer == "no payment is being taken"
    talk = paying().on(Charging())
    assert "charged" in talk.orders("pay_stop").answer
    assert talk.on(Charging(False)).orders("pay_stop").did(StopPayment) == [StopPayment(told=True)]


@pytest.mark.parametrize("why", ["hung_up", "failed"])
def test_whoever_goes_during_a_payment_ends_it(why: Why) -> None:
    talk = paying().on(Gone(AGENT, why))
    assert talk.did(StopPayment) == [StopPayment(told=False)]
    # also an agent who put down the receiver: somebody has to see to the customer
    assert isinstance(end := talk.done[-1], End)
    assert end.how == "requeue"
    talk = paying().on(Charging(), Gone(CUSTOMER, why))
    assert talk.did(StopPayment) == [StopPayment(told=False)]
    assert isinstance(end := talk.done[-1], End)
    assert end.how == "ended"
    assert talk.on(PaymentEnded("paid")).done == ()


def test_a_supervisor_who_had_joined_goes_on_without_the_payment() -> None:
    talk = talking(payments=True).orders("join", "sue").on(Answered("p1")).orders("pay")
    assert talk.hears() == {CUSTOMER: {"ann", "sue"}, "ann": {"sue"}, "sue": {"ann"}}
    talk.on(Gone(AGENT, "failed"))
    assert talk.did(StopPayment) == [StopPayment(told=False)]
    assert talk.hears() == {CUSTOMER: {"sue"}, "sue": {CUSTOMER}}


def test_no_payment_where_none_can_be_taken() -> None:
    assert talking().orders("pay").answer == "no payment can be taken on this call"
    able = {"payments": True}
    assert talking(**able).orders("hold").orders("pay").answer == "hear the customer first"
    assert talking(**able).orders("secret_start").orders("pay").answer == "hear the customer first"
    assert "third party" in talking(**able).orders("consult", to={"agent": "bob"}).orders("pay").answer
    for wrong in ({"account": "1 2"}, {"account": 5}, {"account": "1", "amount": 1.5}, {"account": "1", "amount": -1},
                  {"account": "1", "amount": True}, {"amount": 100}):  # fmt: skip
        assert talking(**able).orders("pay", **wrong).answer


@pytest.mark.parametrize("order", ["", "hold", "consult"])
def test_an_agent_whose_phone_dies_loses_nobody(order: str) -> None:
    talk = talking()
    if order:
        talk.orders(order, to={"agent": "bob"})
    talk.on(Gone(AGENT, "failed"))
    assert talk.did(Requeue) == [Requeue("sales", "agent_lost")]
    assert talk.done[-1] == End("requeue", "agent_lost", "sales")
    assert HangUp(CUSTOMER) not in talk.done


def test_an_agent_who_puts_down_the_receiver_gives_the_caller_back_to_the_flow() -> None:
    talk = talking().on(Gone(AGENT))
    assert (talk.did(Complete), talk.done[-1]) == (
        [Complete("agent_hung_up")],
        End("flow", "agent_hung_up", "sales"),
    )
    # but not one who forgot that somebody is held
    assert talking().orders("hold").on(Gone(AGENT)).done[-1] == End("requeue", "agent_hung_up", "sales")


def test_when_the_customer_goes_everybody_does() -> None:
    talk = consulting().orders("whisper", "sue").on(Gone(CUSTOMER))
    assert set(talk.did(HangUp)) == {HangUp(AGENT), HangUp("p1"), HangUp("p2")}
    assert talk.done[-1] == End("ended", "customer_hung_up", "sales")
    assert talk.on(Answered("p2")).done == (HangUp("p2"),)
    assert talk.orders("hold").answer == "the call is over"


def test_an_offer_that_lapsed_leaves_the_customer_in_the_queue() -> None:
    talk = talking().on(OfferLost())
    assert talk.did(Requeue) == talk.did(Complete) == []
    assert talk.done[-1] == End("requeue", "lost_offer", "sales")


def test_keys_go_to_whom_the_agent_talks_to() -> None:
    assert talking().orders("digits", digits="12#").did(SendDigits) == [SendDigits(CUSTOMER, "12#")]
    assert consulting().orders("digits", digits="9").did(SendDigits) == [SendDigits("p1", "9")]
    assert talking().orders("digits", digits="call me").answer


@pytest.mark.parametrize("name", [*verbs(), "dance", ""])
@pytest.mark.parametrize("args", [{}, {"to": "bob"}, {"to": {"agent": 7}}, {"digits": None, "party": ["x"]}])
def test_orders_that_make_no_sense_are_answered(name: str, args: dict[str, object]) -> None:
    for talk in (Talk(), talking(), consulting(), talking(recorded=True, consent=True)):
        before = talk.state
        talk.on(Order("o", name, "nobody", args))
        assert len(talk.did(Answer)) == 1
        if talk.answer:
            assert talk.state == before
