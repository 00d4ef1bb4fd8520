"""Conversations by message: what customers write feeds the flows, and what flows say goes to the outbox.

A contact has one session, whose name in its channel is the contact's id. A message is taken in the transaction of the
step that it causes, together with the messages that answer it: whatever dies, each is answered once. What a dead
process left is found by a timed job (`ivr.tending`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal, Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError

from callcenter import contacts, outbox
from callcenter.db import reading
from callcenter.messages import inbound as inbox
from callcenter.messages.inbound import Inbound, Received
from ivr import attachments, messaging, wordless
from ivr.channels.text import MAX_WORDS, fold
from ivr.flow.announcing import alone
from ivr.flow.effects import Effect, RunAction
from ivr.flow.inputs import ActionDone, Fault, HungUp, Input, Served, Words
from ivr.flow.session import QUEUE as QUEUE_CAPABILITY
from ivr.flow.session import TEXT, Session
from ivr.messaging import find_keyword, obey_keyword
from ivr.published import NothingPublished
from ivr.queueing import Queueing
from ivr.runner import Render, Runner, Turn
from ivr.settings import Settings
from ivr.store import Stored
from ivr.tending import Tending
from ivr.text_queue import QUEUE, TextQueue
from ivr.threads import OneAtATime, Threads, queue_said

log = structlog.get_logger("callwright.conversations")

FLOW = inbox.FLOW
GRACE = 1.0
"""Seconds beyond its budget after which an action that doesn't come back has failed."""
ROUNDS = 50
"""Steps that one `answer` takes for a contact; what is left then is for the timed job."""


class Live(Protocol):
    """Where pages hear what happens (`callcenter.live`)."""

    def publish(self, topic: str, kind: str, data: dict[str, Any]) -> str | None: ...


class _Taken(Exception):
    """Another process has taken this message."""


