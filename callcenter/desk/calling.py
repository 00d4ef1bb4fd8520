"""What the desk does with queues and telephones: who am I to the router, what am I offered, what do I order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from callcenter import assisted, control
from callcenter.acd.model import Offer
from callcenter.campaigns.config import BY_AGENTS
from callcenter.queues import popping, previewing
from callcenter.queues.base import NoSuchOffer
from callcenter.queues.redis_hash import text
from callcenter.queues.store import Queues
from callcenter.softphones import NoGateway, Softphones

TALKING = ("accepted", "connected")
CALM = 20.0
"""Seconds after which a desk without offers and calls asks again, unless something happens."""
AGENTS_OWN = frozenset({
    "hold", "resume", "mute", "unmute", "transfer", "consult", "merge", "complete", "return", "conference", "hang_up",
    "digits", "record_pause", "record_resume", "secret_start", "secret_end", "pay", "pay_stop",
})  # fmt: skip
"""Orders of an agent to their own conversation."""
CALLS_IN = frozenset({"transfer", "consult", "conference"})
"""Orders by which another agent may be called."""
SUPERVISORS = frozenset({"listen", "whisper", "join", "take_over", "hang_up"})
"""Orders of a supervisor to anybody's."""


class NotYours(Exception):
    """The offer or contact is another agent's, or is over."""


class Switchboard(Protocol):
    """Made when it is first needed: Redis may come later. Raises `redis.RedisError`, also where there is none."""

    def queues(self) -> Queues: ...

    def softphones(self) -> Softphones: ...

    def served(self, contact_id: str, agent_id: str) -> None:
        """An agent is done with a thread of messages: its flow goes on."""


