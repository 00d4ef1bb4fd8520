"""Callbacks: the caller's entry stays in the queue with its place, and its leg goes. When the turn comes, an agent is
reserved first (`callback.due` in the journal); then the process that wins `claim_callback` dials the customer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy.engine import Connection

from callcenter import customers, identifiers, tolls
from callcenter.acd.model import Place
from callcenter.queues.base import Base, UnknownQueue
from callcenter.queues.described import Described
from callcenter.queues.entries import Entries
from callcenter.queues.redis_hash import entry_fields, moment, text
from callcenter.queues.scripts import callbacks as scripts
from callcenter.queues.scripts.identifying import IDENTIFY

RESULTS = ("no_answer", "busy", "machine", "failed")
IN_QUEUE = ("waiting", "offered", "accepted")
TRIES = 5
"""How often a place is looked for that is moved to another queue at the same moment."""


class OutsideHours(ValueError):
    """The queue isn't open at the chosen time. `next_open` is when it is, in seconds since 1970, if that is known."""

    def __init__(self, next_open: float | None) -> None:
        super().__init__("the queue isn't open at that time")
        self.next_open = next_open


class TooFar(ValueError):
    """The chosen time is too many days ahead. `last` is until when one may be chosen, in seconds since 1970."""

    def __init__(self, days: int, last: float) -> None:
        super().__init__(f"callbacks are made within {days} days")
        self.last = last


class NotInQueue(LookupError):
    """The contact isn't in a queue, or is being connected at this moment."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A callback that waits. `at` is the chosen time (0: when its turn comes), or that of the next attempt. `campaign`
    is the name of the campaign by which we call; customers asked for those without one."""

    contact_id: str
    queue: str
    number: str
    customer_id: str
    joined_at: float
    at: float
    attempts: int
    state: str
    campaign: str = ""


