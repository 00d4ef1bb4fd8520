"""Threads of messages in queues: what their flows want of queues, and what comes back to the flow."""

from __future__ import annotations

from typing import Any

from callcenter import contacts
from callcenter.messages.inbound import FLOW
from ivr.flow.effects import Collect, Enqueue, RequestCallback
from ivr.flow.inputs import Input, Queued
from ivr.queueing import Queueing
from ivr.runner import Runner, Turn

QUEUE = "queue"
"""What `contacts.served_by` says of a thread that waits."""


class TextQueue:
    """Everything here blocks."""

    def __init__(self, queueing: Queueing, runner: Runner) -> None:
        self._queueing = queueing
        self._runner = runner

    def answer(self, contact: Any, turn: Turn) -> Input | None:
        """What comes at once of a step's wishes; `None` where there are none, or the thread now waits."""
        session = turn.session
        for effect in turn.effects:
            match effect:
                case Enqueue(told=True):
                    return None
                case Enqueue():
                    # Before it waits: from then on an agent may have it at any moment.
                    self._served_by(contact.id, QUEUE, before=FLOW)
                    told = self._queueing.enter(session, effect)
                    if not isinstance(told, Queued):
                        self._served_by(contact.id, FLOW, before=QUEUE)
                    return told
                case RequestCallback():
                    return self._queueing.book(session, effect)
        if session.ended:
            self._queueing.leave(contact.id, session.outcome or "flow")
        elif contact.served_by == QUEUE and any(isinstance(effect, Collect) for effect in turn.effects):
            self._queueing.step_out(contact.id)
        return None

    def back(self, contact_id: str, served_by: str) -> None:
        """The flow serves the thread again."""
        self._served_by(contact_id, served_by)

    def _served_by(self, contact_id: str, who: str, *, before: str = "") -> None:
        with self._runner.engine.begin() as conn:
            contacts.set_served_by(conn, contact_id, who, self._runner.now(), before=before)
