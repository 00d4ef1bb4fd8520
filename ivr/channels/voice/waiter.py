"""One caller who waits for an agent, as the process that has the leg knows it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from callcenter.queues.journal import Fact
from ivr.bridge.parts import Offer
from ivr.channels.voice.line import Line
from ivr.flow.collect import Collector
from ivr.flow.effects import Enqueue
from ivr.flow.inputs import Announced, Keys
from ivr.flow.session import Session


@dataclass(eq=False)
class Waiter:
    """One contact. `joined` is whether it has a place, to be kept; `facts` are what the journal says of it; `out` is
    whether it does something else meanwhile, `called` whether we called it, `talking` with whom it speaks and since
    when, `announced` what a supervisor announces to it."""

    session: Session
    effect: Enqueue
    joined_at: float
    joined: bool = True
    facts: deque[Fact] = field(default_factory=deque)
    out: bool = False
    called: bool = False
    talking: tuple[Offer, float] | None = None
    announced: Announced | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)


def taken(waiter: Waiter) -> list[Fact]:
    facts = list(waiter.facts)
    waiter.facts.clear()
    return facts


def choice(line: Line, effect: Enqueue) -> Keys | None:
    """A key that is a choice, of those pressed until now; the others mean nothing here."""
    pressed, line.keys = line.keys.ahead, Collector()
    keys = {choice.key for choice in effect.choices}
    return next((Keys(key) for key in reversed(pressed) if key in keys), None)
