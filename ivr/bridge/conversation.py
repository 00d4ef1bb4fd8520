"""`Bridge`: rings agents and holds conversations; see the package's docstring."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import cast

import redis

from callcenter.queues.store import Queues
from ivr.bridge.control import Control
from ivr.bridge.facts import Facts
from ivr.bridge.parts import Accepted, Address, Dialler, Ending, Manner, Offer, Payments
from ivr.bridge.ring import ring
from ivr.bridge.talk import Conversation
from ivr.channels.leg import BridgeLeg, CallLeg


class Bridge:
    """One for each process with legs. `address` finds agents that orders name; `keep` registers a recording, blocks,
    and gives its id: (path, seconds, contact id, caller). Without `payments` agents can't take any."""

    def __init__(
        self,
        dial: Dialler,
        queues: Queues,
        client: redis.Redis,
        executor: Executor,
        *,
        address: Address,
        keep: Callable[[Path, float, str, str], str] | None = None,
        payments: Payments | None = None,
    ) -> None:
        self.dial, self.address, self.payments = dial, address, payments
        self.facts = Facts(queues, client, executor, keep)
        self.control = Control(client)

    async def ring(self, offer: Offer, manner: Manner) -> Accepted | None:
        return await ring(offer, manner, self.dial, self.facts)

    async def drop(self, accepted: Accepted) -> None:
        """Let an agent go who accepted, and can't be connected any more."""
        accepted.leg.hang_up()
        await self.facts.say(self.facts.queues.refuse, accepted.offer.id, "failed")

    async def talk(self, leg: CallLeg, accepted: Accepted, manner: Manner) -> Ending:
        conversation = Conversation(
            self.dial, self.address, self.facts, cast(BridgeLeg, leg), accepted, manner, self.payments
        )
        self.control.begin(accepted.offer.contact_id, conversation.ordered)
        try:
            return await conversation.run()
        finally:
            self.control.end(accepted.offer.contact_id)

    async def close(self) -> None:
        """Stop reading orders; wait shortly for what still has to be told."""
        await self.control.close()
        await self.facts.settled()
