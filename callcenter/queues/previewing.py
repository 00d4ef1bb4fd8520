"""A callback that its agent looks at before anybody is called (preview dialling): the agent's decision, kept with the
offer. The process that has claimed the callback waits for it; the first decision counts."""

from __future__ import annotations

from typing import Final, Literal

from callcenter.queues.base import Base
from callcenter.queues.redis_hash import text

CALL: Final[Literal["call"]] = "call"
SKIP: Final[Literal["skip"]] = "skip"

DECIDE: Final = """
-- KEYS cw:journal
-- ARGV now, agent, offer, decision
-- Gives 'yes', again if it is said again, and 'no' once it has been decided otherwise, or the offer is over.
local id = ARGV[3]
local o = hash('cw:offer:' .. id)
if o.agent ~= ARGV[2] or o.callback ~= '1' then return 'no' end
if (o.decision or '') ~= '' then return o.decision == ARGV[4] and 'yes' or 'no' end
if o.state ~= 'offered' then return 'no' end
redis.call('HSET', 'cw:offer:' .. id, 'decision', ARGV[4])
journal('callback.previewed', ARGV[1], o.contact, o.queue, o.agent, id, {decision = ARGV[4]})
return 'yes'
"""


def decide(queues: Base, agent_id: str, offer_id: str, decision: Literal["call", "skip"]) -> bool:
    """The agent says whether the customer is called. False if that isn't theirs to say (any more). Raises
    `redis.RedisError`."""
    return bool(queues.run(DECIDE, queues.now(), agent_id, offer_id, decision) == "yes")


def decision(queues: Base, offer_id: str) -> str:
    """`call`, `skip`, or "" while the agent looks. Raises `redis.RedisError`."""
    return text(queues.client.hget(f"cw:offer:{offer_id}", "decision") or "")
