"""Callers, processes with legs and agents, played by one thread that acts at given moments. What it asks of the queues
it asks again until there is an answer, as the real processes do."""

from __future__ import annotations

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import redis

from callcenter.queues.callbacks import NotInQueue
from callcenter.queues.journal import START, Fact, Tail
from callcenter.queues.store import Queues
from tests.queues.faults.process import CONFIG, TIMING

T = TypeVar("T")
CHANNELS = ("sip", "sip", "twilio", "chat", "sms", "email")
PATIENCE = 25.0


class Floor:
    """`served` counts conversations by contact, `gone` are those who hung up, left or were lost with their process."""

    def __init__(self, client: redis.Redis, seed: int) -> None:
        self.queues = Queues(client, CONFIG, timing=TIMING)
        self.chance = random.Random(seed)
        self.served: Counter[str] = Counter()
        self.joined: dict[str, float] = {}
        self.gone: set[str] = set()
        self.called_back: set[str] = set()
        self.over: set[str] = set()
        self.offers = 0
        self._holders = {f"sip{number}.0": set[str]() for number in range(3)}
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._number = 0
        self._tail = Tail(client, START)

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        self._number += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._number, action))

    def sure(self, ask: Callable[..., T], *arguments: object, **options: object) -> T:
        """Ask until the store answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask(*arguments, **options)
            except redis.RedisError:
                assert time.monotonic() < deadline, "the store stays away"
                time.sleep(0.02)

    def open(self) -> None:
        for agent in CONFIG.agents:
            self.sure(self.queues.sign_in, agent)
        self.at(0.5, self._keep)

    def run(self, seconds: float) -> None:
        """Act for so long."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            while self._later and self._later[0][0] <= now:
                heapq.heappop(self._later)[2]()
            wait = min(0.05, max(0.001, (self._later[0][0] if self._later else until) - now))
            for fact in self.sure(self._tail.read, block=wait):
                self._hear(fact)

    # Callers

    def caller(self, contact: str) -> None:
        channel = self.chance.choice(CHANNELS)
        call = channel in ("sip", "twilio")
        holder = self.chance.choice(sorted(self._holders)) if call else ""
        queue = self.chance.choice(("calls", "calls", "skilled", "everybody")) if call else "messages"
        self.joined[contact] = time.time()
        if call:
            self._holders[holder].add(contact)
        self.sure(self.queues.join, contact, queue, channel=channel, holder=holder, customer_id=f"k{contact}",
                  joined_at=self.joined[contact])  # fmt: skip
        wish = self.chance.random()
        if call and wish < 0.15:
            self.at(self.chance.uniform(0.1, 1), lambda: self._call_me_back(contact, holder))
        elif wish < 0.22:
            self.at(self.chance.uniform(0.1, 2), lambda: self._hang_up(contact, holder))
        elif wish < 0.26:
            self.at(self.chance.uniform(0, 1), lambda: self._set_priority(contact))
        elif wish < 0.30:
            self.at(self.chance.uniform(0, 1), lambda: self._do_something_else(contact))

    def _call_me_back(self, contact: str, holder: str) -> None:
        if contact not in self._holders.get(holder, ()) or contact in self.served:
            return
        number = f"+1202555{int(contact[1:]):04}"
        try:
            self.sure(self.queues.request_callback, contact, number)
        except NotInQueue:
            return  # an agent has just accepted
        self._holders[holder].discard(contact)
        self.called_back.add(contact)

    def _hang_up(self, contact: str, holder: str) -> None:
        if contact not in self.served and self.sure(self.queues.leave, contact, "abandoned"):
            self.gone.add(contact)
            if holder in self._holders:
                self._holders[holder].discard(contact)

    def _set_priority(self, contact: str) -> None:
        self.sure(self.queues.set_priority, contact, self.chance.randint(1, 100))

    def _do_something_else(self, contact: str) -> None:
        if self.sure(self.queues.pause, contact):
            self.at(self.chance.uniform(0.1, 2), lambda: self.sure(self.queues.resume, contact))

    # Processes with legs

    def lose_a_process(self) -> None:
        """One ends at once, its legs with it; another comes up."""
        name = self.chance.choice(sorted(self._holders))
        self.gone |= {contact for contact in self._holders.pop(name) if contact not in self.over}
        base, _, number = name.partition(".")
        self._holders[f"{base}.{int(number) + 1}"] = set()

    def _keep(self) -> None:
        for name, contacts in self._holders.items():
            for contact in self.sure(self.queues.keep, name, sorted(contacts - self.over)):
                self.sure(self.queues.join, contact, "calls", channel="sip", holder=name,
                          joined_at=self.joined[contact])  # fmt: skip
        self.at(1.0, self._keep)

    def _holder_of(self, contact: str) -> str:
        return next((name for name, contacts in self._holders.items() if contact in contacts), "")

    # Agents

    def _hear(self, fact: Fact) -> None:
        match fact.kind:
            case "offer.made":
                self.offers += 1
                self.at(self.chance.uniform(0, 0.3), lambda: self._ring(fact))
            case "callback.due":
                self.at(self.chance.uniform(0, 0.2), lambda: self._dial(fact))
            case "agent.unavailable":
                self.at(1, lambda: self.sure(self.queues.set_presence, fact.agent, "available"))
            case "offer.done" | "queue.left":
                self.over.add(fact.contact)
            case "queue.joined":
                self.over.discard(fact.contact)

    def _ring(self, fact: Fact) -> None:
        voice = fact.data["medium"] == "voice"
        if voice and not self._holder_of(fact.contact):
            return  # the process that would ring is gone
        luck = self.chance.random()
        if luck < 0.05:
            self.sure(self.queues.refuse, fact.offer, self.chance.choice(("rejected", "no_answer", "busy")))
        elif luck < 0.07:
            return  # never answered, never told
        elif self.sure(self.queues.accept, fact.offer):
            if luck < 0.10:
                return  # the phone dies before the bridge
            self.at(self.chance.uniform(0, 0.2), lambda: self._bridge(fact, voice))

    def _bridge(self, fact: Fact, voice: bool) -> None:
        if voice and not self._holder_of(fact.contact):
            return
        if self.sure(self.queues.connected, fact.offer):
            self._talk(fact)

    def _talk(self, fact: Fact) -> None:
        self.served[fact.contact] += 1
        self.at(self.chance.expovariate(2.5), lambda: self._end(fact))

    def _end(self, fact: Fact) -> None:
        if self.chance.random() < 0.03 and fact.contact not in self.gone:
            if self.sure(self.queues.transfer, fact.offer, fact.queue):
                self.served[fact.contact] -= 1
        else:
            self.sure(self.queues.complete, fact.offer)

    def _dial(self, fact: Fact) -> None:
        name = self.chance.choice(sorted(self._holders))
        if not self.sure(self.queues.claim_callback, fact.offer, name):
            return
        if self.chance.random() < 0.05:
            return  # the process dies while it dials
        if self.chance.random() < 0.25:
            self.at(0.2, lambda: self._not_reached(fact))
            return
        self._holders[name].add(fact.contact)
        self.at(self.chance.uniform(0.1, 0.5), lambda: self._answered(fact, name))

    def _not_reached(self, fact: Fact) -> None:
        try:
            if self.sure(self.queues.callback_tried, fact.offer, "no_answer") == "failed":
                self.gone.add(fact.contact)
        except NotInQueue:
            return  # its lease was over

    def _answered(self, fact: Fact, name: str) -> None:
        alive = name in self._holders
        if alive and self.sure(self.queues.accept, fact.offer) and self.sure(self.queues.connected, fact.offer):
            self._talk(fact)
        elif alive:
            self._holders[name].discard(fact.contact)
