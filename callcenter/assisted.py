"""How a payment goes that an agent takes with the caller on the line: what the agent's page shows of it, live.

`cw:payment:<contact id>` is the newest state as JSON, for a page that is loaded meanwhile; each change is also the live
event `payment` on `agent:<agent id>`. There is no digit in it, only how many were keyed:

    contact      the contact's id
    order        the id of the order that began it, and `number` counts its changes: the higher is the newer
    state        "asking", "charging" or "ended"
    field        what the caller keys now: "card", "expiry", "security_code", or "" for anything else
    keyed        how many digits each of the three has so far: {"card": 16, "expiry": 2}
    problem      why the last answer was not taken: "check_digit", "wrong_length", "bad_month", "expired", "no_input",
                 or why the bank took no money: "declined", "insufficient_funds", "expired_card", "invalid_card"
    result       once ended: "paid", "not_paid", "pending", "to_agent", "stopped", "unavailable", "failed"
    confirmation, amount (minor units), currency, card (its last four digits): once paid or pending
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import redis

PREFIX = "cw:payment:"
KEPT_SECONDS = 6 * 3600
KIND = "payment"

Publish = Callable[[str, str, Mapping[str, Any]], object]
"""`callcenter.live.Live.publish`."""


def tell(client: redis.Redis, publish: Publish, agent_id: str, progress: Mapping[str, Any]) -> None:
    """Keep the newest state and tell the agent's pages. Blocks; raises `redis.RedisError`."""
    client.set(PREFIX + str(progress["contact"]), json.dumps(progress), ex=KEPT_SECONDS)
    publish(f"agent:{agent_id}", KIND, progress)


def last(client: redis.Redis, contact_id: str) -> dict[str, Any] | None:
    """The newest payment of a contact, while it goes on and for some hours after. Raises `redis.RedisError`."""
    found: Any = client.get(PREFIX + contact_id)
    return None if found is None else dict(json.loads(found))
