"""Queues under load, on a real Valkey server: `python -m bench.acd`, or parts of it: `python -m bench.acd match claim`.

match  10,000 waiting contacts, 1,000 agents, 20 skills: proposals a second, and how the time grows with the queue.
claim  how long one claim takes (a script on the server, round trip included).
free   from an agent becoming free to the offer in the journal, 10,000 waiting, 1,000 agents: one router and two.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import redis

from callcenter.acd.config import CAPACITY, INTERRUPTS, Config, Queue
from callcenter.acd.match import match
from callcenter.acd.model import Agent, Entry, Proposal, Snapshot
from callcenter.acd.waiting import Waiting
from callcenter.queues.journal import Tail
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from ivr.embedded import binary

SKILLS = 20
AGENTS = 1000
WAITING = 10_000
STRATEGIES = ("longest_idle", "best_skill", "round_robin", "fewest_contacts")


def queue_files() -> dict[str, dict[str, object]]:
    return {
        f"q{number}": {
            "strategy": STRATEGIES[number % len(STRATEGIES)],
            "skills": {f"s{number}": 3},
            "relax": [{"after": 60, "skills": {f"s{number}": 1}}, {"after": 600}],
        }
        for number in range(SKILLS)
    }


def agent_files(chance: random.Random) -> dict[str, dict[str, object]]:
    return {
        f"agent{number}": {
            "queues": [f"q{queue}" for queue in chance.sample(range(SKILLS), 4)],
            "skills": {f"s{skill}": chance.randint(1, 10) for skill in chance.sample(range(SKILLS), 6)},
        }
        for number in range(AGENTS)
    }


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))] * 1000


def bench_match() -> None:
    chance = random.Random(1)
    queues = {name: Queue.model_validate(values) for name, values in queue_files().items()}
    agents = {
        id: Agent(
            id, frozenset(values["queues"]), frozenset(values["queues"]), values["skills"],  # type: ignore[call-overload]
            capacity=CAPACITY, interrupts=INTERRUPTS, idle_since=chance.random() * 1000,
        )
        for id, values in agent_files(chance).items()
    }  # fmt: skip
    print("waiting | free agents | proposals | ms of CPU, median of 20 | proposals a second")
    for size in (1000, 10_000, 50_000):
        waiting = Waiting(entries(size, chance))
        for free in (AGENTS, 100, 1):
            snapshot = Snapshot(queues, dict(list(agents.items())[:free]), waiting)
            times, made = [], []
            for _ in range(20):
                began = time.process_time()
                made = match(snapshot, 2000.0)
                times.append(time.process_time() - began)
            middle = statistics.median(times)
            print(f"{size:7} | {free:11} | {len(made):9} | {middle * 1000:23.2f} | {len(made) / middle:,.0f}")


def entries(size: int, chance: random.Random) -> list[Entry]:
    found = []
    for number in range(size):
        at = 1000 + number * 900 / size
        skills = chance.choice(((), (), ((f"s{chance.randrange(SKILLS)}", 2),)))
        found.append(Entry(f"c{number}", f"q{chance.randrange(SKILLS)}", priority=chance.choice((0, 0, 5)),
                           joined_at=at, queued_at=at, skills=skills))  # fmt: skip
    return found


class Server:
    """A Valkey server of our own, with its persistence on, as `callwright run` has it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="acd")
        self.socket = str(Path(self._folder.name) / "s")
        command = [str(binary()), "--port", "0", "--unixsocket", self.socket, "--dir", self._folder.name, "--save", "",
                   "--appendonly", "yes", "--logfile", "log"]  # fmt: skip
        self._process = subprocess.Popen(command)
        while True:
            try:
                self.client().ping()
                return
            except redis.RedisError:
                time.sleep(0.02)

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=self.socket)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


def config() -> Config:
    return Config.from_files({"queues": {"queues": queue_files()},
                              "agents": {"agents": agent_files(random.Random(1))}})  # fmt: skip


def fill(queues: Queues, waiting: int) -> None:
    """Everybody signed in and on lunch, so that nobody is offered anything yet."""
    chance = random.Random(2)
    for agent_id in queues.config.agents:
        queues.sign_in(agent_id)
        queues.set_presence(agent_id, "unavailable", "lunch")
    now = time.time()
    for number in range(waiting):
        queues.join(f"c{number}", f"q{chance.randrange(SKILLS)}", channel="sip", priority=chance.choice((0, 0, 5)),
                    joined_at=now - 900 + number * 900 / waiting)  # fmt: skip


def bench_claim() -> None:
    server = Server()
    queues = Queues(server.client(), config())
    fill(queues, 2000)
    agents = list(queues.config.agents)
    for agent_id in agents:
        queues.set_presence(agent_id, "available")
    times = []
    for number, agent_id in enumerate(agents):
        queue = queues.place(f"c{number}")
        assert queue is not None
        began = time.perf_counter()
        made = queues.claim(Proposal(f"c{number}", queue.queue, "voice", (agent_id,)))
        times.append(time.perf_counter() - began)
        assert len(made) == 1
    print(f"claim, {len(times)} of them: median {percentile(times, 0.5):.2f} ms, p99 {percentile(times, 0.99):.2f} ms")
    server.close()


class RouterProcess:
    """A router in a process of its own."""

    def __init__(self, socket: str) -> None:
        command = [sys.executable, "-m", "bench.acd.router", socket]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._process.stdout.readline()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def bench_free(routers: int, samples: int = 500) -> None:
    """Agents come back from lunch one by one, twenty a second, to a full queue."""
    server = Server()
    queues, reader = Queues(server.client(), config()), server.client()
    answering = Queues(server.client(), queues.config)
    fill(queues, WAITING)
    processes = [RouterProcess(server.socket) for _ in range(routers)]
    began: dict[str, float] = {}
    taken: dict[str, float] = {}
    offered: list[str] = []
    reading = threading.Event()
    tail = Tail(reader)

    def listen() -> None:
        while not reading.is_set():
            for fact in tail.read(block=0.1):
                if fact.kind == "offer.made":
                    taken[fact.agent] = time.perf_counter()
                    offered.append(fact.contact)
                    answering.connected(fact.offer)

    listening = threading.Thread(target=listen)
    listening.start()
    agents = list(queues.config.agents)[:samples]
    for agent_id in agents:
        began[agent_id] = time.perf_counter()
        queues.set_presence(agent_id, "available")
        time.sleep(0.05)
    deadline = time.monotonic() + 10
    while len(taken) < len(agents) and time.monotonic() < deadline:
        time.sleep(0.05)
    reading.set()
    listening.join()
    for process in processes:
        process.close()
    times = [taken[agent_id] - began[agent_id] for agent_id in agents if agent_id in taken]
    twice = len(offered) - len(set(offered))
    print(f"{routers} router(s), {WAITING} waiting, {AGENTS} agents: {len(times)} of {len(agents)} offered; "
          f"free to offer median {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms, "
          f"most {max(times) * 1000:.1f} ms; offered twice: {twice}")  # fmt: skip
    server.close()


def main(parts: list[str]) -> None:
    wanted = parts or ["match", "claim", "free"]
    if "match" in wanted:
        bench_match()
    if "claim" in wanted:
        bench_claim()
    if "free" in wanted:
        bench_free(1)
        bench_free(2)


def run_router(socket: str) -> None:
    """The body of `bench.acd.router`."""
    router = Router(Queues(redis.Redis(unix_socket_path=socket), config()))
    router.once()
    print("ready", flush=True)
    router.run(threading.Event())


if __name__ == "__main__":
    main(sys.argv[1:])