class Conversations(Tending):
    """Thread-safe. `submit` does in the background what a carrier's request must not wait for; by default it is the
    runner's pool. `queueing` is asked each time: while it gives `None`, new threads can't wait for agents."""

    def __init__(
        self,
        runner: Runner,
        settings: Settings,
        live: Live | None = None,
        *,
        submit: Callable[..., object] | None = None,
        queueing: Callable[[], Queueing | None] = lambda: None,
    ) -> None:
        self.runner = runner
        self.engine = runner.engine
        self._settings = settings
        self._live = live
        self._submit = submit or (lambda work, *arguments: runner.submit(work, *arguments))
        self._alone = OneAtATime()
        self._threads = Threads(runner)
        self._wanted_queueing = queueing

    @property
    def _queueing(self) -> Queueing | None:
        return self._wanted_queueing()

    @property
    def _queue(self) -> TextQueue | None:
        queueing = self._queueing
        return None if queueing is None else TextQueue(queueing, self.runner)

    def take(self, inbound: Inbound, *, wait: bool = True) -> Received:
        """Store a message and answer it; with `wait` False it is answered in the background.

        Raises ValueError for what is no message, `OSError` for a file that can't be kept, and SQLAlchemy's errors when
        the database is away: then nothing has happened, and it may be given again. Never raises for what the flow
        does.
        """
        now = self.runner.now()
        flows = messaging.current(self.runner.published)
        region = "" if flows is None else flows.company.country
        queued: list[str] = []
        with self.engine.begin() as conn:
            received = inbox.receive(conn, inbound, now, region=region, files_dir=self._settings.files_dir)
            contact: Any = contacts.get(conn, received.contact_id)
            kind = None if received.duplicate else find_keyword(conn, inbound, contact, flows)
            if kind is not None:
                queued += obey_keyword(conn, kind, inbound, received, contact, flows, now)
        if not received.duplicate:
            data = {"id": received.message_id, "direction": "in", "channel": inbound.channel, "author": "customer"}
            self._publish(received.contact_id, "message", data)
        if kind == "stop" and not received.started:
            self._leave(contact)
        self._send(contact, queued)
        if wait:
            self._answer_quietly(received.message_id)
        else:
            self._submit(self._answer_quietly, received.message_id)
        return received

    def answer(self, message_id: str) -> None:
        """Feed a message to the flow, if the flow serves its contact and nobody has taken it yet, and with it all that
        waits in that contact. What the flow says goes out at once. Raises LookupError for an unknown message."""
        self._go_on(self._threads.contact_of(message_id))

    def _go_on(self, contact_id: str) -> None:
        with self._alone.at(contact_id):
            for _ in range(ROUNDS):
                following = self._next(contact_id)
                if following is None:
                    return
                contact_id = following

    def open(self, contact_id: str) -> None:
        """Begin the flow of a stored chat that goes on with another conversation, if it hasn't begun. Raises
        LookupError for an unknown contact."""
        with self._alone.at(contact_id):
            with reading(self.engine) as conn:
                contact: Any = contacts.get(conn, contact_id)
            if contact is None:
                raise LookupError(f"there is no contact {contact_id}")
            if contact.served_by == FLOW and contact.ended_at is None and self._threads.stored(contact) is None:
                self._carry_on(contact, self._begin(contact))

    def reported(
        self,
        message_id: str,
        status: Literal["sent", "delivered", "read", "failed"],
        *,
        reference: str = "",
        error: str = "",
        nobody: str | None = None,
        opted_out: str | None = None,
    ) -> None:
        """Note what a carrier says became of a message of ours, as `outbox.report` has it."""
        now = self.runner.now()
        with self.engine.begin() as conn:
            contact_id = outbox.report(
                conn, message_id, status, now, reference=reference, error=error, nobody=nobody, opted_out=opted_out
            )
        if contact_id:
            self._publish(contact_id, "delivery", {"id": message_id, "status": status, "at": now.isoformat()})

    def _leave(self, contact: Any) -> None:
        """Whoever says STOP has left the flow."""
        stored = self._threads.stored(contact)
        if contact.served_by == FLOW and stored is not None and not stored.session.ended:
            self.runner.feed(stored.session.id, HungUp())

    # One round

    def _next(self, contact_id: str) -> str | None:
        """Take one step for this contact; `None` when there is nothing more to do, else the contact to go on with."""
        with reading(self.engine) as conn:
            contact: Any = contacts.get(conn, contact_id)
            waiting = inbox.unhandled(conn, contact_id)
        if contact is None or not all(attachments.fetch(self.runner, self._settings, message) for message in waiting):
            return None
        if contact.served_by not in (FLOW, QUEUE):
            if contact.served_by.startswith("agent:") and waiting:
                with self.engine.begin() as conn:
                    inbox.handle_all(conn, contact_id, self.runner.now())
            return None
        stored = self._threads.stored(contact)
        action = None if stored is None or stored.session.ended else self.runner.pending(stored.session)
        if action is not None and stored is not None:
            return contact_id if self._take_over(contact, stored, action) else None
        if not waiting:
            return None
        message = waiting[0]
        if contact.ended_at is not None or (stored is not None and stored.session.ended):
            with self.engine.begin() as conn:
                return inbox.carry_over(conn, message.id, self.runner.now(), region=self._threads.region())
        words = Words((message.body.strip() or self._threads.names_of_files(message.id))[:MAX_WORDS])
        if contact.served_by == FLOW and stored is not None and wordless.stray(self.runner, message, stored):
            self._send(contact, wordless.acknowledge(self.runner, contact, message, stored, words.text))
            return contact_id
        try:
            turn = (
                self._begin(contact, message, words) if stored is None else self._feed(contact, message, words, stored)
            )
        except (_Taken, IntegrityError):
            return contact_id
        if turn.fresh:
            self._carry_on(contact, turn)
        return contact_id

    def _begin(self, contact: Any, message: Any = None, words: Words | None = None) -> Turn:
        queued: list[str] = []
        turn = self.runner.start(
            channel=contact.channel,
            capabilities=TEXT | (QUEUE_CAPABILITY if self._queue is not None else frozenset()),
            external_id=contact.id,
            caller=contact.caller,
            called=contact.called,
            contact_id=contact.id,
            language=self._threads.language(contact),
            first=words,
            render=_held(""),
            also=self._saying(contact, message, queued),
            earlier=self._threads.handed_over(contact),
        )
        self._send(contact, queued if turn.fresh else [])
        return turn

    def _feed(self, contact: Any, message: Any, words: Words, stored: Stored) -> Turn:
        queued: list[str] = []
        session = stored.session
        asked = "Words" in (session.waiting or {}).get("for", ())
        if not asked:  # nothing is asked: the flow can't go on by itself
            log.error(
                "a thread waits for what can't come", contact=contact.id, waits=(session.waiting or {}).get("for")
            )
        given = (self._announced(session) or words) if asked else Fault("a message while nothing was asked")
        also = self._saying(contact, message, queued)
        turn = self.runner.feed(session, given, seq=session.seq, render=_held(""), also=also)
        self._send(contact, queued if turn.fresh else [])
        return turn

    def _carry_on(self, contact: Any, turn: Turn) -> None:
        """Run the actions that the flow wants, one after the other, and what it wants of queues."""
        while turn.fresh:
            if (action := turn.action) is not None:
                turn = self._act(contact, turn.session, action, turn.reply)
                continue
            queue = self._queue
            given = None if queue is None else queue.answer(contact, turn)
            if given is None:
                return
            turn = self._tell(contact, turn.session, given, turn.reply)

    def served(self, contact_id: str, agent_id: str) -> None:
        """An agent is done with a thread, which goes back to its flow. Raises `LookupError` for an unknown one."""
        with reading(self.engine) as conn:
            contact: Any = contacts.get(conn, contact_id)
        stored = None if contact is None else self._threads.stored(contact)
        if contact is None or stored is None:
            raise LookupError(f"there is no thread of messages {contact_id}")
        if (queue := self._queue) is not None:
            queue.back(contact_id, FLOW)
        if "Served" in (stored.session.waiting or {}).get("for", ()):
            turn = self._tell(contact, stored.session, Served(agent_id), "")
            self._carry_on(contact, turn)

    def _act(self, contact: Any, session: Session, action: RunAction, carried: str) -> Turn:
        running = self.runner.begin(session, action)
        done = self.runner.wait(running, action, action.budget + GRACE) or ActionDone(action.call, "failed")
        return self._tell(contact, session, done, carried)

    def _tell(self, contact: Any, session: Session, given: Input, carried: str) -> Turn:
        """Feed what isn't the customer's own words."""
        queued: list[str] = []
        also = self._saying(contact, None, queued, carried)
        turn = self.runner.feed(session, given, seq=session.seq, render=_held(carried), also=also)
        self._send(contact, queued if turn.fresh else [])
        return turn

    def _take_over(self, contact: Any, stored: Stored, action: RunAction) -> bool:
        """Run an action again whose process has died; False while another process may still be at it."""
        if self.runner.now() < stored.at + timedelta(seconds=action.budget + GRACE):
            return False
        self._carry_on(contact, self._act(contact, stored.session, action, stored.reply))
        return True

    # What a step brings with it

    def _saying(
        self, contact: Any, message: Any, queued: list[str], carried: str = ""
    ) -> Callable[[sa.Connection, Session, Sequence[Effect]], None]:
        """For the step's own transaction: the message is taken, and what the flow says is queued."""

        def also(conn: sa.Connection, session: Session, effects: Sequence[Effect]) -> None:
            now = self.runner.now()
            if message is not None and not alone(effects) and not inbox.handle(conn, message.id, now):
                raise _Taken
            queued.extend(queue_said(conn, contact, message, session, effects, carried, now))

        return also

    def _send(self, contact: Any, queued: Sequence[str]) -> None:
        """Hand what was queued to the carrier at once, in order; the timed job does what remains."""
        if queued:
            self._submit(self._deliver, contact.id, contact.channel, list(queued))

    def _deliver(self, contact_id: str, channel: str, queued: Sequence[str]) -> None:
        for message_id in queued:
            policy = messaging.policy(self.runner.published.latest())
            outbox.deliver(self.engine, self._settings, message_id, self.runner.now(), policy=policy)
            if channel != "chat":  # whose sender publishes by itself
                data = {"id": message_id, "direction": "out", "channel": channel, "author": FLOW}
                self._publish(contact_id, "message", data)

    def _publish(self, contact_id: str, kind: str, data: dict[str, Any]) -> None:
        if self._live is not None:
            self._live.publish(f"contact:{contact_id}", kind, data)

    def _answer_quietly(self, message_id: str) -> None:
        try:
            self.answer(message_id)
        except NothingPublished:
            log.error("no flows are published; run: callwright publish")
        except Exception as error:  # it is stored, and will be tried again
            log.exception("a message could not be answered", message=message_id, error=type(error).__name__)


def _held(carried: str) -> Render:
    """What is said before an action is stored as the step's reply, to be sent with what the action leads to."""
    return lambda session, effects: fold(effects, carried)[1]
