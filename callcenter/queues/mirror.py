"""A router's own copy of what waits and who is there, kept up by the journal.

The journal says which contacts and agents have changed; those are read anew. So the copy may be late, never wrong for
long, and what is claimed on it is checked by the claim itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from callcenter.acd.config import Config
from callcenter.acd.model import Agent, Proposal, Snapshot
from callcenter.acd.waiting import Waiting
from callcenter.queues.journal import Fact, Tail
from callcenter.queues.store import Queues


class Mirror:
    """`snapshot` is the copy; `next_timer` is when the next lease or wrap-up was to be over at the last `update`.
    `promising` says that matching may find what it didn't find before: somebody came to wait, or has room for one more.
    Whoever matches resets it; what comes with time alone doesn't set it."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues
        self._config: Config = queues.config
        self._stale_contacts: set[str] = set()
        self._stale_agents: set[str] = set()
        self.next_timer: float | None = None
        self.promising = True
        self.reload()

    @property
    def waiting(self) -> Waiting:
        return self.snapshot.waiting

    @property
    def agents(self) -> Mapping[str, Agent]:
        return self._agents

    def reload(self) -> None:
        """Read all of it anew. Raises `redis.RedisError`."""
        self._config = self._queues.config
        self._tail = Tail(self._queues.client)
        found = self._queues.snapshot()
        self._agents = dict(found.agents)
        self.snapshot = Snapshot(found.queues, self._agents, found.waiting)
        self._stale_contacts.clear()
        self._stale_agents.clear()
        self.promising = True

    def update(self, block: float | None = None) -> list[Fact]:
        """Take in what changed, waiting up to `block` seconds for something; gives the facts. Raises
        `redis.RedisError`."""
        if self._queues.config is not self._config:
            self.reload()
        now = self._queues.clock()
        self._stale_agents.update(id for id, agent in self._agents.items() if 0 < agent.skills_until <= now)
        known_stale = bool(self._stale_contacts or self._stale_agents)
        facts = self._tail.read(block=None if known_stale else block)
        if self._tail.lost:
            self.reload()
        for fact in facts:
            if fact.contact:
                self._stale_contacts.add(fact.contact)
            if fact.agent:
                self._stale_agents.add(fact.agent)
        self._refresh()
        return facts

    def claimed(self, proposal: Proposal, offers: Iterable[str]) -> None:
        """Don't propose it again before the journal says what has become of it."""
        ids = list(offers)
        self._stale_contacts.add(proposal.contact_id)
        self._stale_agents.update(proposal.agents)
        if ids:
            self.waiting.remove(proposal.contact_id)
            for agent_id in proposal.agents:
                agent = self._agents.get(agent_id)
                if agent is not None:
                    self._agents[agent_id] = replace(agent, offer=ids[0])
        else:
            self.promising = True  # somebody was quicker; who is left may fit still

    def _refresh(self) -> None:
        found = self._queues.look(self._stale_contacts, self._stale_agents)
        for contact_id, entry in found.entries.items():
            if entry is None:
                self.waiting.remove(contact_id)
            elif self.waiting.add(entry):
                self.promising = True
        for agent_id, agent in found.agents.items():
            if agent is None:
                self._agents.pop(agent_id, None)
            elif agent != self._agents.get(agent_id):
                self._agents[agent_id] = agent
                self.promising |= agent.may_be_asked
        self.next_timer = found.next_timer
        self._stale_contacts.clear()
        self._stale_agents.clear()
