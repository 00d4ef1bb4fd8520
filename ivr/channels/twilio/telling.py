"""What the queues and the journal are told of a conversation on Twilio: the machine's commands to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callcenter.queues.journal import STREAM
from callcenter.queues.store import Queues
from ivr.bridge.facts import rejoin
from ivr.bridge.state import Answer, Command, Complete, Note, Requeue
from ivr.channels.twilio.links import Link
from ivr.channels.twilio.talk import Talk


class Telling:
    """Blocks; raises `redis.RedisError`. Telling again what was told does no harm."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def tell(self, link: Link, talk: Talk, command: Command) -> dict[str, Any]:
        """Carry out a command; gives what changes in the talk by it."""
        match command:
            case Complete(why, heir):
                return self._complete(link, talk, why, heir)
            case Requeue(queue, why, fresh):
                self._requeue(link, talk, queue, why, fresh=fresh)
            case Note(kind, data):
                self.journal(link, talk.offer, talk.agent, f"call.{kind}", data)
            case Answer(order, ok, why):
                self.journal(link, talk.offer, talk.agent, "call.answer", {"order": order, "ok": ok, "why": why})
        return {}

    def _complete(self, link: Link, talk: Talk, why: str, heir: str) -> dict[str, Any]:
        """The agent is done. An heir who is an agent has the offer from now on; anybody else ends the queue's part."""
        queues = self._queues
        if not talk.connected:
            if why.startswith("customer_") and (link.waits or not link.number):
                queues.leave(link.contact, "abandoned")
            queues.refuse(talk.offer, "failed")
            return {}
        if talk.given_away:
            return {}
        following = queues.hand_over(talk.offer, heir, why=why) if heir else ""
        if following:
            return {"offer": following, "agent": heir}
        queues.complete(talk.offer, why)
        return {"given_away": True}

    def _requeue(self, link: Link, talk: Talk, queue: str, why: str, *, fresh: bool) -> None:
        if not talk.connected:
            self._queues.refuse(talk.offer, "failed")
        elif fresh or talk.given_away or not self._queues.transfer(talk.offer, queue, why=why):
            rejoin(self._queues, link.contact, queue)

    def journal(self, link: Link, offer: str, agent: str, kind: str, data: Mapping[str, object]) -> None:
        self._queues.client.xadd(
            STREAM,
            {"kind": kind, "at": self._queues.now(), "contact": link.contact, "queue": link.queue, "agent": agent,
             "offer": offer, "data": json.dumps(data)},
        )  # fmt: skip
