"""A day of calls in seconds: Poisson arrivals, known handling times, the real matching, a clock of its own.

Within the assumptions of Erlang C (one queue, equal agents, exponential times, nobody gives up) or Erlang A (with an
exponential patience) what comes out is to agree with `callcenter.acd.erlang`; `python -m bench.acd.day` compares them.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from callcenter.acd.config import CAPACITY, INTERRUPTS, Queue
from callcenter.acd.erlang import Service, service
from callcenter.acd.estimate import Staff, estimate, handling
from callcenter.acd.match import match
from callcenter.acd.model import Agent, Entry, Estimate, Snapshot
from callcenter.acd.waiting import Waiting

NAME = "line"
DAYS = 9
GIVES_UP = "gives up"


@dataclass(frozen=True, slots=True)
class Served:
    """`told` is the estimate that was made when the contact joined, if it had to wait; `gave_up` says that nobody
    served it."""

    waited: float
    told: Estimate | None
    gave_up: bool = False


@dataclass
class Day:
    """`per_hour` contacts come, each takes `handling` seconds on average, `agents` serve them. Who waits gives up after
    `patience` seconds on average; without it, never."""

    per_hour: float
    handling: float
    agents: int
    hours: float = 10.0
    seed: int = 1
    patience: float | None = None
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
            if agent_id == GIVES_UP:
                gone = waiting.get(str(number))
                if gone is not None:
                    waiting.remove(gone.contact_id)
                    self.served.append(Served(now - gone.joined_at, told[gone.contact_id], gave_up=True))
                continue
            if agent_id:
                agents[agent_id] = replace(agents[agent_id], load={}, idle_since=now, state="idle")
            else:
                waiting.add(Entry(str(number), NAME, joined_at=now, queued_at=now))
                free = sum(not agent.load for agent in agents.values())
                mean, cv2, count = handling(measured[-100:], self.handling)
                staff = Staff(self.agents, mean, cv2, count, now, free)
                told[str(number)] = None if free else estimate(len(waiting), staff)
                if self.patience is not None:
                    heapq.heappush(events, (now + chance.expovariate(1 / self.patience), number, GIVES_UP))
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

    @property
    def gave_up(self) -> float:
        return sum(one.gave_up for one in self.served) / len(self.served)

    def within(self, seconds: float) -> float:
        """The share that was served and waited no longer."""
        return sum(one.waited <= seconds and not one.gave_up for one in self.served) / len(self.served)

    def expected(self, seconds: float) -> Service:
        """What the formula says of such days, with `seconds` promised."""
        return service(self.agents, self.per_hour, self.handling, seconds, self.patience)

    def held(self) -> tuple[float, int]:
        """How often the wait lay in the interval that was announced, and of how many."""
        waited = [one for one in self.served if one.told is not None and not one.gave_up]
        inside = sum(one.told.low <= one.waited <= one.told.high for one in waited if one.told)
        return inside / max(1, len(waited)), len(waited)


def main() -> None:
    print("contacts/h, handling s, agents, patience s | mean wait s: measured, Erlang | in 20 s: measured, Erlang | "
          "gave up: measured, Erlang | interval held by day: median, least, most")  # fmt: skip
    for per_hour, seconds, agents, patience in (
        (60, 180, 4, None), (200, 240, 15, None), (600, 240, 43, None), (1200, 300, 104, None), (200, 240, 13, 120.0),
    ):  # fmt: skip
        days = [Day(per_hour, seconds, agents, seed=seed, patience=patience).run() for seed in range(DAYS)]
        whole = replace(days[0], served=[one for day in days for one in day.served])
        by_formula = whole.expected(20)
        shares = [day.held()[0] for day in days]
        print(f"{per_hour:10} {seconds:11} {agents:7} {patience or '-':>11} | "
              f"{whole.mean_wait:20.1f} {by_formula.mean_wait:7.1f} | "
              f"{whole.within(20):15.1%} {by_formula.level:7.1%} | "
              f"{whole.gave_up:15.1%} {by_formula.gives_up:7.1%} | "
              f"{statistics.median(shares):.1%}, {min(shares):.1%}, {max(shares):.1%}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
