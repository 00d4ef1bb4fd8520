"""What matching looks at: entries, agents, offers. Times are seconds since 1970, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from callcenter.acd.config import Queue
    from callcenter.acd.waiting import Waiting

EntryState = Literal["waiting", "offered", "accepted", "connected", "done", "left", "full"]
OfferState = Literal["offered", "accepted", "connected", "wrap_up", "done", "refused", "expired", "withdrawn"]
AgentState = Literal["offline", "unavailable", "idle", "ringing", "busy", "wrap_up"]

NO_SKILLS: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A contact in a queue. `joined_at` is when it joined the first queue, and decides the order; `queued_at` is when
    it came into this one, and decides how far skills are relaxed. `skills` are its own, sorted, besides the queue's.
    Before `not_before` it isn't offered. `absent` is a callback: the entry's leg isn't there."""

    contact_id: str
    queue: str
    medium: str = "voice"
    priority: int = 0
    joined_at: float = 0.0
    queued_at: float = 0.0
    skills: tuple[tuple[str, int], ...] = NO_SKILLS
    language: str = ""
    last_agent: str = ""
    not_before: float = 0.0
    absent: bool = False
    customer_id: str = ""
    visited: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, float, str]:
        """The order of serving: the highest priority, then who joined first."""
        return (-self.priority, self.joined_at, self.contact_id)


@dataclass(frozen=True, slots=True)
class Agent:
    """A signed-in agent: as configured, and as the system knows them. `presence` is what the agent chose, `state` what
    they are at. `offer` is the offer that they are asked or reserved for: one at a time. `load` counts contacts by
    medium, those in wrap-up included. `offered` is when a queue last offered them something. `skills_until`: until
    when a supervisor has changed the skills; 0 where they are as configured."""

    id: str
    queues: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    skills: Mapping[str, int] = field(default_factory=dict)
    skills_until: float = 0.0
    languages: frozenset[str] = frozenset()
    capacity: Mapping[str, int] = field(default_factory=dict)
    interrupts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    device: str = "desk"
    presence: str = "available"
    state: AgentState = "idle"
    offer: str = ""
    load: Mapping[str, int] = field(default_factory=dict)
    blocked_until: float = 0.0
    idle_since: float = 0.0
    handled: int = 0
    offered: Mapping[str, float] = field(default_factory=dict)

    def available(self, now: float) -> bool:
        """Whether the agent may be asked at all."""
        return self.presence == "available" and not self.offer and self.blocked_until <= now

    @property
    def may_be_asked(self) -> bool:
        """Whether there is a medium that the agent may be asked for, now or once a delay is over."""
        return self.presence == "available" and not self.offer and any(map(self.room_for, self.capacity))

    def room_for(self, medium: str) -> bool:
        """Whether another contact of this medium fits: within its capacity, and interrupting only what it may."""
        if self.load.get(medium, 0) >= self.capacity.get(medium, 0):
            return False
        may = self.interrupts.get(medium, ())
        return all(count <= 0 or other == medium or other in may for other, count in self.load.items())

    def speaks(self, language: str) -> bool:
        return not language or not self.languages or language in self.languages

    def has(self, skills: Mapping[str, int]) -> bool:
        return all(self.skills.get(name, 0) >= level for name, level in skills.items())


@dataclass(frozen=True, slots=True)
class Proposal:
    """A contact that is to be offered to an agent, or to several at once (ring_all)."""

    contact_id: str
    queue: str
    medium: str
    agents: tuple[str, ...]
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer as the store holds it. `lease_until` is when it lapses unless it goes on."""

    id: str
    contact_id: str
    agent_id: str
    queue: str
    medium: str
    state: OfferState
    device: str
    made_at: float
    lease_until: float
    accepted_at: float | None = None
    connected_at: float | None = None
    holder: str = ""
    callback: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds to wait: the mean, and the interval in which the wait lies with a probability of `share`."""

    seconds: float
    low: float
    high: float
    share: float = 0.8


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contact stands: `position` counts from 1 and is 0 out of the queue; `waiting` is how many are in it.
    `state` is `full` where the queue took no more. `too_long` says that it waited longer than `max_wait`."""

    position: int
    waiting: int
    estimate: Estimate | None
    state: EntryState
    queue: str
    joined_at: float = 0.0
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that matching depends on. `agents` are those signed in."""

    queues: Mapping[str, Queue]
    agents: Mapping[str, Agent]
    waiting: Waiting
