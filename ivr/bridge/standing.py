"""How a conversation stands with the queue: its offer is told to be connected, done, handed over or given back."""

from __future__ import annotations

from dataclasses import replace

from ivr.bridge.facts import Facts
from ivr.bridge.parts import Offer


class Standing:
    """`offer` is the one that holds now: an heir who is an agent has another."""

    def __init__(self, offer: Offer, facts: Facts) -> None:
        self.offer = offer
        self._facts = facts
        self._connected = self._given_away = False

    async def connected(self) -> bool:
        """Both are connected; False where the offer has lapsed meanwhile. A store that doesn't answer, or has lost its
        data, parts nobody."""
        # None: Redis is away, and hears of it later. Two people on the line are not kept waiting for that.
        answer = await self._facts.say(self._facts.queues.connected, self.offer.id)
        self._connected = answer is not False
        return self._connected

    async def complete(self, why: str, heir: str) -> None:
        """The agent is done. An heir who is an agent has the offer from now on; anybody else ends the queue's part."""
        facts, queues = self._facts, self._facts.queues
        if not self._connected:
            await facts.say(queues.refuse, self.offer.id, "failed")
        elif not self._given_away:
            following = await facts.say(queues.hand_over, self.offer.id, heir, why=why) if heir else ""
            if following:
                self.offer = replace(self.offer, id=following, agent_id=heir)
                return
            self._given_away = True
            await facts.say(queues.complete, self.offer.id, why)

    async def requeue(self, queue: str, why: str, *, fresh: bool) -> None:
        """The customer waits again. `fresh`: the offer is completed already."""
        facts, queues = self._facts, self._facts.queues
        if not self._connected:
            await facts.say(queues.refuse, self.offer.id, "failed")
        elif fresh or self._given_away or not await facts.say(queues.transfer, self.offer.id, queue, why=why):
            await facts.rejoin(self.offer, queue)

    def abandoned(self) -> None:
        """Told without waiting: the conversation broke."""
        over = self._facts.queues.complete if self._connected else self._facts.queues.refuse
        self._facts.tell(over, self.offer.id, "failed")
