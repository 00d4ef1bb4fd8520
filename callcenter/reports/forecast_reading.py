"""What a forecast is made from: the visits to queues of many weeks, from the event log.

A visit counts in the quarter of an hour in which it joined its queue (the one that it ended up in), by its medium:
voice, chat, sms, whatsapp, messenger, email. As in the history, a transfer to a queue is a visit of its own, and those
who left within `SHORT` seconds are left out: they need nobody. A **callback** is work that can wait: it counts as a way
of coming of its own, when the customer was reached and not when it was asked for; those that reached nobody aren't
counted. Handling is talking and wrap-up, also of conversations that came from another agent.

Patience is the mean of an exponential distribution, by maximum likelihood from censored waits: all seconds that anybody
waited on the telephone over the number of those who gave up, since who was served, went to voicemail or asked to be
called back would have had patience for longer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from sqlalchemy.engine import Connection

from callcenter.acd.config import medium
from callcenter.reports import kept
from callcenter.reports.figures import QUARTER, SHORT
from callcenter.reports.forecast import WEEK, WEEKS, Arrivals
from callcenter.reports.lives import Life, Visit

CALLBACK = "callback"
VOICE = "voice"
PATIENT = 20
"""Those who gave up, at least: fewer say nothing about patience."""
EARLIER = timedelta(days=7)
"""How long before it joins a queue a contact may have begun."""


def gather(lives: Iterable[Life], since: datetime, until: datetime) -> Arrivals:
    """Count visits that joined in [since, until)."""
    found = Arrivals(since, until)
    for life in lives:
        kind = medium(life.channel)
        for visit in life.visits:
            _take(found, visit, kind)
    return found


def patience(arrivals: Arrivals, queue: str) -> float | None:
    """The mean patience of callers in seconds; `None` where fewer than PATIENT gave up."""
    gave_up = arrivals.gave_up[queue]
    return arrivals.waits[queue] / gave_up if gave_up >= PATIENT and arrivals.waits[queue] > 0 else None


class Gathered:
    """The weeks before a day, kept for whoever asks again: a day that is over changes little. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: tuple[date, tzinfo, Arrivals] | None = None

    def read(self, conn: Connection, today: date, zone: tzinfo) -> Arrivals:
        """The whole days before `today`: as many as a forecast needs, and a week more to test one."""
        with self._lock:
            if self._found is None or self._found[:2] != (today, zone):
                since, until = (
                    datetime.combine(on, time(), zone).astimezone(UTC) for on in (today - WEEK * (WEEKS + 1), today)
                )
                self._found = today, zone, gather(kept.read(conn, since - EARLIER, until), since, until)
            return self._found[2]


def _take(found: Arrivals, visit: Visit, kind: str) -> None:
    at, key = visit.joined_at, (visit.queue, kind)
    if visit.callback:
        key = (visit.queue, CALLBACK)
        at += timedelta(seconds=visit.waited or 0.0)
    if not found.since <= at < found.until:
        return
    if visit.talked is not None:
        found.lengths[key].append(visit.talked + (visit.wrapped or 0.0))
    if visit.inherited or (visit.callback and not visit.connected):
        return
    waited = visit.waited or 0.0
    if visit.gave_up and not visit.connected and waited <= SHORT:
        return
    found.came[key][int(at.timestamp()) // QUARTER] += 1
    if kind == VOICE and not visit.callback:
        found.waits[visit.queue] += waited
        found.gave_up[visit.queue] += visit.gave_up and not visit.connected
