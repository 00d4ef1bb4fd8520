"""From an agent becoming free to the offer in the journal. `python -m bench.acd.freeing URL DATABASE` is a router."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.acd.office import Server, config, fill
from bench.measuring import cpu_seconds, load, percentile
from callcenter import redis_client
from callcenter.db import migrate, open_database
from callcenter.queues.journal import Tail
from callcenter.queues.router import Drain, Router
from callcenter.queues.store import Queues

WAITING = 10_000
PATIENCE = 60.0
READY, SHORTEST = "ready\n", 100


class RouterProcess:
    """A router in a process of its own, with everything read and drained that was there before."""

    def __init__(self, url: str, database: str) -> None:
        command = [sys.executable, "-m", "bench.acd.freeing", url, database]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        if self._process.stdout.readline() != READY:
            raise SystemExit("the router didn't start")

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True, slots=True)
class Run:
    """Milliseconds from free to offered; CPU milliseconds of an offer, of all routers and of the server."""

    times: Sequence[float]
    router: float
    server: float


class Listener:
    """Reads the journal, notes when each agent was offered something, and bridges each offer at once."""

    def __init__(self, server: Server, queues: Queues) -> None:
        self.taken: dict[str, float] = {}
        self.contacts: list[str] = []
        self._wanted = 0
        self._enough = threading.Event()
        self._stopping = threading.Event()
        self._tail = Tail(server.client())
        self._answering = Queues(server.client(), queues.config)
        self._pool = ThreadPoolExecutor(1)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            for fact in self._tail.read(block=0.1):
                if fact.kind == "offer.made":
                    self.taken[fact.agent] = time.perf_counter()
                    self.contacts.append(fact.contact)
                    self._pool.submit(self._answering.connected, fact.offer)
            if len(self.taken) >= self._wanted:
                self._enough.set()

    def expect(self, offers: int) -> None:
        self._wanted = offers
        self._enough.clear()

    def wait(self) -> None:
        if not self._enough.wait(PATIENCE):
            raise SystemExit(f"{len(self.taken)} offers after {PATIENCE:.0f} s, not {self._wanted}")

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._pool.shutdown()


def bench(routers: int, rate: float, runs: int) -> None:
    """Agents come back from lunch one by one, to a full queue."""
    with Server() as server:
        queues = Queues(server.client(), config())
        database = f"sqlite:///{server.folder}/events.db"
        engine = open_database(database)
        migrate(engine)
        engine.dispose()
        fill(queues, WAITING)
        processes = [RouterProcess(server.url, database) for _ in range(routers)]
        listener = Listener(server, queues)
        agents = list(queues.config.agents)
        each = min(len(agents) // runs, max(SHORTEST, round(rate * 10)))
        found = []
        try:
            for number in range(runs):
                found.append(once(server, queues, listener, processes, agents[number * each :][:each], rate))
                show(found[-1])
        finally:
            listener.close()
            for process in processes:
                process.close()
    twice = len(listener.contacts) - len(set(listener.contacts))
    print(
        f"{routers} router(s), {rate:.0f} agents a second, {WAITING} waiting, medians of {runs} runs: "
        f"p50 {middle(found, 0.5):.1f} ms, p99 {middle(found, 0.99):.1f} ms, most {middle(found, 1):.1f} ms; "
        f"CPU of an offer {statistics.median(run.router for run in found):.1f} ms in routers, "
        f"{statistics.median(run.server for run in found):.1f} ms in the server; offered twice: {twice}"
    )


def once(
    server: Server, queues: Queues, listener: Listener, routers: list[RouterProcess], agents: list[str], rate: float
) -> Run:
    listener.expect(len(listener.taken) + len(agents))
    before = sum(cpu_seconds(process.pid) for process in routers), cpu_seconds(server.pid)
    began: dict[str, float] = {}
    pace, start = threading.Event(), time.monotonic()
    for number, agent_id in enumerate(agents):
        pace.wait(max(0.0, start + number / rate - time.monotonic()))
        began[agent_id] = time.perf_counter()
        queues.set_presence(agent_id, "available")
    listener.wait()
    after = sum(cpu_seconds(process.pid) for process in routers), cpu_seconds(server.pid)
    spent = [1000 * (late - early) / len(agents) for early, late in zip(before, after, strict=True)]
    return Run([1000 * (listener.taken[agent_id] - began[agent_id]) for agent_id in agents], *spent)


def show(run: Run) -> None:
    print(f"  {len(run.times)} agents: p50 {percentile(run.times, 0.5):.1f}, p99 {percentile(run.times, 0.99):.1f}, "
          f"most {max(run.times):.1f} ms; CPU of an offer {run.router:.1f} ms, {run.server:.1f} ms; {load()}",
          flush=True)  # fmt: skip


def middle(runs: list[Run], share: float) -> float:
    return statistics.median(percentile(run.times, share) for run in runs)


def main(url: str, database: str) -> None:
    engine = open_database(database)
    queues = Queues(redis_client.connect(url), config())
    router, drain, stopping = Router(queues, engine), Drain(engine, queues), threading.Event()
    while drain.once():
        pass
    router.once()
    threading.Thread(target=drain.run, args=(stopping,), daemon=True).start()
    print(READY, end="", flush=True)
    router.run(stopping)


if __name__ == "__main__":
    main(*sys.argv[1:])
