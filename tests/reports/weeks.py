"""Weeks of calls to a queue in the event log, with a law that a forecast can find: as many in each half-hour of the
opening hours, with one in ten giving up after a minute."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.tables import contacts, events

HANDLING = 240.0
"""Seconds, a fourth of them wrap-up."""


def write(
    conn: Connection, before: date, zone: tzinfo, *, weeks: int = 10, queue: str = "billing", each: int = 6,
    hours: Iterable[int] = (9, 10, 11), channel: str = "sip", seed: int = 4,
) -> int:  # fmt: skip
    """On Mondays to Fridays of the weeks before a day; how many contacts."""
    chance, people, facts = random.Random(seed), list[dict[str, Any]](), list[dict[str, Any]]()
    for day in (before - timedelta(days=number) for number in range(1, 7 * weeks + 1)):
        if day.weekday() > 4:
            continue
        for begin in (datetime.combine(day, time(hour, minute), zone) for hour in hours for minute in (0, 30)):
            for _ in range(each):
                at = (begin + timedelta(seconds=chance.uniform(0, 1799))).astimezone(UTC)
                _contact(f"{queue}{channel}{len(people)}", queue, channel, at, len(people) % 10 == 0, people, facts)
    conn.execute(sa.insert(contacts), people)
    conn.execute(sa.insert(events), facts)
    return len(people)


def _contact(
    id: str, queue: str, channel: str, at: datetime, gives_up: bool, people: list[dict[str, Any]],
    facts: list[dict[str, Any]],
) -> None:  # fmt: skip
    def fact(after: float, kind: str, **data: Any) -> None:
        facts.append({"at": at + timedelta(seconds=after), "contact_id": id, "kind": kind, "data": data})

    people.append({"id": id, "channel": channel, "caller": "+12125550100", "called": "1", "direction": "in",
                   "started_at": at, "ended_at": at + timedelta(hours=1),
                   "outcome": "hung_up" if gives_up else "completed"})  # fmt: skip
    fact(0, "queue.joined", queue=queue, joined_at=at.timestamp(), leg="present", data={})
    if gives_up:
        fact(60, "queue.left", queue=queue, why="abandoned")
        return
    fact(10, "offer.connected", queue=queue, agent="ana", offer=id)
    fact(10 + HANDLING * 0.75, "offer.done", queue=queue, agent="ana", offer=id, seconds=HANDLING * 0.75)
    fact(10 + HANDLING, "wrap_up.done", queue=queue, agent="ana", offer=id)
