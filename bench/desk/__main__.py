"""Desks at work on one web and one live process: latencies, memory per desk, CPU, and how they grow.

    python -m bench.desk [--desks 50,200,500] [--seconds 40]

Each desk is an agent with the page Work and the inbox in its frame, signed in; one in fifty is a supervisor's floor.
They load pages and scripts as browsers do, hold their sockets, ask again after events and now and then, take chats
that come in (one per desk in four minutes), and are done with them.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.desk.browser import Measured
from bench.desk.company import PROCESSES, Company, company, sign_in
from bench.desk.desks import Agent, Supervisor
from bench.measuring import percentile

OPENING = 4
"""Desks that open at once."""
SECONDS_A_CHAT = 240
PER_FLOOR = 50


async def grow(made: Company, measured: Measured, desks: list[Agent | Supervisor], size: int) -> None:
    """Open desks until there are so many."""
    gate = asyncio.Semaphore(OPENING)

    async def open_one(number: int) -> Agent | Supervisor:
        role = "supervisor" if number % PER_FLOOR == PER_FLOOR - 1 else "agent"
        async with gate:
            token = await asyncio.to_thread(sign_in, made, number, role)
            kind = Agent if role == "agent" else Supervisor
            desk = kind(made.base, token, measured)
            await desk.open()
            return desk

    desks += await asyncio.gather(*(open_one(number) for number in range(len(desks), size)))


async def run(made: Company, sizes: list[int], seconds: float) -> None:
    measured, desks = Measured(), list[Agent | Supervisor]()
    empty = {name: made.memory(name) for name in PROCESSES}
    print("empty:", ", ".join(f"{name} {bytes / 1e6:.0f} MB" for name, bytes in empty.items()), flush=True)
    for size in sizes:
        before = len(desks)
        measured.clear()
        begun = time.perf_counter()
        await grow(made, measured, desks, size)
        print(f"\n{size} desks ({size - before} more opened in {time.perf_counter() - begun:.0f} s)")
        show(measured, "open Work", "open Floor")
        await asyncio.sleep(3)
        measured.clear()
        served = _served(desks)
        cpu, begun = {name: made.cpu(name) for name in PROCESSES}, time.perf_counter()
        chats = 0
        while (passed := time.perf_counter() - begun) < seconds:
            while chats < passed * size / SECONDS_A_CHAT:
                await asyncio.to_thread(made.chat)
                chats += 1
            await asyncio.sleep(0.05)
        passed = time.perf_counter() - begun
        used = {name: 100 * (made.cpu(name) - cpu[name]) / passed for name in PROCESSES}
        print(f"  {measured.requests / passed:.0f} requests/s, {measured.failed} failed; "
              f"{chats} chats came, {_served(desks) - served} were done with")  # fmt: skip
        print("  CPU of a core: " + ", ".join(f"{name} {share:.0f} %" for name, share in used.items()))
        grown = {name: (made.memory(name) - empty[name]) / size / 1000 for name in PROCESSES}
        print("  memory a desk: " + ", ".join(f"{name} {kilobytes:.0f} kB" for name, kilobytes in grown.items()))
        show(measured, "event", "offer shown", "status", "card", "accept", "done", "inbox list", "floor state")
    await asyncio.gather(*(desk.close() for desk in desks))


def show(measured: Measured, *names: str) -> None:
    for name in names:
        if took := measured.took[name]:
            p50, p99, most = (1000 * percentile(took, share) for share in (0.5, 0.99, 1.0))
            print(f"  {name:12} {len(took):6}   p50 {p50:7.1f}   p99 {p99:7.1f}   max {most:7.1f} ms", flush=True)


def _served(desks: list[Agent | Supervisor]) -> int:
    return sum(desk.served for desk in desks if isinstance(desk, Agent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--desks", default="50,200,500")
    parser.add_argument("--seconds", type=float, default=40.0, help="measured at each number of desks")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its processes end with it
    sizes = sorted(int(size) for size in arguments.desks.split(","))
    with tempfile.TemporaryDirectory() as folder, company(Path(folder), sizes[-1]) as made:
        asyncio.run(run(made, sizes, arguments.seconds))


if __name__ == "__main__":
    main()
