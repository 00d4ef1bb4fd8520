"""What flows want of queues, carried out on `callcenter.queues`: the same for every channel.

Everything here blocks, and turns what can go wrong into an Input: a store that can't be reached is `Refused("failed")`,
never an exception that a caller would hear as silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import redis
import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter.acd import announce
from callcenter.acd.carriers import public
from callcenter.acd.model import Place
from callcenter.db import reading
from callcenter.queues import closing
from callcenter.queues.base import UnknownQueue
from callcenter.queues.callbacks import NotInQueue
from callcenter.queues.described import Described
from ivr import emergency
from ivr.callbacks import Callbacks, Person
from ivr.flow.effects import Enqueue, RequestCallback
from ivr.flow.inputs import Announced, CallbackBooked, Queued, Refused
from ivr.flow.session import Session
from ivr.queue_config import PublishedQueues

log = structlog.get_logger("callwright.queueing")


class Queueing:
    """Thread-safe. `holder` names this process, whose legs' entries it keeps ("" where contacts have none: messages);
    `timezone` gives the company's."""

    def __init__(
        self, published: PublishedQueues, engine: Engine, timezone: Callable[[], str], *, holder: str = ""
    ) -> None:
        self.queues = published.queues
        self._refresh = published.refresh
        self.holder = holder
        self._engine = engine
        self._callbacks = Callbacks(self.queues, engine, timezone)
        self.announcements = emergency.Announcements(engine)

    def calls_out(self, queue: str, at: datetime) -> bool:
        """Whether the queue's hours and holidays allow calls by us then. Raises `redis.RedisError`."""
        self._refresh()
        return queue in self.queues.config.queues and self.queues.open_at(queue, at.timestamp())

    def enter(self, session: Session, effect: Enqueue, *, joined_at: float | None = None) -> Queued | Refused:
        """A place for this contact, or why there is none, and what is announced there. One that has a place keeps it;
        `joined_at` gives it back to one that the store has lost."""
        told = self._enter(session, effect, joined_at)
        announced = self.announcement(session, effect.queue)
        return told if announced is None else replace(told, announcement=announced.announcement)

    def announcement(self, session: Session, queue: str = "") -> Announced | None:
        """What this contact hasn't been told that a supervisor announces, to all or in the queue where it waits; a
        second old at most."""
        known = self.announcements.lately()
        try:
            if known and not queue:
                queue = self.queues.entry(session.contact_id).get("queue", "")
        except redis.RedisError as error:
            log.warning("a place can't be found", contact=session.contact_id, error=_words(error))
        return emergency.due(known, session, queue)

    def _enter(self, session: Session, effect: Enqueue, joined_at: float | None) -> Queued | Refused:
        try:
            self._refresh()
            known = self.queues.place(session.contact_id)
            own = self.queues.requested(session.contact_id)
            person = self._callbacks.person(session)
            if joined_at is None and (known is None or known.position < 1 or own is not None):
                told = self._newcomer(session, effect, person)
                if told is not None:
                    return told
            else:
                self.queues.resume(session.contact_id)
            place = self._taken(session, effect, person) if joined_at is None else None
            if place is None:
                place = self.queues.join(
                    session.contact_id, effect.queue, channel=session.channel, joined_at=joined_at, holder=self.holder,
                    **self._described(session, effect, person),
                )  # fmt: skip
            if place.state == "full":
                return Refused("full")
            if place.too_long:
                return Refused("max_wait")
            try:
                return self._told(session.contact_id, place)
            except redis.RedisError as error:  # there is a place, and it will be kept: only nothing can be told of it
                log.warning("nothing can be told", contact=session.contact_id, error=_words(error))
                return Queued()
        except (UnknownQueue, ValueError, redis.RedisError, SQLAlchemyError) as error:
            log.error("no place in a queue", queue=effect.queue, contact=session.contact_id, error=_words(error))
            return Refused("failed")

    def _newcomer(self, session: Session, effect: Enqueue, person: Person) -> Refused | None:
        """What to tell somebody who isn't waiting on the line, instead of letting them; `None` for nothing."""
        if effect.callback == "tell":
            for one in self._callbacks.waiting(person):
                return Refused("callback", at=self._callbacks.told(one), number=one.number)
        hours = self.queues.queue(effect.queue).hours
        if hours is not None and not self.queues.hours.is_open(hours, self.queues.clock()):
            return Refused("closed")
        if self._closed(effect.queue):
            return Refused("closed")
        return None if self.staffed(effect.queue, session.channel) else Refused("nobody")

    def _taken(self, session: Session, effect: Enqueue, person: Person) -> Place | None:
        """The place of the callback that this person gives up for waiting on the line. The contact's own gets its leg
        back in any case: it is there."""
        own = self.queues.requested(session.contact_id)
        wanted = [own] if own is not None else self._callbacks.waiting(person) if effect.callback == "take" else []
        described = self._described(session, effect, person)
        places = (
            self.queues.take_callback(
                session.contact_id, one.contact_id, channel=session.channel, holder=self.holder, **described
            )
            for one in wanted
        )
        return next((place for place in places if place is not None), None)

    def _described(self, session: Session, effect: Enqueue, person: Person) -> Described:
        return {
            "caller": session.caller, "customer_id": person.customer_id, "language": session.language,
            "skills": effect.skills, "priority": self._callbacks.priority(person, effect.queue, effect.priority),
            "data": effect.data, "known_as": person.keys,
        }  # fmt: skip

    def news(self, contact_id: str, queue: str) -> Queued | Refused | None:
        """What may be told a contact that waits, now: `None` for nothing. Never more often than the queue says."""
        try:
            place = self.queues.place(contact_id)
            if place is None or place.position < 1:
                return None
            if place.too_long:
                return Refused("max_wait")
            last = self.queues.announced(contact_id)
            policy = self.queues.queue(place.queue).announce
            if last is not None and self.queues.clock() - last.at < policy.every:
                return None
            return self._told(contact_id, place)
        except (UnknownQueue, redis.RedisError) as error:
            log.warning("nothing can be told", contact=contact_id, queue=queue, error=_words(error))
            return None

    def _told(self, contact_id: str, place: Place) -> Queued:
        """What is to be said of a place; an estimate that is said is stored as promised."""
        policy = self.queues.queue(place.queue).announce
        due = announce.due(policy, self.queues.announced(contact_id), place, self.queues.clock())
        offered = self.queues.offers_callback(contact_id)
        if due is None:
            self.queues.announce(contact_id, place.position, None)
            return Queued(callback=offered)
        self.queues.announce(contact_id, place.position, due.estimate)
        low, high = (due.estimate.low, due.estimate.high) if due.estimate else (None, None)
        return Queued(due.position, low, high, callback=offered)

    def offer(self, session: Session) -> Queued | None:
        """For a thread of messages, which isn't told again and again: that it may be called back now, if its flow
        hasn't said so yet."""
        waiting = session.waiting or {}
        if "Queued" not in waiting.get("for", ()) or not waiting["state"].get("told"):
            return None
        try:
            if waiting["state"].get("offered", True) or not self.queues.offers_callback(session.contact_id):
                return None
        except (UnknownQueue, redis.RedisError) as error:
            log.warning("nothing can be offered", contact=session.contact_id, error=_words(error))
            return None
        return Queued(callback=True)

    def book(self, session: Session, request: RequestCallback) -> CallbackBooked:
        """Give the line back and keep the place; or move or give up the callback that this person waits for."""
        try:
            self._refresh()
            return self._callbacks.book(session, request)
        except ValueError as error:
            log.info("no callback", contact=session.contact_id, why=str(error))
            return CallbackBooked(False, "bad_number")
        except (UnknownQueue, NotInQueue, redis.RedisError) as error:
            log.error("no callback", contact=session.contact_id, error=_words(error))
            return CallbackBooked(False, "failed")

    def reconnect(
        self, session: Session, offer: str, agent: str, queue: str, *, connected_at: float, joined_at: float
    ) -> None:
        """Tell a store that has lost its data of a conversation that goes on. Raises `UnknownQueue`,
        `redis.RedisError`."""
        person = self._callbacks.person(session)
        self.queues.reconnect(
            offer, session.contact_id, agent, queue, channel=session.channel, connected_at=connected_at,
            joined_at=joined_at, caller=session.caller, customer_id=person.customer_id, language=session.language,
            holder=self.holder, known_as=person.keys, waits=True,
        )  # fmt: skip

    def leave(self, contact_id: str, reason: str) -> None:
        """The contact is over or elsewhere. A callback that it asked for stays."""
        try:
            if self.queues.entry(contact_id).get("leg") != "absent":
                self.queues.leave(contact_id, reason)
        except redis.RedisError as error:  # not kept any more, it will be taken for lost
            log.warning("a queue can't be left", contact=contact_id, error=_words(error))

    def step_out(self, contact_id: str) -> None:
        """The contact does something else for a while; its place is kept."""
        try:
            self.queues.pause(contact_id)
        except redis.RedisError as error:
            log.warning("a place can't be held", contact=contact_id, error=_words(error))

    def staffed(self, queue: str, channel: str) -> bool:
        """Whether an agent of the queue has signed in, on a telephone that calls of this channel can reach."""
        members: Any = self.queues.client.smembers("cw:agents")
        names = [one.decode() if isinstance(one, bytes) else str(one) for one in members]
        serving = [name for name in names if self.queues.config.serves(name, queue)]
        if channel not in self.queues.config.carried or not serving:
            return bool(serving)
        if any(public(self.queues.agent_of(name) or "") for name in serving):
            return True
        log.error("no agent of this queue has a telephone that Twilio can ring: give the agents numbers or sip: "
                  "addresses in agents.yaml, or set TWILIO_SIP_HOST", queue=queue, agents=serving)  # fmt: skip
        return False

    def _closed(self, queue: str) -> bool:
        """Whether a supervisor has closed it. A database that doesn't answer closes nothing."""
        try:
            with reading(self._engine) as conn:
                return closing.is_closed(conn, queue)
        except SQLAlchemyError as error:
            log.warning("a switch can't be read", queue=queue, error=type(error).__name__)
            return False


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
