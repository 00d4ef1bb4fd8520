"""`kill -9` of the processes of a `callwright run`, which starts them again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Callable

PROGRAMS = {
    "valkey": "valkey-server",
    "router": "callwright router",
    "worker": "callwright worker",
    "web": "callwright web",
    "live": "callwright live",
    "mail": "callwright mail",
    "clock": "callwright clock",
    "sip": "callwright sip",
    "media": "ivr.channels.sip.media",
}
"""What is in the command line of each."""


class Killer:
    """`processes` gives process ids with command lines. `kills` counts by program."""

    def __init__(self, processes: Callable[[], dict[int, str]], chance: random.Random) -> None:
        self._processes, self._chance = processes, chance
        self.kills: Counter[str] = Counter()
        self._left: list[str] = []

    def kill(self, name: str) -> bool:
        """One process of this program: where it is several, any of them. False where none runs just now."""
        try:
            pids = [pid for pid, line in self._processes().items() if PROGRAMS[name] in line]
            if not pids:
                return False
            os.kill(self._chance.choice(pids), signal.SIGKILL)
        except OSError:  # one of them has just ended by itself
            return False
        self.kills[name] += 1
        return True

    def kill_any(self) -> str:
        """The next of them in a random order: each comes as often as the others. "" where it isn't up yet."""
        if not self._left:
            self._left = sorted(PROGRAMS)
            self._chance.shuffle(self._left)
        name = self._left.pop()
        if not self.kill(name):
            self._left.insert(0, name)
            return ""
        return name

    async def run(self, every: float) -> None:
        """Until cancelled: one every so many seconds, by chance more or less."""
        while True:
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * every)
            await asyncio.to_thread(self.kill_any)
