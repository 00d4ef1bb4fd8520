"""Conversations on Twilio: what happens to them, from whatever process it is told, and what follows from it.

A conversation is a `talk.Talk` in Redis, changed by compare-and-set. Whoever changed it then does what is due, one
process at a time; what is left undone where one died, or Twilio could not be reached, `watch` brings to its end.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from callcenter.queues.store import Queues
from ivr.bridge.state import (
    CUSTOMER,
    Connected,
    Dial,
    Event,
    Gone,
    OfferLost,
    Record,
    SendDigits,
    StopPayment,
    TakePayment,
    Why,
)
from ivr.channels.twilio import addresses
from ivr.channels.twilio.api import Api, ApiError
from ivr.channels.twilio.lending import Lending
from ivr.channels.twilio.links import KEPT_SECONDS, Link, Links
from ivr.channels.twilio.payments import Payments
from ivr.channels.twilio.reach import Reach
from ivr.channels.twilio.talk import Carry, Change, Conclude, Deed, Drop, Fetch, Release, Talk, due, opened
from ivr.channels.twilio.taping import Taping
from ivr.channels.twilio.telling import Telling

log = structlog.get_logger("callwright.twilio")

LOCK_MS = 30_000
"""Longer than anything that is done at once; Twilio is waited for five seconds."""
NAMED = str.maketrans("*#", "sp")
"""Keys that can't stand in an address: star and pound."""
WHY: dict[str, Why] = {"completed": "hung_up", "busy": "busy", "no-answer": "no_answer", "canceled": "no_answer"}
"""Why a party is gone, by Twilio's CallStatus."""
_SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
"""KEYS a conversation; ARGV what it was, what it is to be, seconds that it is kept."""
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Conversations:
    """Blocks; raises `redis.RedisError`. What Twilio refuses is logged, what it can't be asked is asked again later.

    `base_url` is where Twilio asks us; `reach` how agents are rung; `payments` the sessions of payments.
    """

    def __init__(self, queues: Queues, api: Api, base_url: str, reach: Reach, payments: Payments,
                 clock: Callable[[], float] = time.time) -> None:  # fmt: skip
        self.queues, self.api, self.base_url, self.reach, self.clock = queues, api, base_url, reach, clock
        self.links = Links(queues.client)
        self._telling = Telling(queues)
        self.taping = Taping(queues, api, base_url)
        self.payments = payments
        self.lending = Lending(api, self.links, payments, base_url, self.change, lambda: self.clock())

    # The store

    def get(self, offer: str) -> Talk | None:
        found: Any = self.queues.client.get(_key(offer))
        return None if found is None else Talk.from_json(found)

    def open(self, link: Link, *, payments: bool) -> None:
        """An agent has accepted; `payments`: the company takes them. Does nothing where that is known."""
        talk = opened(link.offer, link.queue, link.agent, caller=link.caller, call=link.call,
                      recorded=self.taping.rule(link).on, payments=payments)  # fmt: skip
        if self.queues.client.set(_key(link.offer), talk.to_json(), nx=True, ex=KEPT_SECONDS):
            seconds, micros = self.queues.client.time()
            self.links.note(link.offer, began=str(seconds * 1000 + micros // 1000))
            self.links.begins(link)

    def change(self, offer: str, what: Callable[[Talk], Talk]) -> Talk | None:
        """Change a conversation, from what it is at that moment; gives what it is then, `None` for an unknown one."""
        key = _key(offer)
        while True:
            found: Any = self.queues.client.get(key)
            if found is None:
                return None
            before = Talk.from_json(found)
            after = what(before)
            if after == before or self.queues.client.eval(_SWAP, 1, key, found, after.to_json(), KEPT_SECONDS):
                return after

    # What happens

    def happened(self, offer: str, event: Event) -> Talk | None:
        """An event of the machine's, and what follows from it."""
        return self.changed(offer, lambda talk: talk.stepped(event, self.clock()))

    def changed(self, offer: str, what: Callable[[Talk], Talk]) -> Talk | None:
        """As `change`, and then do what is due."""
        if self.change(offer, what) is None:
            return None
        self.settle(offer)
        return self.get(offer)

    def over(self, offer: str, party: str, status: str) -> Talk | None:
        """A party's call has ended, with this CallStatus."""

        def gone(talk: Talk) -> Talk:
            after = talk.without(party) if party != CUSTOMER else talk.with_leg(party, inside=False)
            return after.stepped(Gone(party, WHY.get(status, "failed")), self.clock())

        return self.changed(offer, gone)

    # What is due

    def settle(self, offer: str) -> None:
        """Do what is due, unless another process is at it: that one looks again when it is done."""
        lock, mine = f"cw:twilio:lock:{offer}", uuid.uuid4().hex
        client = self.queues.client
        while (talk := self.get(offer)) is not None and due(talk) is not None:
            if not client.set(lock, mine, nx=True, px=LOCK_MS):
                return
            try:
                while (talk := self.get(offer)) is not None and (deed := due(talk)) is not None:
                    client.pexpire(lock, LOCK_MS)
                    if not self._do(talk, deed):
                        return
            finally:
                client.eval(_UNLOCK, 1, lock, mine)
        if talk is not None and talk.done and (link := self.links.get(offer)) is not None:
            self.links.ends(link)
            if talk.end is None or talk.end.how != "requeue":
                self.links.called_back(link)

    def _do(self, talk: Talk, deed: Deed) -> bool:
        """False where it has to be tried again later."""
        link = self.links.get(talk.id)
        if link is None:
            log.error("a conversation's calls are forgotten", offer=talk.id)
            return False
        try:
            match deed:
                case Carry():
                    return self._carry(talk, link, deed)
                case Conclude():
                    return self.lending.conclude(talk, link)
                case Change(party, wish):
                    there = self.api.participant(talk.room, talk.leg(party).call, **self._asked(talk, deed))
                    told: dict[str, Any] = {"told": wish} if there else {"inside": False, "out_at": self.clock()}
                    self.change(talk.id, lambda now: now.with_leg(party, **told) if party in now.legs else now)
                case Drop(party):
                    self.api.hang_up(talk.leg(party).call)
                    self.change(talk.id, lambda now: now.without(party))
                case Fetch():
                    self._fetch(talk, link)
                case Release(agent):
                    self.queues.consult_over(link.contact, agent)
                    self.change(talk.id, lambda now: replace(now, asked=tuple(x for x in now.asked if x != agent)))
        except ApiError as error:
            log.error("Twilio does not do what it was told", contact=link.contact, deed=type(deed).__name__,
                      why=str(error))  # fmt: skip
            if not error.refused:
                return False
            self.change(talk.id, lambda now: _as_if(now, deed, self.clock()))
            if talk.state.paying and _before_a_card(deed):
                self.lending.refused(talk, link)
        return True

    def _asked(self, talk: Talk, change: Change) -> dict[str, Any]:
        """The parameters that make a participant so: those that are new."""
        was, wish = talk.leg(change.party).told, change.wish
        asked: dict[str, Any] = {}
        if wish.hold != was.hold:
            asked["hold"] = bool(wish.hold)
            if wish.hold:
                asked.update(hold_url=f"{self.base_url}/twilio/hold/{wish.hold}", hold_method="POST")
        if wish.muted != was.muted:
            asked["muted"] = wish.muted
        if wish.coaches != was.coaches:
            asked["coaching"] = bool(wish.coaches)
            if wish.coaches:
                asked["call_sid_to_coach"] = talk.leg(wish.coaches).call
        if wish.ends != was.ends:
            asked["end_conference_on_exit"] = wish.ends
        return asked

    def _carry(self, talk: Talk, link: Link, deed: Carry) -> bool:
        """The same."""
        match deed.command:
            case Dial(party, _):
                # Once: whoever is called twice answers twice. `watch` gives up on a call that never was made.
                self.change(talk.id, lambda now: _next(now).with_leg(party, dialled_at=self.clock()))
                self._dial(talk.id, link, deed.command)
            case SendDigits(party, digits):
                self._press(talk, party, digits)
                self.change(talk.id, _next)
            case Record(what):
                self.taping.do(link, talk.leg(CUSTOMER).call, what)
                self.change(talk.id, _next)
            case TakePayment():
                if not self.lending.take(talk, link, deed.command):
                    return False
                self.change(talk.id, _next)
            case StopPayment(told):
                self.lending.stop(talk, link, told=told)
                self.change(talk.id, _next)
            case Connected():
                said = bool(self.queues.connected(talk.offer))
                changed = self.change(talk.id, lambda now: replace(_next(now), connected=said))
                if not said and changed is not None:
                    self.change(talk.id, lambda now: now.stepped(OfferLost(), self.clock()))
            case command:
                changes = self._telling.tell(link, talk, command)
                self.change(talk.id, lambda now: replace(_next(now), **changes))
        return True

    def _press(self, talk: Talk, party: str, digits: str) -> None:
        """Tones for one participant: an announcement may be a <Play> of digits. Whether it is heard Twilio doesn't
        tell; nobody is there any more where it finds no such participant."""
        url = f"{self.base_url}/twilio/keys/{digits.translate(NAMED)}"
        self.api.participant(talk.room, talk.leg(party).call, announce_url=url, announce_method="POST")

    def _dial(self, offer: str, link: Link, command: Dial) -> None:
        party, target = command.party, command.target
        here = f"{self.base_url}/twilio/agent/{offer}/party/{party}"
        if target.kind == "agent":
            self.change(offer, lambda now: replace(now, asked=(*now.asked, target.value)))
            self.queues.consult(link.contact, target.value)
        try:
            call = self.reach.ring(self.api, target, link, url=here, status=f"{here}/status")
        except (ApiError, LookupError) as error:
            log.warning("a party can't be called", contact=link.contact, why=str(error))
            self.change(offer, lambda now: now.without(party).stepped(Gone(party, "failed"), self.clock()))
            return
        self.change(offer, lambda now: now.with_leg(party, call=call))

    def _fetch(self, talk: Talk, link: Link) -> None:
        """The customer goes on with the flow, or waits again."""
        assert talk.end is not None
        call = talk.leg(CUSTOMER).call
        if addresses.waits(talk, link):
            there = self.api.redirect(call, self.base_url + addresses.waiting(link))
        else:
            there = self.api.hang_up(call) if link.number else self.api.redirect(call, talk.after)
        if talk.end.how == "requeue" and not there:
            self.queues.leave(link.contact, "abandoned")
        self.change(talk.id, lambda now: _out(now, self.clock()))


def _out(talk: Talk, now: float) -> Talk:
    """The customer's call goes on elsewhere."""
    return talk.with_payment(out=False).with_leg(CUSTOMER, inside=False, out_at=now)


def _before_a_card(deed: Deed) -> bool:
    """Whether no card may be asked for without it: the agent would be put out of the conference, or the keys recorded,
    or the customer would still be in it."""
    match deed:
        case Change(party):
            return party == CUSTOMER
        case Carry(command):
            return isinstance(command, TakePayment) or command == Record("pause")
    return False


def _next(talk: Talk) -> Talk:
    return replace(talk, todo=talk.todo[1:])


def _as_if(talk: Talk, deed: Deed, now: float) -> Talk:
    """What Twilio refuses for good isn't asked again."""
    match deed:
        case Change(party, wish) if party in talk.legs:
            return talk.with_leg(party, told=wish)
        case Drop(party):
            return talk.without(party)
        case Fetch():
            return _out(talk, now)
        case Carry():
            return _next(talk)
    return talk


def _key(offer: str) -> str:
    return f"cw:twilio:talk:{offer}"
