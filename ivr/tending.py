"""What timed jobs see to in threads of messages: what processes that died have left, and what those who wait for an
agent are told without having written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any

import structlog

from callcenter import contacts
from callcenter.db import reading
from callcenter.messages import inbound as inbox
from callcenter.messages.inbound import FLOW
from ivr.emergency import due
from ivr.flow.inputs import Announced, CallbackBooked, Input, Served, Words
from ivr.flow.session import Session
from ivr.queueing import Queueing
from ivr.runner import Runner, Turn
from ivr.text_queue import QUEUE
from ivr.threads import OneAtATime, Threads

log = structlog.get_logger("callwright.conversations")

LEFT = timedelta(seconds=5)
"""A message that nobody has taken for so long was left by a process that died."""


class Tending(ABC):
    """The part of `ivr.conversations.Conversations` that has no customer at the other end."""

    runner: Runner
    _alone: OneAtATime
    _threads: Threads

    @property
    @abstractmethod
    def _queueing(self) -> Queueing | None:
        """What flows want of queues; `None` while it can't be had."""

    @abstractmethod
    def _answer_quietly(self, message_id: str) -> None:
        """Answer a message; what goes wrong is logged."""

    @abstractmethod
    def _go_on(self, contact_id: str) -> None:
        """Take all that waits in a contact."""

    @abstractmethod
    def _tell(self, contact: Any, session: Session, given: Input, carried: str) -> Turn:
        """Feed what isn't the customer's own words, after what was `carried` over unsaid."""

    @abstractmethod
    def _carry_on(self, contact: Any, turn: Turn) -> None:
        """Do what a step wants of actions and queues."""

    def answer_left(self) -> int:
        """Answer what processes that died have left; returns how many messages there were."""
        with reading(self.runner.engine) as conn:
            waiting = inbox.left(conn, self.runner.now() - LEFT)
        for message_id in waiting:
            self._answer_quietly(message_id)
        return len(waiting)

    def go_on_left(self) -> int:
        """Go on where processes died: with an action, on the way into a queue and out of it, with a callback that was
        asked for; returns how many threads there were."""
        found = self._threads.left(self.runner.now() - LEFT)
        for contact_id in found:
            try:
                self._go_on(contact_id)
                self._with_queue(contact_id)
            except Exception as error:
                log.exception("a thread could not go on", contact=contact_id, error=type(error).__name__)
        return len(found)

    def _with_queue(self, contact_id: str) -> None:
        """Let the flow ask for its place again; one that it has, it keeps. The flow's own while it waits: an agent is
        done with it. Whether a callback was booked nobody knows: the flow says that it failed, and goes on."""
        with self._alone.at(contact_id):
            with reading(self.runner.engine) as conn:
                contact: Any = contacts.get(conn, contact_id)
            stored = self._threads.stored(contact)
            if stored is None or stored.session.ended or stored.at > self.runner.now() - LEFT:
                return
            waiting = stored.session.waiting or {}
            if "CallbackBooked" in waiting.get("for", ()):
                given: Input = CallbackBooked(False, "failed")
            elif "Queued" in waiting.get("for", ()) and not waiting["state"].get("told", True):
                given = Words("")
            elif "Served" in waiting.get("for", ()) and contact.served_by == FLOW:
                given = Served("")
            else:
                return
            if contact.served_by in (FLOW, QUEUE):
                self._carry_on(contact, self._tell(contact, stored.session, given, stored.reply))

    def tell_waiting(self) -> int:
        """Tell those who wait for an agent what a supervisor announces, and that they may be called back, once the
        queue's rule says so; returns how many were told something."""
        return sum(self._told(contact_id) for contact_id in self._threads.waiting())

    def _told(self, contact_id: str) -> bool:
        try:
            with self._alone.at(contact_id):
                with reading(self.runner.engine) as conn:
                    contact: Any = contacts.get(conn, contact_id)
                stored = self._threads.stored(contact)
                if stored is None or stored.session.ended:
                    return False
                given: Input | None = self._announced(stored.session)
                if given is None and (queueing := self._queueing) is not None:
                    given = queueing.offer(stored.session)
                return given is not None and self._tell(contact, stored.session, given, "").fresh
        except Exception as error:
            log.exception("a thread could not be told", contact=contact_id, error=type(error).__name__)
            return False

    def _announced(self, session: Session) -> Announced | None:
        """What this contact hasn't been told that a supervisor announces."""
        if (queueing := self._queueing) is not None:
            return queueing.announcement(session)
        return due(self.runner.announcements.lately(), session)
