"""One after the other: the agent whom this queue asked the longest time ago."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

from callcenter.acd.model import Agent
from callcenter.acd.strategies import Skills, Strategy, strategy


@strategy
class RoundRobin(Strategy):
    name: ClassVar[str] = "round_robin"

    def scope(self, queue: str, skills: Skills) -> Hashable:
        return queue

    def key(self, agent: Agent, queue: str, skills: Skills) -> tuple[Any, ...]:
        return (agent.offered.get(queue, 0.0),)
