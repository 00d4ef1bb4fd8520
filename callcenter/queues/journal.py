"""The journal: every transition of queues, in order, in the stream `cw:journal`.

Two kinds of readers: those who act on it (`Tail`: routers, processes with legs, the desk), and `drain`, which writes
it into the event log exactly once: the stream's position is stored in the transaction of the events. The stream keeps
what isn't drained yet, and `KEPT` of what is.

A store may also come back without its last seconds: a replica took over, the power failed. Then the entry that was
drained last isn't in the stream, and older ones are. Such a store contradicts what has been said and done since, so all
of it is dropped, and restored as after a whole loss.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import redis
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import events, locks
from callcenter.db import reading
from callcenter.events import Event
from callcenter.queues import projection
from callcenter.queues.redis_hash import text
from callcenter.tables import journal_position

if TYPE_CHECKING:
    from callcenter.queues.base import Base

logger = logging.getLogger(__name__)

STREAM = "cw:journal"
BATCH = 200
"""Entries in one transaction: short, so that nobody waits for its locks."""
KEPT = 600
"""Seconds for which drained entries stay for those who tail the stream."""
START = "0-0"
NAME = "events"
DROPPING = "dropping:"
"""Before the epoch of a store that came back without its last seconds, until its data has been dropped."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry. `id` is the stream's; what doesn't apply is empty. `at` is in seconds since 1970."""

    id: str
    kind: str
    at: float
    contact: str
    queue: str
    agent: str
    offer: str
    data: dict[str, Any]


class Tail:
    """Reads on from where it stands. `lost` is True after the store came back without the entries read before: what
    was derived from them must be read anew."""

    def __init__(self, client: redis.Redis, after: str | None = None) -> None:
        self.client = client
        self.after = after if after is not None else last_id(client)
        self.lost = False

    def read(self, *, block: float | None = None, count: int = BATCH) -> list[Fact]:
        """What came since; waits up to `block` seconds (`None`: not at all) for the first. Raises
        `redis.RedisError`."""
        waits = None if block is None else max(1, int(block * 1000))
        answer: Any = self.client.xread({STREAM: self.after}, count=count, block=waits)
        found = [_fact(id, fields) for _, entries in answer or () for id, fields in entries]
        if found:
            self.after = found[-1].id
        elif _newer(self.after, last_id(self.client)):
            self.after, self.lost = START, True
        return found


def last_id(client: redis.Redis) -> str:
    """The newest entry's id, those that were trimmed included."""
    try:
        found: Any = client.xinfo_stream(STREAM)
    except redis.ResponseError:  # there is no stream yet
        return START
    return text(found["last-generated-id"])


def _newer(one: str, other: str) -> bool:
    return tuple(map(int, one.split("-"))) > tuple(map(int, other.split("-")))


def _fact(id: Any, fields: Any) -> Fact:
    found = {text(name): text(value) for name, value in fields.items()}
    data = json.loads(found["data"])
    return Fact(
        text(id), found["kind"], float(found["at"]), found["contact"], found["queue"], found["agent"], found["offer"],
        data if isinstance(data, dict) else {},
    )  # fmt: skip


def drain(engine: Engine, queues: Base, messages: projection.Messages | None = None) -> int:
    """Write what came since the last time into `events` and the tables that follow from it; gives how many entries.
    Several at once are safe: whoever moves the position first has written them. Another epoch than the last time means
    that the store lost its data, which is an event too (`queue.store_lost`)."""
    done = 0
    while True:
        epoch, position = _position(engine, queues)
        answer: Any = queues.client.xrange(STREAM, min=position, count=BATCH + 1)
        facts = [_fact(id, fields) for id, fields in answer]
        known = position == START or (bool(facts) and facts[0].id == position)
        facts = [fact for fact in facts if fact.id != position]
        behind = not known and _is_behind(queues.client, position)
        if not facts and not behind:
            return done
        with engine.begin() as conn:
            stands = facts[-1].id if facts else position
            if not _moved(conn, (epoch, position), (DROPPING + epoch if behind else epoch, stands)):
                continue  # another process has written them meanwhile
            if behind:
                events.record(conn, None, None, "queue.store_behind", {"epoch": epoch}, datetime.now(UTC))
            events.record_all(conn, [_event(fact) for fact in facts])
            projection.follow(conn, facts, messages)
        done += len(facts)


