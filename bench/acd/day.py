"""A day of calls in seconds: Poisson arrivals, known handling times, the real matching, a clock of its own.

Within Erlang C's assumptions (one queue, equal agents, exponential times, nobody gives up) what comes out is to agree
with the formula; `python -m bench.acd.day` compares them.
"""

from __future__ import annotations

import heapq
import math
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from callcenter.acd.config import CAPACITY, INTERRUPTS, Queue
from callcenter.acd.estimate import Staff, estimate, handling
from callcenter.acd.match import match
from callcenter.acd.model import Agent, Entry, Estimate, Snapshot
from callcenter.acd.waiting import Waiting

NAME = "line"
DAYS = 9


@dataclass(frozen=True, slots=True)
class Served:
    """`told` is the estimate that was made when the contact joined, if it had to wait."""

    waited: float
    told: Estimate | None


@dataclass
class Day:
    """`per_hour` contacts come, each takes `handling` seconds on average, `agents` serve them."""

    per_hour: float
    handling: float
    agents: int
    hours: float = 10.0
    seed: int = 1
    length: Callable[[random.Random, float], float] = lambda chance, mean: chance.expovariate(1 / mean)
    served: list[Served] = field(default_factory=list)

    def run(self) -> Day:
        """Go through the day; whoever is in the queue at its end is served still."""
        chance = random.Random(self.seed)
        waiting = Waiting()
        agents = {
            f"a{number}": Agent(
                f"a{number}", frozenset({NAME}), frozenset({NAME}), capacity=CAPACITY, interrupts=INTERRUPTS
            )
            for number in range(self.agents)
        }
        snapshot = Snapshot({NAME: Queue()}, agents, waiting)
        told: dict[str, Estimate | None] = {}
        measured: list[float] = []
        events: list[tuple[float, int, str]] = [(at, number, "") for number, at in enumerate(self._arrivals(chance))]
        heapq.heapify(events)
        while events:
            now, number, agent_id = heapq.heappop(events)
            if agent_id:
                agents[agent_id] = replace(agents[agent_id], load={}, idle_since=now, state="idle")
            else:
                waiting.add(Entry(str(number), NAME, joined_at=now, queued_at=now))
                free = sum(not agent.load for agent in agents.values())
                mean, cv2, count = handling(measured[-100:], self.handling)
                staff = Staff(self.agents, mean, cv2, count, now, free)
                told[str(number)] = None if free else estimate(len(waiting), staff)
            for proposal in match(snapshot, now):
                entry = waiting.get(proposal.contact_id)
                assert entry is not None
                waiting.remove(entry.contact_id)
                (chosen,) = proposal.agents
                agents[chosen] = replace(agents[chosen], load={"voice": 1}, state="busy")
                self.served.append(Served(now - entry.joined_at, told[entry.contact_id]))
                seconds = self.length(chance, self.handling)
                measured.append(seconds)
                heapq.heappush(events, (now + seconds, int(entry.contact_id), chosen))
        return self

    def _arrivals(self, chance: random.Random) -> Iterator[float]:
        at = 0.0
        while (at := at + chance.expovariate(self.per_hour / 3600)) < self.hours * 3600:
            yield at

    @property
    def mean_wait(self) -> float:
        return sum(one.waited for one in self.served) / len(self.served)

    def within(self, seconds: float) -> float:
        """The share that waited no longer."""
        return sum(one.waited <= seconds for one in self.served) / len(self.served)

    def held(self) -> tuple[float, int]:
        """How often the wait lay in the interval that was announced, and of how many."""
        waited = [one for one in self.served if one.told is not None]
        inside = sum(one.told.low <= one.waited <= one.told.high for one in waited if one.told)
        return inside / max(1, len(waited)), len(waited)


def erlang_c(agents: int, load: float) -> float:
    """The chance of having to wait (Erlang, 1917); `load` is in erlangs, less than `agents`."""
    term = total = 1.0
    for number in range(1, agents):
        term *= load / number
        total += term
    term *= load / agents * agents / (agents - load)
    return term / (total + term)


def expected(per_hour: float, handling: float, agents: int, seconds: float) -> tuple[float, float]:
    """(mean wait, share answered within `seconds`) by Erlang C."""
    load = per_hour / 3600 * handling
    waits = erlang_c(agents, load)
    free = agents - load
    return waits * handling / free, 1 - waits * math.exp(-free * seconds / handling)


def main() -> None:
    print("contacts/h, handling s, agents | mean wait s: measured, Erlang C | in 20 s: measured, Erlang C | "
          "interval held by day: median, least, most")  # fmt: skip
    for per_hour, seconds, agents in ((60, 180, 4), (200, 240, 15), (600, 240, 43), (1200, 300, 104)):
        days = [Day(per_hour, seconds, agents, seed=seed).run() for seed in range(DAYS)]
        whole = Day(per_hour, seconds, agents, served=[one for day in days for one in day.served])
        wait, level = expected(per_hour, seconds, agents, 20)
        shares = [day.held()[0] for day in days]
        print(f"{per_hour:10} {seconds:11} {agents:7} | {whole.mean_wait:20.1f} {wait:9.1f} | "
              f"{whole.within(20):15.1%} {level:9.1%} | "
              f"{statistics.median(shares):.1%}, {min(shares):.1%}, {max(shares):.1%}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
