"""The agent who is best at what the contact needs: the sum of levels in its skills; among equals the longest idle."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar

from callcenter.acd.model import Agent
from callcenter.acd.strategies import Skills, Strategy, strategy


@strategy
class BestSkill(Strategy):
    name: ClassVar[str] = "best_skill"

    def scope(self, queue: str, skills: Skills) -> Hashable:
        return tuple(name for name, _ in skills)

    def key(self, agent: Agent, queue: str, skills: Skills) -> tuple[Any, ...]:
        return (-sum(agent.skills.get(name, 0) for name, _ in skills), agent.idle_since)
