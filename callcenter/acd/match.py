"""Who is offered to whom: `match(snapshot, now)`.

The contact of the highest priority that joined first is served first, unless no free agent fits it: then the next one
that somebody fits. Each agent is asked for one contact at a time.

Cost: O(G·s + P·(log(G·s) + A/64)) for G groups of like contacts (see `waiting`), s stages of relaxation, P proposals
and A agents who are free, plus the sorting of those agents once for each order in use. How many wait doesn't matter.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from callcenter.acd.config import Queue
from callcenter.acd.model import Agent, Proposal, Snapshot
from callcenter.acd.strategies import Skills, Strategy, strategies
from callcenter.acd.waiting import Group, GroupKey


@dataclass(frozen=True, slots=True)
class Stage:
    """From `after` seconds in the queue on, these are required. Without `groups`, agents are those of the queue."""

    after: float
    skills: Skills
    groups: frozenset[str] | None
    language: bool
    last_agent_only: bool


def match(snapshot: Snapshot, now: float) -> list[Proposal]:
    """What may be offered at this moment, the most urgent first. Whoever claims it must check that it still holds."""
    groups = snapshot.waiting.groups(now)
    media = {group.key.medium for group in groups}
    free = [agent for agent in snapshot.agents.values() if agent.available(now) and any(map(agent.room_for, media))]
    if not free:
        return []
    orders = _Orders(free, snapshot.queues)
    spoken = {language for agent in snapshot.agents.values() for language in agent.languages}
    heap: list[tuple[tuple[int, float, str], int, int, _Stretch]] = []
    for group in groups:
        queue = snapshot.queues.get(group.key.queue)
        if queue is None or not orders.serve(group.key.queue, queue):
            continue
        for low, high, stage in stretches(group, queue, now):
            order, mask = orders.fitting(group.key, queue, stage, spoken, snapshot.agents)
            if mask:
                heap.append((group.entries[low].rank, len(heap), low, _Stretch(group, high, queue, order, mask)))
    heapq.heapify(heap)
    proposals = []
    left = len(free)
    while heap and left:
        _, number, at, stretch = heapq.heappop(heap)
        entry = stretch.group.entries[at]
        # Whoever is called back is called once: one agent is reserved, also where all would ring.
        chosen = stretch.choose(everybody=strategies()[stretch.queue.strategy].all_at_once and not entry.absent)
        if not chosen:
            continue  # nobody is left for anyone in this stretch
        left -= len(chosen)
        proposals.append(Proposal(entry.contact_id, entry.queue, entry.medium, chosen, entry.absent))
        if at + 1 < stretch.end:
            heapq.heappush(heap, (stretch.group.entries[at + 1].rank, number, at + 1, stretch))
    return proposals


def stages(queue: Queue, own: Skills, language: str, last_agent: str) -> Iterator[Stage]:
    """What is required of agents, from the beginning on and from each change on."""
    waits_for_last = strategies()[queue.strategy].last_first and bool(last_agent) and queue.last_agent_wait > 0
    times = {0.0, *(step.after for step in queue.relax), *(ring.after for ring in queue.rings)}
    if language and queue.language_after is not None:
        times.add(queue.language_after)
    if waits_for_last:
        times.add(queue.last_agent_wait)
    for after in sorted(times):
        required = dict(queue.skills)
        for step in queue.relax:
            if step.after <= after:
                required = dict(step.skills)
        relaxed = {name for name, level in queue.skills.items() if required.get(name, 0) < level}
        for name, level in own:
            if name not in relaxed:
                required[name] = max(level, required.get(name, 0))
        groups = None
        if queue.rings:
            groups = frozenset(name for ring in queue.rings if ring.after <= after for name in ring.groups)
        speaks = bool(language) and (queue.language_after is None or after < queue.language_after)
        last = waits_for_last and after < queue.last_agent_wait
        yield Stage(after, tuple(sorted(required.items())), groups, speaks, last)


def stretches(group: Group, queue: Queue, now: float) -> Iterator[tuple[int, int, Stage]]:
    """The stages that entries of a group are in: (first, end, stage), the longest waiting first."""
    key = group.key
    if group.memo is None or group.memo[0] is not queue:
        group.memo = queue, tuple(stages(queue, key.skills, key.language, key.last_agent))
    steps: tuple[Stage, ...] = group.memo[1]
    low = 0
    for stage in reversed(steps):
        high = len(group.entries) if stage.after == 0 else group.since(now - stage.after)
        if high > low:
            yield low, high, stage
            low = high


class _Order:
    """Free agents in a strategy's order; a set of them is an integer whose lowest bit is the best one."""

    def __init__(self, agents: Sequence[Agent], taken: set[str]) -> None:
        self.agents = agents
        self.taken = taken
        self._masks: dict[object, int] = {}

    def mask(self, name: object, fits: Callable[[Agent], bool]) -> int:
        """The agents who fit, computed once for a name."""
        found = self._masks.get(name)
        if found is None:
            bits = "".join("1" if fits(agent) else "0" for agent in reversed(self.agents))
            found = self._masks[name] = int(bits or "0", 2)
        return found


