"""Everybody who fits is asked at once; the first to accept wins, the others are told."""

from __future__ import annotations

from typing import Any, ClassVar

from callcenter.acd.model import Agent
from callcenter.acd.strategies import Skills, Strategy, strategy


@strategy
class RingAll(Strategy):
    name: ClassVar[str] = "ring_all"
    all_at_once: ClassVar[bool] = True

    def key(self, agent: Agent, queue: str, skills: Skills) -> tuple[Any, ...]:
        return (agent.idle_since,)
