"""The agent who has had nothing to do for longest."""

from __future__ import annotations

from typing import Any, ClassVar

from callcenter.acd.model import Agent
from callcenter.acd.strategies import Skills, Strategy, strategy


@strategy
class LongestIdle(Strategy):
    name: ClassVar[str] = "longest_idle"

    def key(self, agent: Agent, queue: str, skills: Skills) -> tuple[Any, ...]:
        return (agent.idle_since,)
