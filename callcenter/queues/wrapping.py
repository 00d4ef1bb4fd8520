"""Wrap-up that the store has lost, put back from the event log: an agent who owes a code is asked for it, and has the
time that was promised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter.db import reading
from callcenter.queues.redis_hash import moment
from callcenter.queues.scripts.agents import RESTORE_WRAP_UP
from callcenter.queues.store import Queues
from callcenter.tables import events, queue_entries

LONGEST = timedelta(days=1)
"""As long as the store itself knows of a contact that is over."""


@dataclass(frozen=True, slots=True)
class WrapUp:
    """Times in seconds since 1970. One whose code is `required` ends with it, not at `until`."""

    offer: str
    contact: str
    agent: str
    queue: str
    medium: str
    connected_at: float
    done_at: float
    until: float
    required: bool


def put_back(engine: Engine, queues: Queues) -> int:
    """Gives how many the store didn't know. Safe at any time and several times at once."""
    now = queues.clock()
    with reading(engine) as conn:
        found = _open(conn, datetime.fromtimestamp(now, UTC) - LONGEST)
    return sum(_tell(queues, one) for one in found if one.required or one.until > now)


def _tell(queues: Queues, one: WrapUp) -> bool:
    times = [moment(at) for at in (one.connected_at, one.done_at, one.until)]
    told = (queues.now(), one.offer, one.contact, one.agent, one.queue, one.medium, *times, "1" if one.required else "")
    return bool(queues.run(RESTORE_WRAP_UP, *told) == "yes")


def _open(conn: Connection, since: datetime) -> Iterable[WrapUp]:
    lately = sa.select(queue_entries.c.contact_id).where(queue_entries.c.updated_at > since)
    query = sa.select(events.c.kind, events.c.at, events.c.contact_id, events.c.data).where(
        events.c.kind.in_(("offer.done", "wrap_up.started", "wrap_up.done")), events.c.contact_id.in_(lately)
    )
    done: dict[str, Any] = {}
    wraps: dict[str, WrapUp] = {}
    for row in conn.execute(query.order_by(events.c.id)):
        offer = str(row.data.get("offer", ""))
        match row.kind:
            case "offer.done":
                done[offer] = row
            case "wrap_up.started" if offer in done:
                over = done[offer]
                at = over.at.timestamp()
                wraps[offer] = WrapUp(
                    offer, row.contact_id, str(row.data["agent"]), str(row.data["queue"]), str(over.data["medium"]),
                    at - float(over.data["seconds"]), at, float(row.data["until"]), bool(row.data.get("required")),
                )  # fmt: skip
            case "wrap_up.done":
                wraps.pop(offer, None)
    return wraps.values()
