"""What the router tells everybody about each queue, for estimates: `cw:staff`, once a second."""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from redis.typing import EncodableT, FieldT

from callcenter.acd.config import Config, Queue
from callcenter.acd.estimate import Staff, by_group, handling, queues_of, staffing
from callcenter.acd.model import Snapshot
from callcenter.queues.journal import Fact
from callcenter.queues.redis_hash import text
from callcenter.queues.store import Queues

WINDOW = 100
"""Contacts of each queue whose end is remembered."""
STEP = 10
"""Queues looked at in one step."""
GAVE_UP = ("abandoned", "lost")


class Staffing:
    """`current` is what was published last."""

    def __init__(self) -> None:
        self.current: dict[str, Staff] = {}
        self._ends: dict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=WINDOW))

    def note(self, facts: Iterable[Fact]) -> None:
        """Count who gave up and who was served."""
        for fact in facts:
            if fact.kind == "offer.connected":
                self._ends[fact.queue].append(False)
            elif fact.kind == "queue.left" and fact.data.get("why") in GAVE_UP:
                self._ends[fact.queue].append(True)

    def publish(self, queues: Queues, snapshot: Snapshot) -> Iterator[None]:
        """Compute and store each queue's staff, in steps. Raises `redis.RedisError`."""
        config = queues.config
        names = list(config.queues)
        if not names:
            return
        measured: dict[str, tuple[float, float, int]] = {}
        for first in range(0, len(names), STEP):
            measured |= _handling(queues, {name: config.queues[name] for name in names[first : first + STEP]})
            yield
        now = queues.clock()
        groups = {name: groups_of(config, name) for name in names}
        agents = staffing(snapshot.agents.values(), snapshot.waiting.sizes(), groups)
        yield
        served = by_group(groups)
        idle = (agent for agent in snapshot.agents.values() if agent.available(now) and not agent.load)
        free = Counter(name for agent in idle for name in queues_of(agent, served))
        for name in groups:
            ends = self._ends[name]
            gave_up = sum(ends) / len(ends) if ends else 0.0
            self.current[name] = Staff(agents[name], *measured[name], now, free[name], gave_up)
        yield
        stored: dict[FieldT, EncodableT] = {name: json.dumps(asdict(self.current[name])) for name in names}
        queues.client.hset("cw:staff", mapping=stored)


def _handling(queues: Queues, configured: Mapping[str, Queue]) -> dict[str, tuple[float, float, int]]:
    """What contacts of each queue took lately, as `estimate.handling` gives it."""
    with queues.client.pipeline(transaction=False) as pipeline:
        for name in configured:
            pipeline.lrange(f"cw:handled:{name}", 0, WINDOW - 1)
        measured: list[Any] = pipeline.execute()
    return {
        name: handling([float(text(value)) for value in seconds], queue.handling)
        for (name, queue), seconds in zip(configured.items(), measured, strict=True)
    }


def groups_of(config: Config, queue: str) -> frozenset[str]:
    """The groups whose agents may come to serve a queue."""
    configured = config.queues[queue]
    if not configured.rings:
        return frozenset({queue})
    return frozenset(group for ring in configured.rings for group in ring.groups)
