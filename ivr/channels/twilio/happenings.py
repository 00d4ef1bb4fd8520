"""PURE: what Twilio tells of a conference and its calls, as changes of a `Talk`. Events may come twice, late and in
any order; some never come."""

from __future__ import annotations

from dataclasses import replace

from ivr.bridge.machine import AGENT
from ivr.bridge.parts import Paid
from ivr.bridge.state import CUSTOMER, Answered, Gone, PaymentEnded, Started
from ivr.channels.twilio.participants import Wish, arriving
from ivr.channels.twilio.talk import Leg, Talk

NOTICED = -1
"""Stands for the number of an event that never came."""
ENTERED = Wish(ends=True)
"""As the customer comes in, and the agent who took the offer."""


def answers(talk: Talk, party: str, call: str) -> Talk:
    """The call of a party asks what to do: it comes into the conference so."""
    held = bool(talk.leg(talk.state.agent).told.hold)
    return talk.with_leg(party, call=call, told=arriving(talk.state, party, held=held))


def entering(talk: Talk) -> Wish:
    """How the customer's call comes into the conference; where it will be taken out of it at once, it leaves the others
    there."""
    return replace(ENTERED, ends=not talk.leg(CUSTOMER).sent)


def enters(talk: Talk, after: str) -> Talk:
    """The customer's call is told to come into the conference, and goes on with `after` when that is over."""
    there = replace(talk, after=after)
    return there if talk.leg(CUSTOMER).inside else there.with_leg(CUSTOMER, told=entering(talk))


def joined(talk: Talk, party: str, room: str, now: float, event: int = 0) -> Talk:
    """A party is in the conference. `event` is the number that Twilio gave to it, 0 for none."""
    leg = talk.legs.get(party)
    if leg is None or _old(talk, leg, room, event):
        return talk
    if leg.inside and talk.room == room:
        return talk.with_leg(party, event=max(event, leg.event))
    if party == CUSTOMER and talk.room not in ("", room):
        # the conference had ended, and begins anew
        leg = replace(leg, told=entering(talk))
    here = replace(talk, room=room, closing=False, legs={**talk.legs, party: replace(leg, inside=True, event=event)})
    if here.state.over:
        return here
    if party not in (CUSTOMER, AGENT):
        return here.stepped(Answered(party), now)
    both = here.leg(CUSTOMER).inside and here.leg(AGENT).inside
    return here.stepped(Started(), now) if both and not here.state.started else here


def left(talk: Talk, party: str, room: str, now: float, event: int = 0) -> Talk:
    """A party is out of the conference. The customer has ended it thereby, unless somebody else did or it was
    redirected, and the customer's call asks what comes next; the calls of all others are over."""
    leg = talk.legs.get(party)
    if leg is None or (party == CUSTOMER and (room != talk.room or not leg.inside)) or _old(talk, leg, room, event):
        return talk
    if party == CUSTOMER and leg.event == NOTICED:
        return talk  # an earlier leaving may be told as late as this: `watch` asks Twilio
    out = talk.with_leg(party, inside=False, out_at=now, event=event)
    if party == CUSTOMER:
        return out if talk.closing or talk.away or leg.sent else out.stepped(Gone(party), now)
    return replace(out, closing=talk.closing or (leg.inside and leg.told.ends)).without(party).stepped(Gone(party), now)


def let_go(talk: Talk, now: float) -> Talk:
    """The customer's call has come out of the conference, and goes on: who could end it has left it."""
    out = talk.with_leg(CUSTOMER, inside=False, out_at=now)
    agent = talk.state.agent
    if out.state.over or not agent or not out.leg(agent).told.ends:
        return out
    return out.stepped(Gone(agent), now)


def missed(talk: Talk, now: float) -> Talk:
    """The customer is out of the conference, and nobody knows why."""
    return talk.with_leg(CUSTOMER, inside=False, out_at=now)


def pays(talk: Talk, order: str, session: str) -> Talk:
    """The customer's call is at the first document of the payment."""
    return talk.with_payment(session=session) if talk.payment is not None and talk.payment.order == order else talk


def paid(talk: Talk, paid: Paid, now: float) -> Talk:
    """The payment is over, and the customer's call on its way back into the conference."""
    if not talk.away or talk.state.over:
        return talk
    back = talk.with_payment(out=False, stopped=True).with_leg(CUSTOMER, out_at=now)
    return back.stepped(PaymentEnded(paid.result, paid.data), now)


def _old(talk: Talk, leg: Leg, room: str, event: int) -> bool:
    """Whether it was told after what happened later: who has come back is not gone."""
    return room == talk.room and 0 < event < leg.event