def _is_behind(client: redis.Redis, position: str) -> bool:
    """Whether the store has forgotten the entry at `position`, rather than trimmed it: that goes by age."""
    older: Any = client.xrange(STREAM, max=f"({position}", count=1)
    return bool(older) or _newer(position, last_id(client))


def trim(engine: Engine, client: redis.Redis) -> None:
    """Drop entries that were drained and are older than `KEPT`, but for the one before the last: while it is there,
    `drain` notices that the last one isn't."""
    with reading(engine) as conn:
        found = conn.execute(sa.select(journal_position.c.position).where(journal_position.c.name == NAME)).scalar()
    if found and found != START:
        before: Any = client.xrevrange(STREAM, max=f"({found}", count=1)
        oldest = int(found.partition("-")[0]) - KEPT * 1000
        if before:
            oldest = min(oldest, int(text(before[0][0]).partition("-")[0]))
        client.xtrim(STREAM, minid=str(oldest), approximate=True)


def _position(engine: Engine, queues: Base) -> tuple[str, str]:
    """The store's epoch, and up to where its journal is drained."""
    query = sa.select(journal_position).where(journal_position.c.name == NAME)
    with reading(engine) as conn:
        row = conn.execute(query).one_or_none()
    epoch = queues.epoch()
    if row is not None and row.epoch == epoch:
        return epoch, str(row.position)
    now = datetime.now(UTC)
    with engine.begin() as conn:
        locks.hold(conn, f"journal:{NAME}")
        row = conn.execute(query).one_or_none()
        epoch = queues.epoch()  # it may have changed again: what is read under the lock never goes back
        if row is None:
            conn.execute(sa.insert(journal_position).values(name=NAME, epoch=epoch, position=START, updated_at=now))
            return epoch, START
        if row.epoch == epoch:
            return epoch, str(row.position)
        if partly := row.epoch == DROPPING + epoch:
            queues.forget(epoch)
            epoch = queues.epoch()
        logger.warning("the store of queues has lost %s; what is known of it is put back",
                       "its last seconds" if partly else "its data")  # fmt: skip
        data = {"was": row.epoch.removeprefix(DROPPING), "is": epoch, "partly": partly}
        events.record(conn, None, None, "queue.store_lost", data, now)
        whole = sa.update(journal_position).where(journal_position.c.name == NAME)
        conn.execute(whole.values(epoch=epoch, position=START, updated_at=now))
    return epoch, START


def _moved(conn: Connection, was: tuple[str, str], to: tuple[str, str]) -> bool:
    """Epoch and position, if they are still those."""
    held = sa.update(journal_position).where(
        journal_position.c.name == NAME, journal_position.c.epoch == was[0], journal_position.c.position == was[1]
    )
    return conn.execute(held.values(epoch=to[0], position=to[1], updated_at=datetime.now(UTC))).rowcount == 1


def _event(fact: Fact) -> Event:
    data: dict[str, Any] = {name: value for name, value in (("queue", fact.queue), ("agent", fact.agent),
                            ("offer", fact.offer)) if value}  # fmt: skip
    # A note goes into the customer's notes, not into the log.
    data.update({name: value for name, value in fact.data.items() if name != "note"})
    return Event(datetime.fromtimestamp(fact.at, UTC), fact.contact or None, None, fact.kind, data)


def facts_of(rows: Sequence[Event]) -> list[Fact]:
    """Events of the log as facts again, for audits and replays."""
    return [
        Fact(str(row.id), row.kind, row.at.timestamp(), row.contact_id or "", str(row.data.get("queue", "")),
             str(row.data.get("agent", "")), str(row.data.get("offer", "")), dict(row.data))
        for row in rows
    ]  # fmt: skip
