"""The agent who served the customer last, waited for during the queue's `last_agent_wait`; then the longest idle."""

from __future__ import annotations

from typing import Any, ClassVar

from callcenter.acd.model import Agent
from callcenter.acd.strategies import Skills, Strategy, strategy


@strategy
class LastAgent(Strategy):
    name: ClassVar[str] = "last_agent"
    last_first: ClassVar[bool] = True

    def key(self, agent: Agent, queue: str, skills: Skills) -> tuple[Any, ...]:
        return (agent.idle_since,)
