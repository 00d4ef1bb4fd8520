"""In which order what a conversation's state asks for is done, without anybody to do it."""

from __future__ import annotations

from dataclasses import replace

from ivr.bridge.machine import AGENT
from ivr.bridge.parts import Paid
from ivr.bridge.state import CUSTOMER, Answer, Answered, Event, Gone, Order, Record, StopPayment, TakePayment
from ivr.channels.twilio import happenings
from ivr.channels.twilio.participants import Wish
from ivr.channels.twilio.talk import (
    Carry,
    Change,
    Conclude,
    Deed,
    Drop,
    Fetch,
    Payment,
    Release,
    Talk,
    due,
    opened,
)

ROOM = "CF" + "0" * 32


def done(talk: Talk) -> tuple[Talk, list[Deed]]:
    """All that is due, done."""
    deeds: list[Deed] = []
    while (deed := due(talk)) is not None:
        deeds.append(deed)
        match deed:
            case Carry():
                talk = replace(talk, todo=talk.todo[1:])
            case Change(party, wish):
                talk = talk.with_leg(party, told=wish)
            case Drop(party):
                talk = talk.without(party)
            case Fetch():
                talk = talk.with_payment(out=False).with_leg(CUSTOMER, inside=False)
            case Conclude():
                talk = replace(talk, payment=None)
            case Release(agent):
                talk = replace(talk, asked=tuple(other for other in talk.asked if other != agent))
    return talk, deeds


def after(talk: Talk, *events: Event) -> tuple[Talk, list[Deed]]:
    """What the last of these events leads to."""
    deeds: list[Deed] = []
    for event in events:
        talk, deeds = done(talk.stepped(event, 1.0))
        for party in talk.state.parties:
            if party not in talk.legs:
                talk = talk.with_leg(party, call=f"CA-{party}")
    return talk, deeds


def comes(talk: Talk, party: str) -> Talk:
    talk = happenings.answers(talk, party, f"CA-{party}")
    return done(happenings.joined(talk, party, ROOM, 1.0))[0]


def talking() -> Talk:
    talk = opened("o", "general", "ana", caller="CA-customer", call="CA-agent")
    talk = happenings.joined(talk, AGENT, ROOM, 1.0)
    talk = happenings.joined(talk, CUSTOMER, ROOM, 1.0)
    first = due(talk)
    assert isinstance(first, Carry)
    assert type(first.command).__name__ == "Connected", "nothing is done before the queue agrees"
    return done(replace(talk, connected=True))[0]


def order(verb: str, by: str = "ana", **args: object) -> Order:
    return Order("o1", verb, by, args)


BANK = {"number": "+12025550177"}


def test_it_is_read_as_it_was_written() -> None:
    talk, _ = after(talking(), order("consult", to=BANK))
    talk = replace(talk.stepped(order("transfer", to={"queue": "general"}), 2.0), asked=("ben",))
    assert Talk.from_json(talk.to_json()) == talk
    assert [todo.command() for todo in Talk.from_json(talk.to_json()).todo] == [todo.command() for todo in talk.todo]


def test_the_customer_is_put_on_hold_before_anybody_is_called_and_told() -> None:
    _, deeds = after(talking(), order("consult", to=BANK))
    kinds = [type(deed.command).__name__ if isinstance(deed, Carry) else type(deed).__name__ for deed in deeds]
    assert kinds.index("Dial") > max(number for number, kind in enumerate(kinds) if kind == "Change")
    assert kinds[-1] == "Answer"
    assert Change(CUSTOMER, Wish(hold="music", ends=True)) in deeds
    assert Change(AGENT, Wish(hold="ringing", ends=False)) in deeds, "the agent's end is no longer the conference's"


def test_who_transfers_and_goes_does_not_take_the_customer_along() -> None:
    _, deeds = after(talking(), order("transfer", to=BANK))
    assert deeds.index(Change(AGENT, Wish(ends=False))) < deeds.index(Drop(AGENT))
    assert deeds.index(Drop(AGENT)) < deeds.index(Change(CUSTOMER, Wish(hold="ringing", ends=True)))


def test_who_leaves_is_gone_before_those_who_stay_hear_each_other() -> None:
    talk, _ = after(talking(), order("consult", to=BANK))
    talk = comes(talk, "p1")
    _, deeds = after(talk, order("return"))
    assert deeds.index(Drop("p1")) < deeds.index(Change(CUSTOMER, Wish(ends=True)))


def test_a_coach_has_somebody_to_coach_all_the_time() -> None:
    """Nothing says who hears a coach whose agent has left."""
    talk, _ = after(talking(), order("whisper", by="sue"))
    talk = comes(talk, "p1")
    assert talk.leg("p1").told.coaches == AGENT
    talk, _ = after(talk, order("consult", to=BANK))
    talk = comes(talk, "p2")
    _, deeds = after(talk, order("complete"))
    assert deeds.index(Change("p1", Wish(coaches="p2"))) < deeds.index(Drop(AGENT))


def test_a_conversation_that_ends_by_itself_is_not_ended_twice() -> None:
    talk = happenings.left(talking(), AGENT, ROOM, 2.0)
    assert talk.closing
    talk, deeds = done(talk)
    assert not [deed for deed in deeds if isinstance(deed, (Fetch, Drop))]
    assert talk.end is not None
    assert talk.end.how == "flow"
    _, deeds = done(replace(talk, closing=False))
    assert deeds == [Fetch()], "where it does not after all"


def test_late_and_repeated_news_change_nothing() -> None:
    talk = talking()
    assert happenings.joined(talk, CUSTOMER, ROOM, 2.0) == talk
    assert happenings.joined(talk, "p7", ROOM, 2.0) == talk
    assert happenings.left(talk, "p7", ROOM, 2.0) == talk
    assert happenings.left(talk, CUSTOMER, "CF" + "1" * 32, 2.0) == talk, "of a conference before this one"
    gone, _ = after(talk, Gone(CUSTOMER))
    assert after(gone, Answered("p1"), Gone(AGENT))[0].end == gone.end


