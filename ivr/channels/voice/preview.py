"""Waiting until an agent has looked at whom a campaign would call, and says whether it should."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from typing import Final

from callcenter.queues import previewing
from callcenter.queues.store import Queues

LOOK_EVERY: Final = 0.25
"""Seconds from one look to the next: the decision is in the store, which may lose its journal but not this offer."""


async def agreed(queues: Queues, offer: str, seconds: float, executor: Executor) -> bool:
    """Whether the agent says "call" within these seconds. Whoever says nothing is taken for not being there: the offer
    is refused as unanswered. Raises `redis.RedisError`."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while loop.time() < ends:
        said = await loop.run_in_executor(executor, previewing.decision, queues, offer)
        if said:
            return said == previewing.CALL
        await asyncio.sleep(LOOK_EVERY)
    await loop.run_in_executor(executor, queues.refuse, offer, "no_answer")
    return False
