"""The live state of queues in Redis: `Queues(client, config, clock)`.

Every method may be called again with the same arguments after an error: it does nothing twice. Two processes may do
anything at once: what changes is changed by one script (see `callcenter.queues.scripts`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from callcenter.acd.model import Agent, Entry, Snapshot
from callcenter.acd.waiting import Waiting
from callcenter.queues.callbacks import Callbacks
from callcenter.queues.offers import Offers
from callcenter.queues.presence import Presence
from callcenter.queues.redis_hash import Hash, agent_of, as_hash, entry_of, text

BATCH = 1000
TIMERS = ("cw:leases", "cw:wrapups")


@dataclass(frozen=True, slots=True)
class Look:
    """By id: what waits, `None` for what doesn't (any more); who is signed in, `None` for who isn't (any more).
    `next_timer` is when the next lease or wrap-up is over."""

    entries: dict[str, Entry | None]
    agents: dict[str, Agent | None]
    next_timer: float | None


class Queues(Callbacks, Offers, Presence):
    """See the parts: `entries`, `callbacks`, `offers`, `presence`; their constructor is `base.Base`'s."""

    def snapshot(self) -> Snapshot:
        """All that waits and all who are signed in, read anew."""
        waiting = Waiting()
        for contact_ids in _batches(text(item) for item in self.client.zrange("cw:entries", 0, -1)):
            for entry in self.look(contact_ids, ()).entries.values():
                if entry is not None:
                    waiting.add(entry)
        agents: dict[str, Agent] = {}
        for agent_ids in _batches(text(item) for item in self.client.smembers("cw:agents")):
            agents.update({id: agent for id, agent in self.look((), agent_ids).agents.items() if agent is not None})
        return Snapshot(self.config.queues, agents, waiting)

    def look(self, contact_ids: Iterable[str], agent_ids: Iterable[str]) -> Look:
        """These contacts and agents as they are now, and the next timer, in one round trip."""
        contacts, agents = list(dict.fromkeys(contact_ids)), list(dict.fromkeys(agent_ids))
        with self.client.pipeline(transaction=False) as pipeline:
            for key in (*map("cw:entry:{}".format, contacts), *map("cw:agent:{}".format, agents)):
                pipeline.hgetall(key)
            for key in TIMERS:
                pipeline.zrange(key, 0, 0, withscores=True)
            answers: list[Any] = pipeline.execute()
        found = [as_hash(values) for values in answers[: -len(TIMERS)]]
        entries = {
            id: entry_of(id, entry, self.config) if _waits(entry) else None
            for id, entry in zip(contacts, found, strict=False)
        }
        people = {
            id: agent_of(id, agent, self.config, self.clock())
            for id, agent in zip(agents, found[len(contacts) :], strict=True)
        }
        return Look(entries, people, min((at for first in answers[-len(TIMERS) :] for _, at in first), default=None))

    def hashes(self, prefix: str, ids: Iterable[str]) -> list[tuple[str, Hash]]:
        """Each id with what is stored under it, empty where nothing is, in one round trip."""
        ordered = list(dict.fromkeys(ids))
        if not ordered:
            return []
        pipeline = self.client.pipeline(transaction=False)
        for id in ordered:
            pipeline.hgetall(prefix + id)
        found: list[Any] = pipeline.execute()
        return [(id, as_hash(values)) for id, values in zip(ordered, found, strict=True)]


def _waits(entry: Hash) -> bool:
    return entry.get("state") == "waiting" and entry.get("paused") != "1"


def _batches(items: Iterable[str]) -> Iterable[list[str]]:
    batch: list[str] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
