"""Waiting for an agent on a simulated clock, as a script's `agents` says that it goes."""

from __future__ import annotations

import datetime as dt

from callcenter.acd.config import Config, Queue
from ivr.callbacks import clock_time, moment, next_possible
from ivr.flow.effects import Enqueue, RequestCallback
from ivr.flow.inputs import Announced, Announcement, CallbackBooked, Input, Queued, Refused, Served
from ivr.flow.model import FlowSet
from ivr.queue_config import PublishedHours
from ivr.rehearsal.script import Agents

AGENT = "rehearsal"


class WaitingRoom:
    """`effect` is what the contact waits by, `None` while it is elsewhere. Without `agents` nobody has signed in. The
    queues' own rules for callbacks hold, as `flows` have them; `begin` is when the call begins."""

    def __init__(self, agents: Agents | None, flows: FlowSet, begin: dt.datetime) -> None:
        self._agents = agents or Agents(refused="nobody")
        self._queues = Config.from_files(flows.files).queues
        self._hours, self._timezone = PublishedHours(lambda: flows), flows.company.timezone
        self._begin = begin.timestamp()
        waits = self._agents.callback
        self._callback: tuple[str, str] | None = None
        """When, as flows know it, and the number."""
        if waits is not None:
            self._callback = (f"{waits.at:%Y-%m-%dT%H:%M}" if waits.at else "", waits.number)
        self._announcing = self._agents.announced
        self._joined: float | None = None
        self._told_again: float | None = None
        self.effect: Enqueue | None = None

    def enter(self, effect: Enqueue, now: float) -> Input | None:
        """Take or keep the place; what to tell the flow at once."""
        if effect.callback == "tell" and self._callback is not None:
            return Refused("callback", at=self._callback[0], number=self._callback[1])
        if self._agents.refused is not None:
            return Refused(self._agents.refused)
        if effect.callback == "take":
            self._callback = None
        self.effect = effect
        if self._joined is None:
            self._joined = now
        if effect.told:
            return None
        low, high = self._agents.wait or (None, None)
        return Queued(self._agents.position, low, high, callback=self._offered(now))

    def listens(self, text: bool) -> bool:
        """Whether words are taken: on a call while the choices are told, and for a while after that."""
        return self.effect is not None and (text or self.effect.listen is not None)

    def _offered(self, now: float) -> bool:
        """Whether the queue's rule offers a callback now."""
        assert self.effect is not None
        assert self._joined is not None
        rule = self._queues.get(self.effect.queue, Queue()).callback
        waited = self._agents.waited + now - self._joined
        here = rule.offer_hours is None or self._hours.is_open(rule.offer_hours, self._begin + waited)
        return here and rule.offered(waited, self._agents.waiting or self._agents.position or 1)

    def book(self, request: RequestCallback) -> CallbackBooked:
        if request.cancel:
            given_up, self._callback = self._callback is not None, None
            return CallbackBooked(given_up, "" if given_up else "none")
        hours = self._queues.get(request.queue, Queue()).callback_hours
        at = moment(request.at, self._timezone)
        if at is None and hours is not None and not self._hours.is_open(hours, self._begin):
            at = self._hours.next_open(hours, self._begin)
        elif at is not None and at < self._begin:
            return self._closed(next_possible(self._hours, hours, self._begin))
        elif at is not None and at >= (last := self._last(request.queue)):
            return CallbackBooked(False, "too_far", clock_time(last - 1, self._timezone))
        elif at is not None and hours is not None and not self._hours.is_open(hours, at):
            return self._closed(self._hours.next_open(hours, at))
        self._callback = ("" if at is None else clock_time(at, self._timezone), request.number)
        return CallbackBooked(True, at=self._callback[0])

    def _last(self, queue: str) -> float:
        return self._hours.end_of_day(self._begin, self._queues.get(queue, Queue()).callback.days_ahead)

    def _closed(self, opens: float | None) -> CallbackBooked:
        return CallbackBooked(False, "closed", "" if opens is None else clock_time(opens, self._timezone))

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
        return Queued(callback=self._offered(now))

    @property
    def gives_back(self) -> bool:
        return self._agents.gives_back