@dataclass(frozen=True)
class Calling:
    """One agent's side. Every method raises `redis.RedisError`."""

    board: Switchboard
    agent_id: str

    @property
    def queues(self) -> Queues:
        return self.board.queues()

    def status(self) -> dict[str, Any]:
        """All that the agent's page shows of offers and calls. Every page asks for it all the time: what it costs
        doesn't depend on how many agents there are."""
        queues = self.queues
        if self.agent_id not in queues.config.agents:
            return {"agent": "", "presence": "offline", "offers": []}
        queues.agent_seen(self.agent_id)
        offers = queues.offers_of(self.agent_id)
        presence, reason, since = queues.presence_of(self.agent_id)
        agent = queues.agent(self.agent_id)
        device = agent.device if agent is not None else queues.config.agents[self.agent_id].device
        return {
            "agent": self.agent_id,
            "presence": presence,
            "reason": reason,
            "state": agent.state if agent is not None else "offline",
            "since": since,
            "now": queues.clock(),
            "again": min(CALM, queues.config.people.logout_after / 4),
            "device": "desk" if device == "desk" else "phone",
            "reasons": list(queues.config.people.reasons),
            "offers": [self._shown(offer) for offer in offers],
            "phone": self._telephone(offers) if device == "desk" else None,
        }

    def targets(self) -> dict[str, dict[str, str]]:
        """Whom a call can be handed to: names of `queues`, and of `agents` who are signed in, by id."""
        queues = self.queues
        agents = queues.config.agents
        signed_in = sorted(text(id) for id in queues.client.smembers("cw:agents"))
        return {
            "queues": {name: queue.label or name for name, queue in queues.config.queues.items()},
            "agents": {id: agents[id].name or id for id in signed_in if id != self.agent_id and id in agents},
        }

    def telephone(self) -> dict[str, Any]:
        """The browser's telephone: the `page` that has it, and a `call` that belongs to no offer, as when a colleague
        asks something: its `id`, `caller`, whether it is `up`, and who asks for which `contact`."""
        return self._telephone(self.queues.offers_of(self.agent_id))

    def _telephone(self, offers: Sequence[Offer]) -> dict[str, Any]:
        phones = self.board.softphones()
        state = phones.state(self.agent_id)
        mine = (*TALKING, "offered")
        if any(one.medium == "voice" and one.state in mine for one in offers):
            return {"page": state["page"], "call": None}
        call = state["call"]
        if call is not None:
            call |= {"contact": "", "by": "", "verb": ""} | phones.asked_for(self.agent_id)
            if not call["contact"] and any(one.medium == "voice" and one.state == "wrap_up" for one in offers):
                return {"page": state["page"], "call": None}  # the telephone hears a moment later that it is over
            agent = self.queues.config.agents.get(call["by"])
            call["by"] = (agent.name if agent else "") or call["by"]
        return {"page": state["page"], "call": call}

    def offer(self, offer_id: str) -> dict[str, Any]:
        """One offer of this agent's, as `status` shows it. Raises `NotYours`."""
        return self._shown(self._own(offer_id, "offered", *TALKING, "wrap_up"))

    def be(self, presence: str, reason: str = "") -> None:
        """Sign in, out, or change presence. Raises ValueError and `UnknownAgent`."""
        queues = self.queues
        if presence == "offline":
            queues.sign_out(self.agent_id)
            return
        if queues.agent(self.agent_id) is None:
            queues.sign_in(self.agent_id)
        queues.set_presence(self.agent_id, presence, reason)

    def accept(self, offer_id: str) -> Offer:
        """Take an offer. A call on the browser's telephone is answered, and accepted by whoever rings it; a thread of
        messages is connected at once. Raises `NotYours` where it is gone, `NoGateway`."""
        offer = self._own(offer_id, "offered")
        if offer.medium == "voice":
            if not self.board.softphones().answer(self.agent_id):
                raise NotYours(offer_id)
            return offer
        if not (self.queues.accept(offer_id) and self.queues.connected(offer_id)):
            raise NotYours(offer_id)
        return offer

    def reject(self, offer_id: str) -> None:
        """Leave an offer to others. Raises `NotYours`."""
        offer = self._own(offer_id, "offered")
        try:
            ringing = offer.medium == "voice" and self.board.softphones().hang_up(self.agent_id)
        except NoGateway:
            ringing = False
        if not ringing:
            self.queues.refuse(offer_id, "rejected")

    def call(self, offer_id: str) -> Offer:
        """The agent has looked at whom a campaign would call, and wants to. Raises `NotYours`."""
        return self._decide(offer_id, previewing.CALL)

    def skip(self, offer_id: str) -> tuple[str, Mapping[str, Any]]:
        """The same, and the agent doesn't. Gives the contact, which `leave_out` takes back, and what its campaign gave
        with it. Raises `NotYours`."""
        offer = self._decide(offer_id, previewing.SKIP)
        return offer.contact_id, self.queues.context(offer.contact_id)

    def leave_out(self, contact_id: str) -> None:
        """Nobody calls whom an agent has skipped, and the agent is free."""
        self.queues.cancel_callback(contact_id, "skipped")

    def _decide(self, offer_id: str, decision: Literal["call", "skip"]) -> Offer:
        offer = self._own(offer_id, "offered")
        if not previewing.decide(self.queues, self.agent_id, offer_id, decision):
            raise NotYours(offer_id)
        return offer

    def done(self, offer_id: str, code: str, note: str) -> Offer:
        """Wrap-up is done; of a thread of messages, the conversation too. Raises `NotYours`, `CodeRequired`, and
        ValueError for a code that the queue doesn't have."""
        offer = self._own(offer_id, *TALKING, "wrap_up")
        if offer.medium != "voice" and offer.state in TALKING:
            self.queues.complete(offer_id)
        self.queues.wrapped_up(self.agent_id, offer_id, code, note)
        return offer

    def order(
        self, contact_id: str, verb: str, args: Mapping[str, object], *, supervises: bool = False, serves: bool = False
    ) -> str:
        """An order to a live call. `serves`: somebody handed the customer over to this agent, without an offer. Raises
        `NotYours`, and ValueError for what is no order."""
        own = serves or self.talks_to(contact_id)
        if verb not in AGENTS_OWN | SUPERVISORS:
            raise ValueError(f"there is no order {verb!r}")
        if not (own and verb in AGENTS_OWN) and not (supervises and verb in SUPERVISORS):
            raise NotYours(contact_id)
        to = args.get("to")
        if verb in CALLS_IN and isinstance(to, dict) and isinstance(to.get("agent"), str):
            self.board.softphones().ask_for(to["agent"], contact_id, self.agent_id, verb)
        return control.order(self.queues.client, contact_id, verb, by=self.agent_id, args=args)

    def talks_to(self, contact_id: str) -> bool:
        """Whether this agent has taken the offer of a call, and is on it."""
        return any(
            offer.contact_id == contact_id and offer.state in TALKING and offer.medium == "voice"
            for offer in self.queues.offers_of(self.agent_id)
        )

    def payment(self, contact_id: str) -> dict[str, Any] | None:
        """The last payment that was taken on a call, as `callcenter.assisted` shows it."""
        return assisted.last(self.queues.client, contact_id)

    def _own(self, offer_id: str, *states: str) -> Offer:
        try:
            offer = self.queues.offer(offer_id)
        except NoSuchOffer:
            raise NotYours(offer_id) from None
        if offer.agent_id != self.agent_id or offer.state not in states:
            raise NotYours(offer_id)
        return offer

    def _looks(self, offer: Offer) -> bool:
        """Whether the agent is to say if the customer is called."""
        if offer.state != "offered" or not offer.callback:
            return False
        campaign = self.queues.context(offer.contact_id).get(BY_AGENTS) or {}
        return bool(campaign.get("preview")) and not previewing.decision(self.queues, offer.id)

    def _shown(self, offer: Offer) -> dict[str, Any]:
        queue = self.queues.config.queues.get(offer.queue)
        pop = popping.kept(self.queues, offer.id) or {}
        return {
            "id": offer.id,
            "contact": offer.contact_id,
            "queue": offer.queue,
            "label": (queue.label if queue else "") or offer.queue,
            "medium": offer.medium,
            "state": offer.state,
            "callback": offer.callback,
            "made_at": offer.made_at,
            "lease_until": offer.lease_until,
            "connected_at": offer.connected_at,
            "codes": list(queue.wrap_up.codes) if queue else [],
            "code_required": bool(queue and queue.wrap_up.required),
            "guide": pop.get("queue", {}).get("guide") or (queue.guide if queue else ""),
            "recorded": bool(queue and queue.record.on),
            "preview": self._looks(offer),
            "pop": pop,
        }


def args_of(text: str) -> dict[str, object]:
    """An order's arguments as a page sends them. Raises ValueError."""
    found = json.loads(text or "{}")
    if not isinstance(found, dict):
        raise ValueError("the arguments are no object")
    return found