class _Orders:
    def __init__(self, free: Sequence[Agent], queues: Mapping[str, Queue]) -> None:
        self._free = free
        self._queues = queues
        self._taken: set[str] = set()
        self._orders: dict[object, _Order] = {}
        self._groups = frozenset[str]().union(*(agent.groups | agent.queues for agent in free))

    def _may_serve(self, agent: Agent, name: str) -> bool:
        return name in agent.queues or bool(self._queues[name].rings)

    def serve(self, name: str, queue: Queue) -> bool:
        """Whether any of them may come to serve a queue at all."""
        if not queue.rings:
            return name in self._groups
        return any(not self._groups.isdisjoint(ring.groups) for ring in queue.rings)

    def fitting(
        self, key: GroupKey, queue: Queue, stage: Stage, spoken: Container[str], signed_in: Container[str]
    ) -> tuple[_Order, int]:
        """The order of a queue, and who in it may be asked at this stage."""
        order = self._order(strategies()[queue.strategy], key.queue, stage.skills)
        medium = key.medium
        mask = order.mask(("room", medium), lambda agent: agent.room_for(medium))
        groups = stage.groups
        if groups is None:
            mask &= order.mask(("queue", key.queue), lambda agent: key.queue in agent.queues)
        else:
            mask &= order.mask(("groups", groups), lambda agent: not groups.isdisjoint(agent.groups))
        for name, level in stage.skills:
            if not mask:
                return order, 0
            mask &= order.mask((name, level), lambda agent: agent.skills.get(name, 0) >= level)  # noqa: B023 used at once
        # A language that no agent who is signed in speaks is no reason to wait.
        if stage.language and key.language in spoken:
            mask &= order.mask(("speaks", key.language), lambda agent: agent.speaks(key.language))
        # Nor is a last agent who isn't signed in.
        if stage.last_agent_only and key.last_agent in signed_in:
            mask &= order.mask(("is", key.last_agent), lambda agent: agent.id == key.last_agent)
        return order, mask

    def _order(self, strategy: Strategy, queue: str, skills: Skills) -> _Order:
        own = strategy.scope(queue, skills)
        # An order of a queue's own holds those only who serve it.
        scope = (strategy.name, own, queue if own else "")
        found = self._orders.get(scope)
        if found is None:
            pool = [agent for agent in self._free if self._may_serve(agent, queue)] if own else self._free
            ordered = sorted(pool, key=lambda agent: (strategy.key(agent, queue, skills), agent.id))
            found = self._orders[scope] = _Order(ordered, self._taken)
        return found


class _Stretch:
    """Entries of one group in one stage, up to `end`, with those who may be asked."""

    __slots__ = ("_mask", "end", "group", "order", "queue")

    def __init__(self, group: Group, end: int, queue: Queue, order: _Order, mask: int) -> None:
        self.group, self.end, self.queue, self.order, self._mask = group, end, queue, order, mask

    def choose(self, *, everybody: bool) -> tuple[str, ...]:
        """Take the best agent who isn't taken, or all of them; none is left if it is empty."""
        chosen = []
        while self._mask:
            lowest = self._mask & -self._mask
            self._mask ^= lowest
            agent = self.order.agents[lowest.bit_length() - 1].id
            if agent not in self.order.taken:
                self.order.taken.add(agent)
                chosen.append(agent)
                if not everybody:
                    break
        return tuple(chosen)