class Callbacks(Entries, Base):
    def request_callback(
        self,
        contact_id: str,
        number: str,
        *,
        at: float | None = None,
        queue: str = "",
        channel: str = "voice",
        joined_at: float | None = None,
        **described: Unpack[Described],
    ) -> Place:
        """Call back instead of waiting, at the place that the contact has; a contact that isn't in a queue joins
        `queue`, also a full one. `at` is a chosen time; without it, when the turn comes. Asking again changes the
        number or the time. Raises `InvalidIdentifier` for a number that nobody can have, `OutsideHours`, `TooFar`,
        `NotInQueue`, `UnknownQueue`."""
        number = self.dialled(number)
        due = moment(at) if at is not None else "0"
        known = self.entry(contact_id)
        there = known.get("state") in IN_QUEUE
        self._check_time(known["queue"] if there else queue, at)
        if not there and queue:
            configured = self.queue(queue)
            if described.get("priority") is None:
                described["priority"] = configured.priority
            fields = entry_fields(
                described, channel=channel, joined_at=self.clock() if joined_at is None else joined_at, number=number,
                not_before=at or 0.0, attempts=0, requested_at=self.now(),
            )  # fmt: skip
            self._join(contact_id, queue, fields)
        elif known.get("leg") == "absent":
            self.run(scripts.MOVE, self.now(), contact_id, number, due, "")
        elif self.run(scripts.REQUEST, self.now(), contact_id, number, due) == "no":
            raise NotInQueue(contact_id)
        place = self.place(contact_id)
        if place is None or place.state not in IN_QUEUE:
            raise NotInQueue(contact_id)
        return place

    def offers_callback(self, contact_id: str) -> bool:
        """Whether the queue's rule (`offer_after`, `offer_size`, `offer_hours`) says to offer this contact a callback
        now. Raises `UnknownQueue`."""
        place = self.place(contact_id)
        if place is None or place.state != "waiting" or self.requested(contact_id) is not None:
            return False
        rule = self.queue(place.queue).callback
        if rule.offer_hours is not None and not self.hours.is_open(rule.offer_hours, self.clock()):
            return False
        return rule.offered(self.clock() - place.joined_at, place.waiting)

    def cancel_callback(self, contact_id: str, why: str = "cancelled") -> bool:
        """Nobody will call. False if there is no callback that waits, or the conversation has begun."""
        return self.entry(contact_id).get("leg") == "absent" and self.leave(contact_id, why)

    def move_callback(self, contact_id: str, *, at: float | None = None, number: str = "") -> bool:
        """To another time (`None`: when its turn comes) or number. A dial that is being placed is taken back. False if
        there is no callback that waits, or the conversation has begun. Raises `OutsideHours`, `TooFar`,
        `InvalidIdentifier`."""
        entry = self.entry(contact_id)
        if entry.get("leg") != "absent":
            return False
        self._check_time(entry["queue"], at)
        number = self.dialled(number) if number else ""
        due = moment(at) if at is not None else "0"
        return bool(self.run(scripts.MOVE, self.now(), contact_id, number, due, "") == "yes")

    def take_callback(
        self,
        contact_id: str,
        callback: str,
        *,
        channel: str,
        holder: str = "",
        **described: Unpack[Described],
    ) -> Place | None:
        """Wait on the line instead of being called back: this contact takes the place of the contact `callback`, which
        may be its own, with the time that it joined at and the higher of both priorities; nobody calls any more.
        `None` where no callback waits there (any more): then `join`. Again is the same again."""
        for _ in range(TRIES):
            old = self.entry(callback)
            if old.get("leg") != "absent" or old.get("state") not in IN_QUEUE:
                break
            both: Described = {
                **described,
                "customer_id": described.get("customer_id") or old["customer_id"],
                "language": described.get("language") or old["language"],
                "skills": json.loads(old["skills"]) | dict(described.get("skills") or {}),
                "priority": max(int(old["priority"]), described.get("priority") or 0),
            }
            fields = entry_fields(
                both, channel=channel, joined_at=float(old["joined_at"]), last_agent=old["last_agent"], holder=holder,
                queued_at=old["queued_at"], visited=old["visited"],
            )  # fmt: skip
            given = json.dumps(fields)
            state = self.run(scripts.TAKE, self.now(), contact_id, old["queue"], "", given, callback)
            if state == "gone":
                break
            if state != "elsewhere":
                return self.place(contact_id)
        mine = self.entry(contact_id)
        return self.place(contact_id) if mine.get("state") in IN_QUEUE and mine["leg"] == "present" else None

    def postpone(self, contact_id: str, at: float, why: str) -> bool:
        """The router's: not now (the queue is closed)."""
        return bool(self.run(scripts.MOVE, self.now(), contact_id, "", moment(at), why) == "yes")

    def callbacks_of(self, *keys: str) -> list[Requested]:
        """The callbacks that any of these customers (ids) or numbers asked for, the oldest first. `of_person` finds the
        keys of a person."""
        ids: set[str] = set()
        for key in keys:
            for kind in ("customer", "number"):
                ids |= {text(item) for item in self.client.smembers(f"cw:callbacks:{kind}:{key}")}
        found = [self.requested(contact_id) for contact_id in sorted(ids)]
        return sorted(
            (one for one in found if one and not one.campaign), key=lambda one: (one.joined_at, one.contact_id)
        )

    def requested(self, contact_id: str) -> Requested | None:
        """A contact's callback, if it waits."""
        entry = self.entry(contact_id)
        if entry.get("leg") != "absent" or entry["state"] not in IN_QUEUE:
            return None
        return Requested(
            contact_id, entry["queue"], entry["number"], entry["customer_id"], float(entry["joined_at"]),
            float(entry["not_before"]), int(entry.get("attempts") or 0), entry["state"],
            json.loads(entry.get("data") or "{}").get("campaign", {}).get("name", ""),
        )  # fmt: skip

    def identify(self, contact_id: str, customer_id: str, known_as: Iterable[str]) -> bool:
        """Whom a contact turns out to be with, after it has joined; both are as in `Described`. Callbacks that the
        person asked for before a conversation in this contact began are cancelled. False if it is in no queue and
        hasn't been served for a day."""
        return bool(self.run(IDENTIFY, self.now(), contact_id, customer_id, " ".join(known_as)) != "no")

    def restore_dial(
        self, offer_id: str, contact_id: str, agent_id: str, *, device: str, holder: str, accepted: bool
    ) -> bool | None:
        """Tell a store that has lost its data that this process is dialling. `accepted`: the agent is on the line. True
        if it goes on; False if it must end: nobody wants the callback any more, another process dials, or the agent is
        being asked for another contact. `None`: the contact isn't there again yet, ask again."""
        lease = moment(self.clock() + self.timing.dial)
        state = "accepted" if accepted else "offered"
        told = (self.now(), offer_id, contact_id, agent_id, device, holder, state, lease)
        return {"yes": True, "no": False}.get(self.run(scripts.RESTORE, *told))

    def callback_tried(self, offer_id: str, result: str) -> str:
        """The customer wasn't reached: `no_answer`, `busy`, `machine` or `failed`. The agent is free at once. Gives
        `again` (it keeps its place and is dialled after the queue's spacing), `failed` (that was the last attempt),
        or `was` (noted before). Raises ValueError for another word, `NotInQueue` for an offer that isn't one of a
        callback or is over."""
        if result not in RESULTS:
            raise ValueError(f"a callback's result is {', '.join(RESULTS)}, not {result!r}")
        offer = self.read(f"cw:offer:{offer_id}")
        try:
            rule = self.queue(offer.get("queue", "")).callback
        except UnknownQueue:
            raise NotInQueue(offer_id) from None
        # A campaign's call is one attempt: its list says when there is another.
        calls = 1 if "campaign" in self.context(offer["contact"]) else rule.retries + 1
        answer = self.run(scripts.TRIED, self.now(), offer_id, result, rule.spacing, calls, rule.limit)
        if answer == "no":
            raise NotInQueue(offer_id)
        return str(answer)

    def dialled(self, number: str) -> str:
        """A number as it is stored: E.164, or a SIP address as it is. Raises `InvalidIdentifier`."""
        if re.fullmatch(r"sips?:[^\s@]+@\S+", number):
            return number
        return identifiers.normalise("phone", number, self.region)

    def may_dial(self, number: str) -> bool:
        """Whether a stranger may have us call there (`callcenter.tolls`)."""
        return tolls.may_dial(number, self.region, self.dial_countries)

    def open_at(self, queue: str, at: float) -> bool:
        """Whether callbacks of this queue are made then. Raises `UnknownQueue`."""
        hours = self.queue(queue).callback_hours
        return hours is None or self.hours.is_open(hours, at)

    def last_time(self, queue: str) -> float:
        """Until when callbacks of this queue may be chosen now. Raises `UnknownQueue`."""
        return self.hours.end_of_day(self.clock(), self.queue(queue).callback.days_ahead)

    def _check_time(self, queue: str, at: float | None) -> None:
        if at is None or not queue:
            return
        last = self.last_time(queue)
        if at >= last:
            raise TooFar(self.queue(queue).callback.days_ahead, last)
        if not self.open_at(queue, at):
            opens = self.hours.next_open(self.queue(queue).callback_hours or "", at)
            raise OutsideHours(opens if opens is None or opens < last else None)

    def context(self, contact_id: str) -> dict[str, Any]:
        """What the flow gave with the contact (`data` of `join`)."""
        stored = self.entry(contact_id).get("data")
        found: dict[str, Any] = json.loads(stored) if stored else {}
        return found


