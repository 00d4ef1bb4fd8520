"""Customers. Each wants one conversation with an agent, notes what it heard or read, and tries again as people do:
whoever is cut off calls again, whoever gets no answer asks once more."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from bench.faults.line import SAMPLES, SILENCE, TICK, Leg, Line
from bench.faults.voices import frame, speaker
from bench.sip.caller import Call, Callers, Refused

CALLED_BACK = 90.0
"""Who wanted to be called back, and wasn't, calls again after so long."""
LONGEST_TALK = 60.0


@dataclass
class Person:
    """`conversations` counts what was heard or read of each agent's answer: calls by agent, messages by their text.
    `faults` are what should never happen to anybody."""

    number: int
    channel: str
    conversations: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    tries: int = 0
    served: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return f"p{self.number}"

    def hears(self, who: str) -> None:
        self.conversations[who] += 1
        self.served.set()


@dataclass
class Caller(Person):
    """Has a telephone. `wants_callback`: presses 1 after a while, and then waits to be called."""

    wants_callback: bool = False
    called_back: int = 0
    chance: random.Random = field(default_factory=random.Random)
    talking: Line | None = None

    @property
    def phone(self) -> str:
        return f"+1202555{self.number:04}"

    async def call(self, callers: Callers) -> None:
        """Until served."""
        while not self.served.is_set():
            wants = await self._once(callers)
            try:
                await asyncio.wait_for(self.served.wait(), CALLED_BACK if wants else self.chance.uniform(1, 3))
            except TimeoutError:
                continue

    async def _once(self, callers: Callers) -> bool:
        """One call. Whether a call back is to be waited for."""
        self.tries += 1
        call = Call(callers, self.phone)
        pressed = asyncio.Event()
        try:
            await call.dial()
            pressing = None
            if self.wants_callback and self.tries == 1:
                pressing = asyncio.create_task(self._press(call, pressed))
            hung_up = await self.talk(call)
            if pressing is not None:
                pressing.cancel()
                await asyncio.gather(pressing, return_exceptions=True)
            return pressed.is_set() and hung_up and not self.served.is_set()
        except Refused:
            return False
        finally:
            call.close()

    async def _press(self, call: Call, pressed: asyncio.Event) -> None:
        await asyncio.sleep(self.chance.uniform(0.5, 3))
        pressed.set()
        await call.press("1")

    async def talk(self, line: Line) -> bool:
        """Say who it is and listen, until the other side hangs up (true), or nothing comes any more."""
        loop = asyncio.get_running_loop()
        said, heard_at, agent, began = frame(self.name), loop.time(), "", 0.0
        self.talking = line
        try:
            while not line.ended.is_set():
                line.audio(said, samples=SAMPLES)
                for sound in line.arrived():
                    heard_at = loop.time()
                    who = speaker(sound)
                    if who and who != agent:
                        if agent:
                            self.faults.append(f"heard {who} after {agent} in one call")
                        agent, began = who, heard_at
                        self.hears(who)
                if loop.time() - heard_at > SILENCE or (agent and loop.time() - began > LONGEST_TALK):
                    await line.bye()
                    return False
                await asyncio.sleep(TICK)
            return True
        finally:
            self.talking = None

    async def rings(self, leg: Leg) -> None:
        """The company calls back."""
        if self.talking is not None:
            leg.refuse(486, "Busy Here")
            return
        if self.served.is_set():
            self.faults.append("was called though served")
        leg.ring()
        leg.answer()
        self.called_back += 1
        pressing = asyncio.create_task(self._confirm(leg))
        try:
            await self.talk(leg)
        finally:
            pressing.cancel()
            await asyncio.gather(pressing, return_exceptions=True)

    async def _confirm(self, leg: Leg) -> None:
        """Press the key that an answering machine wouldn't, once the words can have been heard."""
        while not self.served.is_set():
            await asyncio.sleep(1.5)
            leg.press(1)


class Writer(Person):
    """Writes once; again only when told to. `answered` is given every message that comes, with what names it."""

    def __init__(self, number: int, channel: str, address: str) -> None:
        super().__init__(number, channel)
        self.address = address
        self.turned_away = asyncio.Event()
        self.shown: set[str] = set()

    def reads(self, id: str, text: str) -> None:
        if "Answer " in text:
            answer = text[text.index("Answer ") :].split()[1]
            if id in self.shown:
                self.faults.append(f"got message {id} twice")
            elif self.conversations[answer]:
                self.faults.append(f"was given answer {answer} twice")
            elif len(self.conversations) >= self.tries:
                self.faults.append(f"was answered by {answer}, and before by {', '.join(self.conversations)}")
            self.hears(answer)
        elif "try again" in text and id not in self.shown:
            self.turned_away.set()
        self.shown.add(id)
