"""Waiting for an agent on a simulated clock, as a script's `agents` says that it goes."""

from __future__ import annotations

from ivr.flow.effects import Enqueue, RequestCallback
from ivr.flow.inputs import Announced, Announcement, CallbackBooked, Input, Queued, Refused, Served
from ivr.rehearsal.script import Agents

AGENT = "rehearsal"


class WaitingRoom:
    """`effect` is what the contact waits by, `None` while it is elsewhere. Without `agents` nobody has signed in."""

    def __init__(self, agents: Agents | None) -> None:
        self._agents = agents or Agents(refused="nobody")
        self._announcing = self._agents.announced
        self._joined: float | None = None
        self._told_again: float | None = None
        self.effect: Enqueue | None = None

    def enter(self, effect: Enqueue, now: float) -> Input | None:
        """Take or keep the place; what to tell the flow at once."""
        if self._agents.refused is not None:
            return Refused(self._agents.refused)
        self.effect = effect
        if self._joined is None:
            self._joined = now
        if effect.told:
            return None
        low, high = self._agents.wait or (None, None)
        return Queued(self._agents.position, low, high)

    def book(self, request: RequestCallback) -> CallbackBooked:
        closed = self._agents.refused == "closed"
        return CallbackBooked(not closed, "closed" if closed else "")

    @property
    def due(self) -> float | None:
        """When something will happen by itself."""
        if self.effect is None or self._joined is None:
            return None
        agents = self._agents
        times = [
            None if self._announcing is None else self._joined + self._announcing.after,
            None if agents.answers_after is None else self._joined + agents.answers_after,
            None if agents.again_after is None else (self._told_again or self._joined) + agents.again_after,
        ]
        return min((time for time in times if time is not None), default=None)

    def fire(self, now: float) -> Input:
        """What is due now. An agent who answers comes before more news."""
        assert self._joined is not None
        announcing = self._announcing
        if announcing is not None and now >= self._joined + announcing.after:
            self._announcing = None
            return Announced(Announcement("rehearsal.waiting", dict(announcing.words)))
        answers = self._agents.answers_after
        if answers is not None and now >= self._joined + answers:
            self.effect = self._joined = None
            return Served(AGENT)
        self._told_again = now
        return Queued()

    @property
    def gives_back(self) -> bool:
        return self._agents.gives_back
