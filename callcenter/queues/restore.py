"""Putting back what the store has lost, from what the journal had brought into the database.

Processes with legs put theirs back themselves (`Queues.keep` tells them); callbacks, chats and messages have no such
process. Whatever is put back by both is there once: joining again changes nothing.

A callback is put back only to be cancelled where the database shows that its person has been served since it was asked
for: the store may have died before it could tell. Nobody is called for a while: somebody may be dialling, or talking,
and has that long to say so. Where the log has somebody's telephone ring, and not what came of it, the next call comes
after the queue's spacing; it isn't counted as an attempt, since the agent may have hung up first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.queues import projection, unfinished, wrapping
from callcenter.queues.described import Described
from callcenter.queues.redis_hash import entry_fields, moment
from callcenter.queues.store import Queues

NEVER = 4e9
"""A time, in seconds since 1970, that comes after all of this."""


def restore(engine: Engine, queues: Queues) -> int:
    """Join every open entry again with its `joined_at`, reconnect conversations, sign agents in with the skills that
    they have today; gives how many entries were put back. Safe at any time and several times at once."""
    with reading(engine) as conn:
        rows, agents = projection.open_entries(conn), projection.presences(conn)
        callbacks = [row for row in rows if row["callback"] == "requested"]
        served = projection.served_since(conn, callbacks)
        rang = unfinished.attempts(conn, [row["contact_id"] for row in callbacks])
        changed = projection.changed_skills(conn, datetime.fromtimestamp(queues.clock(), UTC))
    for agent in agents:
        if agent["agent"] in queues.config.agents and not queues.read(f"cw:agent:{agent['agent']}"):
            queues.sign_in(agent["agent"], device=agent["device"])
            if agent["presence"] != "available":
                queues._present(agent["agent"], agent["presence"], agent["reason"], "", "0")
    for row in changed:
        if row["agent"] in queues.config.agents and "skills" not in queues.read(f"cw:agent:{row['agent']}"):
            queues._set_skills(row["agent"], row["skills"], row["until"].timestamp(), "")
    wrapping.put_back(engine, queues)
    there = [
        row for row in rows
        if _put_back(queues, row, over=row["contact_id"] in served, rang=rang.get(row["contact_id"]))
    ]  # fmt: skip
    for contact_id in served:  # also what a router put back that died before this
        callback = queues.requested(contact_id)
        if callback is not None and callback.at >= NEVER:
            queues.cancel_callback(contact_id, "served")
    return sum(row["contact_id"] not in served for row in there)


def _put_back(queues: Queues, row: Mapping[str, Any], *, over: bool, rang: datetime | None) -> bool:
    """`over`: nobody is to be offered this callback any more. `rang`: since when the customer's telephone rang, and
    nobody knows what came of it."""
    # What the store knows of a contact is newer than the database, whatever it is.
    if queues.entry(row["contact_id"]):
        return False
    queue = row["queue"] if row["queue"] in queues.config.queues else queues.config.default
    if not queue:
        return False
    data = row["data"]
    if row["state"] == "connected":
        return queues.reconnect(
            row["offer"], row["contact_id"], row["agent"], queue, channel=row["channel"],
            connected_at=row["connected_at"].timestamp(), joined_at=row["joined_at"].timestamp(),
            caller=data["caller"], customer_id=row["customer_id"], language=data["language"], holder=row["holder"],
            data=data["data"], known_as=data.get("known_as", ()),
        )  # fmt: skip
    requested = row["callback"] == "requested"
    described: Described = {
        "caller": data["caller"], "customer_id": row["customer_id"], "language": data["language"],
        "skills": data["skills"], "priority": row["priority"], "data": data["data"],
        "known_as": data.get("known_as", ()),
    }  # fmt: skip
    fields = entry_fields(
        described, channel=row["channel"], joined_at=row["joined_at"].timestamp(),
        last_agent=data["last_agent"], holder="" if requested else row["holder"],
        number=row["number"] if requested else "",
        not_before=NEVER if over else _due(queues, queue, row, rang) if requested else 0.0,
        attempts=row["attempts"], restored="1",
        requested_at=moment(row["requested_at"].timestamp()) if row["requested_at"] else "",
    )  # fmt: skip
    return queues._join(row["contact_id"], queue, fields) == "waiting"


def _due(queues: Queues, queue: str, row: Mapping[str, Any], rang: datetime | None) -> float:
    due = [queues.clock() + queues.timing.kept]
    if row["callback_at"]:
        due.append(row["callback_at"].timestamp())
    if rang is not None:
        due.append(rang.timestamp() + queues.queue(queue).callback.spacing)
    return max(due)
