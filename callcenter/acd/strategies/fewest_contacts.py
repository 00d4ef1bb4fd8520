"""The agent who has had the fewest contacts since signing in; among equals the longest idle."""

from __future__ import annotations

from typing import Any, ClassVar

from callcenter.acd.model import Agent
from callcenter.acd.strategies import Skills, Strategy, strategy


@strategy
class FewestContacts(Strategy):
    name: ClassVar[str] = "fewest_contacts"

    def key(self, agent: Agent, queue: str, skills: Skills) -> tuple[Any, ...]:
        return (agent.handled + sum(agent.load.values()), agent.idle_since)
