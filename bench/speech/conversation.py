"""From the end of speech to the next prompt's first packet, on live SIP calls with 1, 5 and 10 callers at once: signal
path, voice detector, recogniser, the step of the flow with its commit, and our audio.

    python -m bench.speech --task conversation
"""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.table import Table

from bench.speech.callers import Audio, callers, say
from bench.speech.line import CLEAN, through
from bench.speech.live import Server, Talker, mulaw_end, talkers
from bench.speech.material import string

AT_ONCE = (1, 5, 10)
WORKERS = 2
LATEST = 8.0
"""Seconds after which nothing more will come."""


def spoken(turn: str, random: np.random.Generator) -> bytes:
    """A menu's answer, an account number or a yes of some caller, over a clean line."""
    voice = callers()[int(random.integers(0, 3))]
    audio: Audio
    match turn:
        case "menu":
            audio = say(voice, "pay a bill")
        case "8 digits":
            audio = string(voice, "".join(str(digit) for digit in random.integers(0, 10, 8)), random)
        case _:
            audio = say(voice, "yes")
    return mulaw_end(through(audio, CLEAN, random))


async def converse(caller: Talker, rounds: int, random: np.random.Generator, times: dict[str, list[float]]) -> None:
    """Answer question after question. What follows an answer that was not understood counts too: it is a prompt."""
    await caller.prompt(0.0)
    for _ in range(rounds):
        for turn in ("menu", "8 digits", "yes"):
            await caller.quiet()
            await asyncio.sleep(random.uniform(0.0, 0.4))
            end = await caller.say(spoken(turn, random))
            heard = await caller.prompt(end, LATEST)
            if heard is None:  # we asked for keys, being too busy to listen: this caller has none
                times[turn].append(math.inf)
                return
            times[turn].append(heard - end)


async def _measure(rounds: int, nice: int) -> Table:
    made = Table(title=f"live SIP calls: end of speech to the next prompt's first packet, ms ({WORKERS} workers)")
    for name in ("answer", "callers at once", "n", "p50", "p95", "asked for keys", "recogniser's CPU s a turn", "load"):
        made.add_column(name)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), WORKERS)
        server.prepare()
        server.start(nice)
        try:
            await server.warm()
            if nice:
                server.urgent(nice)
            for count in AT_ONCE:
                times: dict[str, list[float]] = defaultdict(list)
                spent, began = server.spent(), time.monotonic()
                async with talkers(server, count) as made_callers:
                    await asyncio.gather(
                        *(
                            converse(
                                caller, max(2, rounds // (1 if count == 1 else 2)), np.random.default_rng(seed), times
                            )
                            for seed, caller in enumerate(made_callers)
                        )
                    )
                turns = max(1, sum(map(len, times.values())))
                cpu = (server.spent() - spent) / turns
                for turn, seconds in times.items():
                    heard = [1000 * one for one in seconds if one < math.inf] or [math.nan]
                    p50, p95 = np.percentile(heard, [50, 95])
                    keys = str(sum(one == math.inf for one in seconds))
                    load = f"{os.getloadavg()[0]:.1f}"
                    print(
                        f"{turn}, {count} at once: {p50:.0f} / {p95:.0f} ms of {len(seconds)}, keys {keys}", flush=True
                    )
                    made.add_row(
                        turn, str(count), str(len(seconds)), f"{p50:.0f}", f"{p95:.0f}", keys, f"{cpu:.2f}", load
                    )
                print(f"{count} at once: {turns} turns in {time.monotonic() - began:.0f} s", flush=True)
        finally:
            server.stop()
    return made


def measure(rounds: int, nice: int = 0) -> Table:
    """`nice` is the server's; below 0 (root) it goes before whatever else the machine does."""
    return asyncio.run(_measure(rounds, nice))
