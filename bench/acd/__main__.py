"""Queues under load, on a real Valkey server: `python -m bench.acd`, or parts of it: `python -m bench.acd match claim`.

match  1,000 to 50,000 waiting contacts, 1,000 agents, 20 skills: proposals a second, growth with the queue.
claim  how long one claim takes (a script on the server, round trip included).
free   from an agent becoming free to the offer, 10,000 waiting, 1,000 agents: one router and two, which bring the
       journal into a database besides, as `callwright router` does. Several runs, since other work on the machine
       shows in the slowest of each; the CPU time of an offer is the processes' own.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time

from bench.acd import freeing
from bench.acd.office import AGENTS, Server, config, entries, fill, idle
from bench.measuring import load, percentile
from callcenter.acd.match import match
from callcenter.acd.model import Proposal, Snapshot
from callcenter.acd.waiting import Waiting
from callcenter.queues.store import Queues


def bench_match() -> None:
    chance, office = random.Random(1), config()
    agents = idle(office, chance)
    print("waiting | free agents | proposals | ms of CPU, median of 20 | proposals a second")
    for size in (1000, 10_000, 50_000):
        waiting = Waiting(entries(size, chance))
        for free in (AGENTS, 100, 1):
            snapshot = Snapshot(office.queues, dict(list(agents.items())[:free]), waiting)
            times, made = [], []
            for _ in range(20):
                began = time.process_time()
                made = match(snapshot, 2000.0)
                times.append(time.process_time() - began)
            middle = statistics.median(times)
            print(f"{size:7} | {free:11} | {len(made):9} | {middle * 1000:23.2f} | {len(made) / middle:,.0f}")


def bench_claim() -> None:
    with Server() as server:
        queues = Queues(server.client(), config())
        fill(queues, 2000)
        agents = list(queues.config.agents)
        for agent_id in agents:
            queues.set_presence(agent_id, "available")
        times = []
        for number, agent_id in enumerate(agents):
            place = queues.place(f"c{number}")
            assert place is not None
            began = time.perf_counter()
            made = queues.claim(Proposal(f"c{number}", place.queue, "voice", (agent_id,)))
            times.append(1000 * (time.perf_counter() - began))
            assert len(made) == 1
    print(f"claim, {len(times)} of them: median {percentile(times, 0.5):.2f} ms, p99 {percentile(times, 0.99):.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["match", "claim", "free"], help="all, unless named")
    parser.add_argument("--routers", type=int, nargs="*", default=[1, 2], help="how many at once, each measured")
    parser.add_argument("--rate", type=float, default=20.0, help="agents who become free in a second")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--urgent", action="store_true", help="before everything else that runs (root)")
    options = parser.parse_args()
    parts = options.parts or ["match", "claim", "free"]
    if options.urgent:
        if os.geteuid():
            raise SystemExit("--urgent needs root")
        # Niceness would count among our own processes only, where the kernel groups them by session (sched(7)).
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    print(load())
    if "match" in parts:
        bench_match()
    if "claim" in parts:
        bench_claim()
    if "free" in parts:
        for routers in options.routers:
            freeing.bench(routers, options.rate, options.runs)


if __name__ == "__main__":
    main()
