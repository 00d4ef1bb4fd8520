"""Orders to a live conversation: what the desk says, and the process that holds the legs obeys.

`cw:control:<contact id>` is a Redis stream; an entry has `id`, `verb`, `by` (an agent's id) and `args` (JSON). The
answer is the journal's `call.answer` with the order's id; what came of it follows as `call.*`. The verbs:

    hold, resume · mute, unmute {party: customer | consulted | AGENT, by default who orders it}
    transfer {to: {queue: } | {agent: } | {number: }, refer: true: by the customer's own side}
    consult {to: {agent: } | {number: }}, then merge, complete or return · conference {to: }
    listen, whisper, join, take_over (a supervisor: `by` is rung first) · hang_up (`by` leaves)
    digits {digits: "12#"} · record_pause, record_resume · secret_start, secret_end
    pay {account: "10203040", amount: 8450}, both or the amount may be left out; then pay_stop until the card is charged
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

import redis
from redis.typing import EncodableT, FieldT

PREFIX = "cw:control:"
KEPT = 200
"""Orders of one conversation, about."""
KEPT_SECONDS = 6 * 3600


def key(contact_id: str) -> str:
    return PREFIX + contact_id


def order(client: redis.Redis, contact_id: str, verb: str, *, by: str, args: Mapping[str, object] | None = None) -> str:
    """Order something; gives the order's id. Who may, has been checked. Raises `redis.RedisError`."""
    order_id = uuid.uuid4().hex
    fields: dict[FieldT, EncodableT] = {"id": order_id, "verb": verb, "by": by, "args": json.dumps(args or {})}
    with client.pipeline(transaction=False) as pipe:
        pipe.xadd(key(contact_id), fields, maxlen=KEPT, approximate=True)
        pipe.expire(key(contact_id), KEPT_SECONDS)
        pipe.execute()
    return order_id
