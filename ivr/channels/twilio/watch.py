"""Looks after the conversations on Twilio: what was begun and not finished, because a process died or Twilio could not
be reached, and what happened and was never told us.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from ivr.bridge.state import CUSTOMER, Gone
from ivr.channels.twilio import addresses, happenings
from ivr.channels.twilio.api import ApiError
from ivr.channels.twilio.conversations import Conversations
from ivr.channels.twilio.happenings import NOTICED
from ivr.channels.twilio.links import Link
from ivr.channels.twilio.reach import RING_SECONDS
from ivr.channels.twilio.talk import Talk

log = structlog.get_logger("callwright.twilio")

GIVEN_UP = RING_SECONDS + 20.0
"""Twilio has told what became of a call by then, or never will."""
GRACE = 5.0
"""Seconds from one document to the next: who is between two is not missed."""
AUDIT = 30
"""Seconds after which Twilio is asked again who is in a conference."""
PAYING = 10
"""The same, whether a customer who keys a card is still there."""


class Watch:
    """`look` is for each conversation, every second or so, from any process. Blocks; raises `redis.RedisError`."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations, self._api = conversations, conversations.api

    def look(self, offer: str) -> None:
        conversations = self._conversations
        conversations.settle(offer)
        link = conversations.links.get(offer)
        try:
            for look in (self._audit, self._unanswered, self._customer):
                talk = conversations.get(offer)
                if talk is not None and link is not None:
                    look(talk, link)
        except ApiError as error:
            log.warning("a conversation can't be looked after", offer=offer, why=str(error))

    def _unanswered(self, talk: Talk, link: Link) -> None:
        """Parties of whose call nothing was ever heard."""
        late = self._conversations.clock() - GIVEN_UP
        for party, leg in talk.legs.items():
            known = talk.state.parties.get(party)
            if known is not None and not known.up and leg.dialled_at < late:
                self._conversations.happened(talk.id, Gone(party, "no_answer"))

    def _customer(self, talk: Talk, link: Link) -> None:
        """A customer who is out of the conference, or still in it though it is over."""
        conversations, customer = self._conversations, talk.leg(CUSTOMER)
        now = conversations.clock()
        if talk.state.over:
            if customer.inside and talk.ended_at < now - GRACE:
                # it should have ended by itself
                conversations.changed(talk.id, lambda found: replace(found, closing=False))
        elif talk.away:
            if self._now_and_then("paying", talk, PAYING):
                conversations.lending.look(talk, link)
                conversations.settle(talk.id)
        elif talk.state.started and not customer.inside and customer.out_at < now - GRACE:
            if not self._api.goes_on(customer.call):
                conversations.over(talk.id, CUSTOMER, "completed")
            elif talk.room and customer.call in self._api.participants(talk.room):
                # to be fetched would put all others out
                self._noticed(talk, CUSTOMER, came=True)
            else:
                self._api.redirect(customer.call, conversations.base_url + addresses.conference(link))
                conversations.change(talk.id, lambda found: happenings.missed(found, now))

    def _audit(self, talk: Talk, link: Link) -> None:
        """Who is in the conference, where no event told it. From time to time."""
        if not talk.room or not self._now_and_then("audit", talk, AUDIT):
            return
        inside = self._api.participants(talk.room)
        for party, leg in talk.legs.items():
            if leg.inside != (leg.call in inside):
                log.warning("nobody told that a party came or left", offer=talk.id, party=party, came=not leg.inside)
                self._noticed(talk, party, came=not leg.inside)

    def _now_and_then(self, what: str, talk: Talk, seconds: int) -> bool:
        client = self._conversations.queues.client
        return bool(client.set(f"cw:twilio:{what}:{talk.id}", "1", nx=True, ex=seconds))

    def _noticed(self, talk: Talk, party: str, *, came: bool) -> None:
        conversations, now = self._conversations, self._conversations.clock()
        if came:
            conversations.changed(talk.id, lambda found: happenings.joined(found, party, talk.room, now, NOTICED))
        elif party == CUSTOMER and not self._api.goes_on(talk.leg(CUSTOMER).call):
            conversations.over(talk.id, CUSTOMER, "completed")
        elif party == CUSTOMER:
            conversations.change(talk.id, lambda found: happenings.missed(found, now))
        else:
            conversations.changed(talk.id, lambda found: happenings.left(found, party, talk.room, now))
