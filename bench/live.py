"""Connections that one live process holds: memory, the time that an event takes to reach them all, CPU.

    python -m bench.live [50 100 250 500]

Starts a private Valkey and a `callwright live`, connects pages from a process of their own, and measures at each
number of connections: resident memory of the live process (the growth is what a connection costs), the time from
publishing an event on one topic to its arrival at each page (every page follows the topic), the same for an event to
one page alone, and the CPU time that the live process used. Pages are desks, which follow three topics each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from bench.measuring import cpu_seconds, percentile
from callcenter.db import migrate, open_database
from callcenter.live import Live
from ivr import embedded
from ivr.assembly import make_tickets
from ivr.settings import Settings

ROUNDS, PAUSE = 60, 0.1


class Page:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.took: list[float] = []

    async def listen(self) -> None:
        async for text in self.socket:
            message = json.loads(text)
            if message["kind"] == "bench":
                self.took.append(time.time() - message["data"]["at"])


@contextmanager
def processes(folder: Path) -> Iterator[tuple[Settings, int, str]]:
    """A Valkey and a live process: the settings, the latter's process id and its address."""
    valkey = subprocess.Popen(embedded.server_command(folder))
    url = embedded.server_url(folder)
    embedded.wait_until_up(url)
    settings = Settings(_env_file=None, data_dir=folder, redis_url=url)
    engine = open_database(settings.database)
    migrate(engine)
    engine.dispose()
    environment = {**os.environ, "DATA_DIR": str(folder), "REDIS_URL": url, "LIVE_PORT": "0"}
    live = subprocess.Popen(
        [sys.executable, "-m", "ivr.cli", "live"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert live.stdout
        found = None
        while found is None:
            found = re.search(r"ws://\S+", live.stdout.readline())
        yield settings, live.pid, found[0]
    finally:
        live.terminate()
        live.wait()
        valkey.terminate()
        valkey.wait()


def resident(pid: int) -> int:
    """Bytes of memory that are the process's alone (proportional set size, proc(5))."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


async def page(url: str, settings: Settings, number: int) -> Page:
    ticket = make_tickets(settings).issue("desk", f"agent{number}", ["floor", f"agent:{number}", f"contact:{number}"])
    socket = await connect(f"{url}/desk", origin=Origin(settings.base_url), compression=None)
    await socket.send(json.dumps({"kind": "hello", "ticket": ticket}))
    await socket.recv()
    return Page(socket)


async def measured(live: Live, pages: list[Page], topics: list[str], expected: int) -> list[float]:
    for one in pages:
        one.took.clear()
    for round in range(ROUNDS):
        await asyncio.to_thread(live.publish, topics[round % len(topics)], "bench", {"at": time.time()})
        await asyncio.sleep(PAUSE)
    while sum(len(one.took) for one in pages) < expected:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return [1000 * took for one in pages for took in one.took]


async def run(settings: Settings, pid: int, url: str, sizes: list[int]) -> None:
    live = Live(settings.redis_url)
    pages: list[Page] = []
    listening = []
    base = resident(pid)
    print(f"empty: {base / 1e6:.1f} MB")
    print("pages  MB    kB/page  all: p50 ms  p99 ms  max ms  one: p50 ms  p99 ms  CPU ms/event  idle CPU")
    for size in sizes:
        while len(pages) < size:
            more = await asyncio.gather(
                *(page(url, settings, len(pages) + n) for n in range(min(25, size - len(pages))))
            )
            listening += [asyncio.create_task(one.listen()) for one in more]
            pages += more
        await asyncio.sleep(1)
        memory = resident(pid)
        before = cpu_seconds(pid)
        everybody = await measured(live, pages, ["floor"], ROUNDS * size)
        spent = (cpu_seconds(pid) - before) / ROUNDS
        alone = await measured(live, pages, [f"agent:{n}" for n in range(size)], ROUNDS)
        before = cpu_seconds(pid)
        await asyncio.sleep(5)
        idle = (cpu_seconds(pid) - before) / 5
        print(
            f"{size:5}  {memory / 1e6:5.1f}  {(memory - base) / size / 1e3:6.1f}  {percentile(everybody, 0.5):10.1f}"
            f"  {percentile(everybody, 0.99):6.1f}  {max(everybody):6.1f}  {percentile(alone, 0.5):10.1f}"
            f"  {percentile(alone, 0.99):6.1f}  {1000 * spent:12.1f}  {100 * idle:6.1f} %"
        )
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    await asyncio.gather(*(one.socket.close() for one in pages))
    live.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sizes", nargs="*", type=int, default=[50, 100, 250, 500])
    sizes = parser.parse_args().sizes
    with tempfile.TemporaryDirectory() as folder, processes(Path(folder)) as (settings, pid, url):
        asyncio.run(run(settings, pid, url, sizes))


if __name__ == "__main__":
    main()