def of_person(conn: Connection, queues: Callbacks, customer_id: str, addresses: Iterable[str] = ()) -> list[Requested]:
    """A person's callbacks that wait, whichever of their identifiers asked: those of all customers who were merged
    into this one, and to any of their telephone numbers. `addresses` are further numbers, such as the caller's."""
    return queues.callbacks_of(*sorted({key.partition(":")[2] for key in known_as(conn, customer_id, addresses)}))


def known_as(conn: Connection, customer_id: str, addresses: Iterable[str] = ()) -> list[str]:
    """All that a person's callbacks are found by, for `known_as` of an entry: customer:ID of everybody who was merged
    into this customer, number:NUMBER of their telephones and of `addresses`. person:ID as well where more is known of
    them than a number: others who share a telephone with them aren't they."""
    keys = {f"number:{address}" for address in addresses if address and " " not in address}
    if customer_id:
        keys.add(f"customer:{customer_id}")
        try:
            person = customers.get(conn, customer_id)
        except customers.UnknownCustomer:
            return sorted(keys)
        keys |= {f"customer:{member}" for member in person.members}
        if not person.provisional:
            keys |= {f"person:{member}" for member in person.members}
        keys |= {f"number:{known.value}" for known in person.identifiers if known.kind == "phone"}
    return sorted(keys)
