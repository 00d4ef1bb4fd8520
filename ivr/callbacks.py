"""Callbacks as flows want them: found by any identifier of the person, booked, moved and given up; and their times on
the company's clock.

What the store doesn't answer is raised; `ivr.queueing` makes an Input of it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter import customers
from callcenter.db import reading
from callcenter.identifiers import InvalidIdentifier
from callcenter.queues.base import MAX_PRIORITY, Hours
from callcenter.queues.callbacks import OutsideHours, Requested, TooFar, known_as
from callcenter.queues.store import Queues
from callcenter.tables import contacts
from ivr.flow.effects import RequestCallback
from ivr.flow.inputs import CallbackBooked
from ivr.flow.session import Session

log = structlog.get_logger("callwright.queueing")

IN_QUEUE = ("waiting", "offered", "accepted")
SOONEST = 300.0
"""Seconds from now until the next time that is proposed to somebody who chose one that is over."""
STEP = 900.0
"""Proposed times are full quarters of an hour."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a contact is with, as far as that is known. `keys` are what their callbacks are found by
    (`callcenter.queues.callbacks.known_as`), `priority` is the least that they wait with."""

    customer_id: str
    keys: tuple[str, ...]
    priority: int = 0


class Callbacks:
    """`timezone` gives the company's."""

    def __init__(self, queues: Queues, engine: Engine, timezone: Callable[[], str]) -> None:
        self._queues, self._engine, self._timezone = queues, engine, timezone

    def person(self, session: Session) -> Person:
        """A database that doesn't answer knows nobody but the caller's number."""
        numbers = []
        with contextlib.suppress(InvalidIdentifier):  # a chat, a mail, a withheld number
            numbers.append(self._queues.dialled(session.caller))
        try:
            with reading(self._engine) as conn:
                query = sa.select(contacts.c.customer_id).where(contacts.c.id == session.contact_id)
                customer_id = str(conn.execute(query).scalar_one_or_none() or "")
                keys = tuple(known_as(conn, customer_id, numbers))
                return Person(customer_id, keys, _priority(conn, customer_id))
        except SQLAlchemyError as error:  # the agent is told less; the caller waits all the same
            log.warning("a customer can't be looked up", contact=session.contact_id, error=type(error).__name__)
            return Person("", tuple(f"number:{number}" for number in numbers))

    def priority(self, person: Person, queue: str, wanted: int | None) -> int:
        """What the flow wants, or the queue's own; the customer's if that is higher. Raises `UnknownQueue`."""
        return max(self._queues.queue(queue).priority if wanted is None else wanted, person.priority)

    def waiting(self, person: Person) -> list[Requested]:
        """The callbacks that this person waits for, the oldest first. Of those to a telephone that others have too,
        not theirs: where it is settled who both of them are."""
        if not person.keys:
            return []
        found = self._queues.callbacks_of(*sorted({key.partition(":")[2] for key in person.keys}))
        mine = {"", *(key.removeprefix("customer:") for key in person.keys if key.startswith("customer:"))}
        strangers = {one.customer_id for one in found} - mine
        if strangers:
            strangers = self._settled({*strangers, person.customer_id})
            strangers = strangers - mine if person.customer_id in strangers else set()
        return [one for one in found if one.customer_id not in strangers]

    def _settled(self, customer_ids: set[str]) -> set[str]:
        """Those of whom more is known than an address."""
        settled = set()
        try:
            with reading(self._engine) as conn:
                for customer_id in customer_ids - {""}:
                    with contextlib.suppress(customers.UnknownCustomer):
                        if not customers.get(conn, customer_id).provisional:
                            settled.add(customer_id)
        except SQLAlchemyError as error:
            log.warning("customers can't be looked up", error=type(error).__name__)
        return settled

    def told(self, callback: Requested) -> str:
        """When a callback is to be made, as flows know it: "" for when its turn comes."""
        return clock_time(callback.at, self._timezone()) if callback.at else ""

    def book(self, session: Session, request: RequestCallback) -> CallbackBooked:
        """Book, move or give up. Raises ValueError for a number that nobody can have or that we don't call because a
        stranger says so, `NotInQueue`, `UnknownQueue`,
        `redis.RedisError`."""
        person, now = self.person(session), self._queues.clock()
        others = [one for one in self.waiting(person) if one.contact_id != session.contact_id]
        if request.cancel:
            own = self._queues.requested(session.contact_id)
            ids = [one.contact_id for one in ([own] if own is not None else []) + others]
            given_up = [self._queues.cancel_callback(contact_id) for contact_id in ids]
            return CallbackBooked(True) if any(given_up) else CallbackBooked(False, "none")
        if not self._queues.may_dial(request.number):
            log.info("no callback to a costly number", contact=session.contact_id)
            raise ValueError("no stranger has us call that number")
        here = self._queues.entry(session.contact_id).get("state") in IN_QUEUE
        moved = None if here or not others else others[0]
        queue = self._queues.entry(session.contact_id)["queue"] if here else moved.queue if moved else request.queue
        try:
            at = moment(request.at, self._timezone())
        except ValueError:
            log.error("the flow gave no time", contact=session.contact_id, at=request.at[:40])
            return CallbackBooked(False, "failed")
        if at is not None and at < now:
            return self._closed(next_possible(self._queues.hours, self._queues.queue(queue).callback_hours, now))
        if at is None and not here and not self._queues.open_at(queue, now):
            at = self._queues.hours.next_open(self._queues.queue(queue).callback_hours or "", now)
            if at is not None and at >= self._queues.last_time(queue):
                at = None  # nobody has chosen that day; the router waits for it
        try:
            if moved is None or not self._queues.move_callback(moved.contact_id, at=at, number=request.number):
                self._queues.request_callback(
                    session.contact_id,
                    request.number,
                    at=at,
                    queue=request.queue,
                    channel=session.channel,
                    caller=session.caller,
                    customer_id=person.customer_id,
                    language=session.language,
                    data=request.data,
                    known_as=person.keys,
                    priority=self.priority(person, request.queue, None),
                )
        except OutsideHours as closed:
            return self._closed(closed.next_open)
        except TooFar as error:
            return CallbackBooked(False, "too_far", clock_time(error.last - 1, self._timezone()))
        for other in others if here else ():  # one callback for one person
            self._queues.cancel_callback(other.contact_id, "replaced")
        return CallbackBooked(True, at="" if at is None else clock_time(at, self._timezone()))

    def _closed(self, next_possible: float | None) -> CallbackBooked:
        at = "" if next_possible is None else clock_time(next_possible, self._timezone())
        return CallbackBooked(False, "closed", at)


def _priority(conn: Connection, customer_id: str) -> int:
    """The customer's own, the attribute `priority`; what is none counts as 0."""
    try:
        found = customers.get(conn, customer_id).attributes.get("priority") if customer_id else None
    except customers.UnknownCustomer:
        return 0
    return found if type(found) is int and 0 <= found <= MAX_PRIORITY else 0


def next_possible(hours: Hours, name: str | None, now: float) -> float | None:
    """The first time that may be chosen for a callback in a queue with these opening hours (`None`: always open): a
    full quarter of an hour ahead, or when it opens; `None` where that isn't known."""
    soonest = math.ceil((now + SOONEST) / STEP) * STEP
    return soonest if name is None or hours.is_open(name, soonest) else hours.next_open(name, soonest)


def moment(text: str, timezone: str) -> float | None:
    """Unix time of an ISO 8601 date and time, on this clock unless it has an offset; `None` for "". Raises
    ValueError."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC).timestamp()


def clock_time(at: float, timezone: str) -> str:
    """A moment on this clock, to the minute: 2026-01-31T15:00."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(timezone)):%Y-%m-%dT%H:%M}"
