"""PURE: what Twilio tells of a conference and its calls, as changes of a `Talk`. Events may come twice, late and in
any order; some never come."""

from __future__ import annotations

from dataclasses import replace

from ivr.bridge.machine import AGENT
from ivr.bridge.state import CUSTOMER, Answered, Gone, Started
from ivr.channels.twilio.participants import Wish, arriving
from ivr.channels.twilio.talk import Talk

ENTERED = Wish(ends=True)
"""As the customer comes in, and the agent who took the offer."""


def answers(talk: Talk, party: str, call: str) -> Talk:
    """The call of a party asks what to do: it comes into the conference so."""
    return talk.with_leg(party, call=call, told=arriving(talk.state, party))


def joined(talk: Talk, party: str, room: str, now: float) -> Talk:
    """A party is in the conference."""
    leg = talk.legs.get(party)
    if leg is None or (leg.inside and talk.room == room):
        return talk
    if party == CUSTOMER and talk.room not in ("", room):
        # the conference had ended, and begins anew
        leg = replace(leg, told=ENTERED)
    here = replace(talk, room=room, closing=False, legs={**talk.legs, party: replace(leg, inside=True)})
    if here.state.over:
        return here
    if party not in (CUSTOMER, AGENT):
        return here.stepped(Answered(party), now)
    both = here.leg(CUSTOMER).inside and here.leg(AGENT).inside
    return here.stepped(Started(), now) if both and not here.state.started else here


def left(talk: Talk, party: str, room: str, now: float) -> Talk:
    """A party is out of the conference. The customer has ended it thereby, unless somebody else did, and the customer's
    call asks what comes next; the calls of all others are over."""
    leg = talk.legs.get(party)
    if leg is None or (party == CUSTOMER and (room != talk.room or not leg.inside)):
        return talk
    out = talk.with_leg(party, inside=False, out_at=now)
    if party == CUSTOMER:
        return out if talk.closing else out.stepped(Gone(CUSTOMER), now)
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
