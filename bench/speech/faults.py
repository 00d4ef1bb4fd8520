"""A recogniser killed, hung or saturated in the middle of 20 calls: what the callers hear, and whether their keys work.

    python -m bench.speech --task faults

Every caller answers a menu by voice; while they speak, the fault happens. Then each presses keys until the call ends.
A call is lost that does not come to its own goodbye. The silence is the longest stretch without audible sound from the
end of what a caller said or keyed until the next question has been asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from bench.speech.callers import callers, say
from bench.speech.line import CLEAN, through
from bench.speech.live import Server, Talker, mulaw_end, talkers

WORKERS = 2
ASKED = 4.0
"""Seconds without sound after which a question has been asked: nothing that we wait for may take so long."""
KEYS = 5


@dataclass
class Outcome:
    fault: str
    calls: int
    goodbyes: int = 0
    heard: int = 0
    """Answers that were understood all the same."""
    unheard: int = 0
    """Callers who were asked for keys."""
    silences: tuple[float, ...] = ()
    seconds: float = 0.0
    cpu: float = 0.0


def kill(server: Server) -> None:
    for pid in server.recognisers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def hang(server: Server) -> None:
    for pid in server.recognisers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)


def nothing(server: Server) -> None:
    """All callers speak at once, which is more than the workers can take in time."""


FAULTS = {"killed": kill, "hung": hang, "saturated": nothing}


async def silence_after(caller: Talker, end: float) -> float:
    """The longest stretch without sound from now until a question has been asked."""
    loop = asyncio.get_running_loop()
    longest, last = 0.0, end
    while not caller.ended.is_set():
        for at in [at for at in caller.sounds if at > last]:
            longest, last = max(longest, at - last), at
        if last > end and loop.time() - last >= ASKED:
            return longest
        if loop.time() - last > 30:
            return 30.0
        await asyncio.sleep(0.1)
    return longest


async def one(caller: Talker, words: bytes, speaking: asyncio.Barrier) -> list[float]:
    await caller.prompt(0.0)
    await caller.quiet()
    await speaking.wait()
    found = [await silence_after(caller, await caller.say(words))]
    for _ in range(KEYS):
        if caller.ended.is_set():
            break
        # At the menu 9 says goodbye; at the yes/no question, where who was understood is, 2 does.
        found.append(await silence_after(caller, await caller.key("9")))
        if not caller.ended.is_set():
            found.append(await silence_after(caller, await caller.key("2")))
    return found


async def _measure(fault: str, count: int, nice: int) -> Outcome:
    outcome = Outcome(fault, count)
    voices = callers()
    random = np.random.default_rng(4)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), WORKERS)
        server.prepare()
        server.start(nice)
        try:
            await server.warm()
            if nice:
                server.urgent(nice)
            loop = asyncio.get_running_loop()
            async with talkers(server, count) as made:
                barrier = asyncio.Barrier(count + 1)
                running = [
                    asyncio.ensure_future(
                        one(
                            caller,
                            mulaw_end(through(say(voices[n % len(voices)], "opening hours"), CLEAN, random)),
                            barrier,
                        )
                    )
                    for n, caller in enumerate(made)
                ]
                await barrier.wait()
                began, spent = loop.time(), server.spent()
                await asyncio.sleep(0.6)
                FAULTS[fault](server)
                found = await asyncio.gather(*running)
                outcome.seconds, outcome.cpu = loop.time() - began, server.spent() - spent
            outcome.silences = tuple(seconds for each in found for seconds in each)
        finally:
            for pid in server.recognisers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            server.stop()
        database = sqlite3.connect(Path(folder, "var", "callwright.db"))
        kinds = Counter(kind for (kind,) in database.execute("SELECT kind FROM events"))
        outcome.heard, outcome.unheard = kinds["heard"], kinds["unheard"]
        ended = database.execute("SELECT count(*) FROM contacts WHERE outcome = 'answered'")
        outcome.goodbyes = ended.fetchone()[0]
        database.close()
    return outcome


def run(fault: str, calls: int, nice: int = 0) -> Outcome:
    """One fault on so many calls. Raises KeyError for one that there is not."""
    return asyncio.run(_measure(fault, calls, nice))


def measure(calls: int, nice: int = 0) -> Table:
    made = Table(title=f"a fault of the recogniser in the middle of {calls} calls")
    for name in (
        "fault",
        "calls",
        "to their goodbye",
        "understood",
        "asked for keys",
        "silence, s, p50 / p95 / max",
        "load",
    ):
        made.add_column(name)
    for fault in FAULTS:
        got = run(fault, calls, nice)
        p50, p95 = np.percentile(got.silences, [50, 95])
        silence = f"{p50:.1f} / {p95:.1f} / {max(got.silences):.1f}"
        load = f"{os.getloadavg()[0]:.1f}"
        made.add_row(fault, str(got.calls), str(got.goodbyes), str(got.heard), str(got.unheard), silence, load)
    return made