def test_an_agent_who_was_called_in_is_free_when_that_is_over() -> None:
    talk, _ = after(replace(talking(), asked=()), order("consult", to={"agent": "ben"}))
    talk = comes(replace(talk, asked=("ben",)), "p1")
    assert Release("ben") in after(talk, order("return"))[1]
    assert Release("ben") not in after(talk, order("merge"))[1]
    assert Release("ben") in after(talk, Gone(CUSTOMER))[1]


def paying() -> tuple[Talk, list[Deed]]:
    talk = opened("o", "general", "ana", caller="CA-customer", call="CA-agent", recorded=True, payments=True)
    talk = happenings.joined(happenings.joined(talk, AGENT, ROOM, 1.0), CUSTOMER, ROOM, 1.0)
    talk = done(replace(talk, connected=True))[0]
    return after(talk, order("pay", account="10203040", amount=100))


def lent(talk: Talk) -> Talk:
    """The customer's call is on its way to the payment."""
    return replace(talk, payment=Payment("o1", "ana", "CA-customer", asked_at=1.0)).sends("/pay")


def kinds(deeds: list[Deed]) -> list[object]:
    return [deed.command if isinstance(deed, Carry) else deed for deed in deeds]


def test_nothing_is_asked_before_nobody_can_hear_it() -> None:
    _, deeds = paying()
    order = kinds(deeds)
    taken = next(number for number, what in enumerate(order) if isinstance(what, TakePayment))
    assert order.index(Change(AGENT, Wish(hold="held", ends=True))) < taken
    assert order.index(Change(CUSTOMER, Wish(muted=True))) < taken, "who leaves would end the conference"
    assert order.index(Record("pause")) < taken
    assert type(order[-1]) is Answer


def test_a_customer_who_keys_a_card_is_not_gone_and_comes_back() -> None:
    talk = lent(paying()[0])
    talk = happenings.left(talk, CUSTOMER, ROOM, 2.0, 7)
    assert (talk.state.over, talk.leg(CUSTOMER).inside) == (False, False)
    assert due(talk) is None
    talk = happenings.pays(talk.arrived("/pay"), "o1", "s1")
    talk = happenings.paid(talk, Paid("paid"), 3.0)
    assert happenings.paid(talk, Paid("failed"), 4.0) == talk, "told twice"
    talk, deeds = done(talk)
    assert Record("resume") in kinds(deeds)
    assert Change(AGENT, Wish(ends=True)) in deeds
    assert deeds[-1] == Conclude()
    talk = happenings.joined(happenings.enters(talk, "after"), CUSTOMER, ROOM, 4.0, 8)
    assert talk.leg(CUSTOMER).told == Wish(ends=True)
    assert done(talk)[1] == []


def test_news_of_a_leaving_that_comes_after_the_return_is_old() -> None:
    talk = lent(paying()[0])
    back = happenings.paid(happenings.pays(talk.arrived("/pay"), "o1", "s1"), Paid("stopped"), 3.0)
    back = happenings.joined(happenings.enters(back, "after"), CUSTOMER, ROOM, 4.0, 8)
    assert happenings.left(back, CUSTOMER, ROOM, 5.0, 7) == back
    assert happenings.left(back, CUSTOMER, ROOM, 5.0, 9).state.over


def test_of_who_was_noticed_inside_a_leaving_is_not_believed_at_once() -> None:
    talk = lent(paying()[0])
    back = happenings.paid(happenings.pays(talk.arrived("/pay"), "o1", "s1"), Paid("stopped"), 3.0)
    back = happenings.joined(happenings.enters(back, "after"), CUSTOMER, ROOM, 4.0, happenings.NOTICED)
    back = done(back)[0]
    assert happenings.left(back, CUSTOMER, ROOM, 5.0, 7) == back
    told = happenings.joined(back, CUSTOMER, ROOM, 6.0, 8)
    assert happenings.left(told, CUSTOMER, ROOM, 7.0, 7) == told
    assert happenings.left(told, CUSTOMER, ROOM, 7.0, 9).state.over


def test_a_call_that_will_be_redirected_once_more_ends_nothing_by_leaving() -> None:
    talk = lent(paying()[0]).sends("/stop")
    back = happenings.paid(talk.arrived("/pay"), Paid("stopped"), 3.0)
    back = happenings.joined(happenings.enters(back, "after"), CUSTOMER, ROOM, 4.0, 8)
    assert back.leg(CUSTOMER).told == Wish(ends=False)
    gone = happenings.left(done(back)[0], CUSTOMER, ROOM, 5.0, 9)
    assert not gone.state.over


def test_without_an_agent_the_customer_is_fetched_from_the_payment() -> None:
    talk = happenings.left(lent(paying()[0]), CUSTOMER, ROOM, 2.0)
    talk = happenings.left(talk, AGENT, ROOM, 3.0)
    assert talk.end is not None
    assert talk.end.how == "requeue"
    deeds = done(talk)[1]
    assert StopPayment(told=False) in kinds(deeds)
    assert Record("stop") in kinds(deeds)
    assert deeds[-2:] == [Fetch(), Conclude()]


def test_it_is_not_concluded_while_it_goes_on() -> None:
    talk = happenings.left(lent(paying()[0]), CUSTOMER, ROOM, 2.0)
    talk, deeds = after(talk, order("pay_stop"))
    assert StopPayment(told=True) in kinds(deeds)
    assert Conclude() not in deeds
    assert Talk.from_json(talk.to_json()) == talk
