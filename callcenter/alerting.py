"""Telling people of alerts: once for each episode, and when it is over.

An episode of an alert begins when it holds for a queue and ends when it doesn't; each group of people has its own, so
that the quiet hours of some are not those of all. What is told goes to the outbox in the transaction that notes it: two
who watch at once, or one who dies in between, tell nobody twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import events, locks, outbox
from callcenter.alerts import AlertsFile, Held, People
from callcenter.queue_tables import alert_episodes

Say = Callable[[Held | None, str, str, bool], tuple[str, str]]
"""Called as say(held, alert, queue, over): the subject and the text of what is told. `held` is None when it is over."""
LOCK: Final = "alerts"


def watch(
    engine: Engine, file: AlertsFile, held: Iterable[Held], now: datetime, *, zone: ZoneInfo, say: Say
) -> int:  # fmt: skip
    """Take note of what holds, and queue what is to be told; gives how many messages. `zone` is the company's."""
    holding = {
        f"{one.name}.{one.queue.name}.{group}": (one, file.people[group])
        for one in held
        for group in one.alert.to
        if group in file.people
    }
    with engine.begin() as conn:
        locks.hold(conn, LOCK)
        known: dict[str, Any] = {row.key: row for row in conn.execute(sa.select(alert_episodes))}
        told = 0
        for key, (one, people) in holding.items():
            told += _goes_on(conn, key, known.get(key), one, people, now, zone, say)
        for key, row in known.items():
            if key not in holding and row.began_at is not None:
                told += _over(conn, key, row, file.people.get(key.rpartition(".")[2]), now, zone, say)
    return told


def _goes_on(
    conn: Connection, key: str, row: Any, one: Held, people: People, now: datetime, zone: ZoneInfo, say: Say
) -> int:
    """It holds: a new episode begins, and those who are to be told are, as soon as they may be."""
    began = row.began_at if row is not None and row.began_at is not None else now
    if row is None:
        conn.execute(sa.insert(alert_episodes).values(key=key, began_at=now, told=False))
    elif row.began_at is None:
        _change(conn, key, began_at=now, told=False)
    if row is not None and row.began_at is not None and row.told:
        return 0
    lately = row is not None and row.told_at is not None and now - row.told_at < _seconds(one.alert.at_most_every)
    if now - began < _seconds(one.alert.for_) or lately or _quiet_until(people, now, zone) is not None:
        return 0
    _change(conn, key, told=True, told_at=now)
    subject, text = say(one, one.name, one.queue.name, False)
    events.record(conn, None, None, "alert.began", {"alert": one.name, "queue": one.queue.name}, now)
    return _tell(conn, people, subject, text, f"alert:{key}:{began.isoformat()}:began", now)


def _over(
    conn: Connection, key: str, row: Any, people: People | None, now: datetime, zone: ZoneInfo, say: Say
) -> int:  # fmt: skip
    """It holds no longer: who was told hears that too, after their quiet hours."""
    _change(conn, key, began_at=None, told=False)
    if not row.told or people is None:
        return 0
    name, queue, _ = key.split(".")
    events.record(conn, None, None, "alert.over", {"alert": name, "queue": queue}, now)
    subject, text = say(None, name, queue, True)
    at = _quiet_until(people, now, zone) or now
    return _tell(conn, people, subject, text, f"alert:{key}:{row.began_at.isoformat()}:over", at)


def _tell(conn: Connection, people: People, subject: str, text: str, key: str, at: datetime) -> int:
    for channel, addresses in (("email", people.mail), ("sms", people.sms)):
        for to in addresses:
            outbox.queue(
                conn, channel=channel, to=to, subject=subject if channel == "email" else "",
                body=text if channel == "email" else subject, at=at, author="system", dedupe_key=f"{key}:{to}",
            )  # fmt: skip
    return len(people.mail) + len(people.sms)


def _quiet_until(people: People, now: datetime, zone: ZoneInfo) -> datetime | None:
    return people.quiet.over_at(now, zone) if people.quiet is not None else None


def _change(conn: Connection, key: str, **values: Any) -> None:
    conn.execute(sa.update(alert_episodes).where(alert_episodes.c.key == key).values(**values))


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
