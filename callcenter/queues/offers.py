"""Offers: claim, acceptance, conversation, wrap-up.

offered ──> accepted ──> connected ──> wrap_up ──> done
   └───────────┴──> refused, expired, withdrawn
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Unpack

from callcenter.acd.model import Offer, Proposal
from callcenter.queues.base import Base, CodeRequired, NoSuchOffer
from callcenter.queues.described import Described
from callcenter.queues.redis_hash import entry_fields, moment, offer_of, text
from callcenter.queues.scripts import agents as agent_scripts
from callcenter.queues.scripts import consulting
from callcenter.queues.scripts import offers as scripts

TRANSFER_PRIORITY = 10
"""What a transferred contact's priority is at least."""
AGENTS_OWN = ("rejected", "no_answer", "expired")


class Offers(Base):
    def claim(self, proposal: Proposal) -> list[str]:
        """Make the proposal's offers, so far as they still can be made; gives their ids."""
        return self.claim_all([proposal])[0]

    def claim_all(self, proposals: Sequence[Proposal]) -> list[list[str]]:
        """The same for several, in one round trip."""
        at = self.clock()
        calls = []
        for proposal in proposals:
            lease = self.timing.claim if proposal.absent else self.queue(proposal.queue).offer_seconds
            wanted = [
                {
                    "agent": agent_id,
                    "offer": uuid.uuid4().hex,
                    "capacity": self.config.capacity(agent_id).get(proposal.medium, 0),
                    "interrupts": list(self.config.interrupts(agent_id).get(proposal.medium, ())),
                }
                for agent_id in proposal.agents
                if agent_id in self.config.agents
            ]
            calls.append((moment(at), moment(at + lease), proposal.contact_id, proposal.queue, proposal.medium,
                          json.dumps(wanted)))  # fmt: skip
        return self.run_all(scripts.CLAIM, calls)

    def offer(self, offer_id: str) -> Offer:
        """Raises `NoSuchOffer`."""
        found = self.read(f"cw:offer:{offer_id}")
        if not found:
            raise NoSuchOffer(offer_id)
        return offer_of(offer_id, found)

    def offers_of(self, agent_id: str) -> list[Offer]:
        """What an agent is asked for, talks on or wraps up, the oldest first."""
        found = []
        for offer_id in self.client.smembers(f"cw:agent_offers:{agent_id}"):
            values = self.read(f"cw:offer:{text(offer_id)}")
            if values:
                found.append(offer_of(text(offer_id), values))
        return sorted(found, key=lambda offer: (offer.made_at, offer.id))

    def claim_callback(self, offer_id: str, holder: str) -> bool:
        """Whether this process is the one that dials. It says `keep` until the offer is over."""
        lease = moment(self.clock() + self.timing.dial + self.timing.kept / 2)
        return bool(self.run(scripts.CLAIM_CALLBACK, self.now(), offer_id, holder, lease) == "yes")

    def accept(self, offer_id: str) -> bool:
        """The agent takes the contact. The first one wins; the others' offers are withdrawn. Again is True again."""
        lease = moment(self.clock() + self.timing.connect)
        return bool(self.run(scripts.ACCEPT, self.now(), offer_id, lease) == "yes")

    def connected(self, offer_id: str) -> bool | None:
        """Both parties are bridged: now the entry leaves the queue, and callbacks of the same person are cancelled.
        False if the offer was withdrawn or has lapsed; the parties must not be bridged then. Again is True again.
        `None` for an offer that the store doesn't know: it has lost its data, and is to be told by `reconnect`."""
        return {"yes": True, "no": False}.get(self.run(scripts.CONNECTED, self.now(), offer_id))

    def refuse(self, offer_id: str, why: str) -> bool:
        """The offer comes to nothing: `rejected`, `no_answer`, `busy`, `failed`, `expired`. The entry waits again with
        its `joined_at`; the agent is offered nothing for the reason's delay, and is unavailable after several
        no-answers in a row. False if it is over already in another way."""
        return self._refuse(offer_id, why)

    def _refuse(self, offer_id: str, why: str, *, if_lapsed: bool = False, blameless: bool = False) -> bool:
        found = self.read(f"cw:offer:{offer_id}")
        if not found:
            return False
        penalties = self.config.penalties(found["agent"])
        counts = why in ("no_answer", "expired") and not blameless
        return bool(
            self.run(
                scripts.REFUSE, self.now(), offer_id, why, 1.0 if blameless else penalties.delay(why),
                penalties.no_answers_until_unavailable if counts else 0, "1" if if_lapsed else "",
            ) == "yes"
        )  # fmt: skip

    def expire(self, offer_id: str) -> bool:
        """The router's: end an offer whose lease is over. The agent isn't to blame where the process that should have
        rung is gone, or the agent had accepted."""
        found = self.read(f"cw:offer:{offer_id}")
        if not found:
            self.client.zrem("cw:leases", offer_id)
            return False
        blameless = found["state"] == "accepted" or found.get("callback") == "1"
        if not blameless and found["medium"] == "voice":
            kept = self.client.zscore("cw:kept", found["contact"])
            blameless = kept is None or float(kept) < self.clock() - self.timing.kept / 2
        return self._refuse(offer_id, "expired", if_lapsed=True, blameless=blameless)

    def complete(self, offer_id: str, why: str = "ended") -> bool:
        """The contact is over: the agent wraps up. Again is True again; False for an offer that never connected."""
        return self._complete(offer_id, why)

    def _complete(self, offer_id: str, why: str, *, if_unkept: bool = False) -> bool:
        found = self.read(f"cw:offer:{offer_id}")
        if not found:
            return False
        seconds, required = self.wrap_up(found["queue"], found["medium"])
        since = moment(self.clock() - self.timing.kept)
        return bool(
            self.run(
                scripts.COMPLETE, self.now(), offer_id, why, seconds, required, "1" if if_unkept else "", since
            ) == "yes"
        )  # fmt: skip

    def complete_unkept(self, offer_id: str) -> bool:
        """The router's: a conversation whose process is gone is over."""
        return self._complete(offer_id, "lost", if_unkept=True)

    def wrapped_up(self, agent_id: str, offer_id: str, code: str = "", note: str = "") -> bool:
        """The agent is done with a contact; during the conversation, that there will be no more to do. False for
        another agent's offer. Raises `CodeRequired`, and ValueError for a code that the queue doesn't have."""
        found = self.read(f"cw:offer:{offer_id}")
        queue = self.config.queues.get(found.get("queue", ""))
        codes = queue.wrap_up.codes if queue else []
        if code and code not in codes:
            raise ValueError(f"the queue has no wrap-up code {code!r}; there are {', '.join(codes) or 'none'}")
        if queue is not None and queue.wrap_up.required and not code and found["state"] in ("connected", "wrap_up"):
            raise CodeRequired(f"one of {', '.join(codes)}")
        return bool(self.run(scripts.WRAPPED_UP, self.now(), agent_id, offer_id, code, note, "") == "yes")

    def end_wrap_up(self, offer_id: str) -> bool:
        """The router's: the time for wrap-up is over."""
        agent_id = text(self.client.hget(f"cw:offer:{offer_id}", "agent") or "")
        if self.run(scripts.WRAPPED_UP, self.now(), agent_id, offer_id, "", "", "1") == "yes":
            return True
        if not agent_id:
            self.client.zrem("cw:wrapups", offer_id)
        return False

    def transfer(
        self, offer_id: str, to_queue: str, *, priority: int = TRANSFER_PRIORITY, why: str = "transferred"
    ) -> bool:
        """From a conversation back into a queue, with the original `joined_at` and at least this priority; the agent
        wraps up. Also for a caller whose agent's phone died. Raises `UnknownQueue`."""
        self.queue(to_queue)
        found = self.read(f"cw:offer:{offer_id}")
        seconds, required = self.wrap_up(found.get("queue", ""), found.get("medium", ""))
        return bool(
            self.run(scripts.TRANSFER, self.now(), offer_id, to_queue, priority, seconds, required, why) == "yes"
        )

    def hand_over(self, offer_id: str, agent_id: str, *, why: str = "transferred") -> str:
        """From one agent to another, in conversation: the first one wraps up, the other is busy with a new offer,
        whose id is given. "" where the offer isn't in conversation, or nobody of that name has signed in."""
        found = self.read(f"cw:offer:{offer_id}")
        agent = self.agent_of(agent_id)
        if not found or agent is None:
            return ""
        seconds, required = self.wrap_up(found["queue"], found["medium"])
        new = uuid.uuid4().hex
        return str(self.run(scripts.HAND_OVER, self.now(), offer_id, agent_id, new, agent, seconds, required, why))

    def consult(self, contact_id: str, agent_id: str) -> bool:
        """An agent is being asked something, or called in, by the one in conversation with this contact: nothing else
        of this medium is offered to them until `consult_over`, the hand-over to them, or the conversation's end. Again
        is True again; False where the contact isn't in conversation, or the agent hasn't signed in."""
        return bool(self.run(consulting.CONSULT, self.now(), contact_id, agent_id) == "yes")

    def consult_over(self, contact_id: str, agent_id: str) -> None:
        """The agent is free of it, if they were consulted."""
        self.run(consulting.FREE, self.now(), contact_id, agent_id)

    def agent_of(self, agent_id: str) -> str | None:
        """The device that an agent has signed in with."""
        device = self.client.hget(f"cw:agent:{agent_id}", "device")
        return None if device is None else text(device)

    def reconnect(
        self,
        offer_id: str,
        contact_id: str,
        agent_id: str,
        queue: str,
        *,
        channel: str,
        connected_at: float,
        joined_at: float | None = None,
        holder: str = "",
        waits: bool = False,
        **described: Unpack[Described],
    ) -> bool:
        """Tell a store that has lost its data of a conversation that goes on. False if it knows the offer, or the
        contact; one that `waits` for it may: whoever has both legs knows better. Raises `UnknownQueue`."""
        self.queue(queue)
        fields = entry_fields(
            described, channel=channel, joined_at=connected_at if joined_at is None else joined_at,
            last_agent=agent_id, holder=holder,
        )  # fmt: skip
        agent = self.config.agents.get(agent_id)
        return bool(
            self.run(
                agent_scripts.RECONNECT, self.now(), offer_id, agent_id, agent.device if agent else "desk",
                fields["medium"], moment(connected_at), contact_id, json.dumps(fields), queue, "1" if waits else "",
            ) == "yes"
        )  # fmt: skip
