"""The live state of queues in Redis: `Queues(client, config, clock)`.

Every method may be called again with the same arguments after an error: it does nothing twice. Two processes may do
anything at once: what changes is changed by one script (see `callcenter.queues.scripts`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from callcenter.acd.model import Agent, Entry, Snapshot
from callcenter.acd.waiting import Waiting
from callcenter.queues.callbacks import Callbacks
from callcenter.queues.offers import Offers
from callcenter.queues.presence import Presence
from callcenter.queues.redis_hash import Hash, agent_of, as_hash, entry_of, text

BATCH = 1000


class Queues(Callbacks, Offers, Presence):
    """See the parts: `entries`, `callbacks`, `offers`, `presence`; their constructor is `base.Base`'s."""

    def snapshot(self) -> Snapshot:
        """All that waits and all who are signed in, read anew."""
        waiting = Waiting()
        for contact_ids in _batches(text(item) for item in self.client.zrange("cw:entries", 0, -1)):
            for entry in self.waiting_entries(contact_ids).values():
                if entry is not None:
                    waiting.add(entry)
        agents: dict[str, Agent] = {}
        for agent_ids in _batches(text(item) for item in self.client.smembers("cw:agents")):
            agents.update({id: agent for id, agent in self.signed_in(agent_ids).items() if agent is not None})
        return Snapshot(self.config.queues, agents, waiting)

    def waiting_entries(self, contact_ids: Iterable[str]) -> dict[str, Entry | None]:
        """Entries as they are now; `None` for those that don't wait (any more)."""
        return {
            contact_id: entry_of(contact_id, found, self.config) if _waits(found) else None
            for contact_id, found in self.hashes("cw:entry:", contact_ids)
        }

    def signed_in(self, agent_ids: Iterable[str]) -> dict[str, Agent | None]:
        """Agents as they are now; `None` for those who aren't signed in (any more)."""
        return {id: agent_of(id, found, self.config, self.clock()) for id, found in self.hashes("cw:agent:", agent_ids)}

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
