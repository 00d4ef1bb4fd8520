"""Calls that run a flow, without an agent: who is called next and how fast, and what became of each call.

Any number of processes may place calls. A person is leased in the database, with the contact, before their telephone
rings, and that is one attempt whatever follows. The session's last step notes the outcome in its own transaction; a
process that dies leaves a lease that isn't kept, which the next one takes for a failed attempt. So nobody is called
twice for one attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import contacts, locks
from callcenter.campaigns import calls, following, people
from callcenter.campaigns.deciding import Lists
from callcenter.db import reading
from callcenter.queues import closing
from callcenter.tables import campaign_paces

LOOKED_AT: Final = 50
"""People in one transaction: short, so that nobody waits for its locks."""
KEPT: Final = timedelta(seconds=60)
"""A call that nobody has kept for so long is over: its process has died."""
FAULTS: Final = frozenset({"failed", "lost"})
"""Outcomes of sessions that are our fault, and no conversation."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be made at once. `slots` are what the list says, by column; `settings` as in `calls.settings_of`."""

    contact_id: str
    number: str
    language: str
    flow: str
    slots: Mapping[str, str]
    settings: Mapping[str, Any]


def due(engine: Engine, lists: Lists, now: datetime) -> list[str]:
    """The campaigns that run a flow, today and without a pause, and have somebody to be looked at now."""
    today = now.astimezone(lists.zone).date()
    names = [name for name, one in lists.campaigns.items() if one.flow is not None and one.on(today)]
    if not names:
        return []
    with reading(engine) as conn:
        return [name for name in names if not people.is_paused(conn, name) and people.due(conn, name, now, 1)]


def begin(engine: Engine, lists: Lists, name: str, now: datetime, callbacks: calls.Waiting, most: int) -> list[Call]:
    """Lease those of a campaign who are called now, `most` at most: as many as its pace and its number of calls at once
    leave room for."""
    campaign = lists.campaigns[name]
    assert campaign.flow is not None
    begun: list[Call] = []
    with engine.begin() as conn:
        locks.hold(conn, f"campaign-flow:{name}")
        if closing.is_closed(conn, campaign.queue) or closing.is_closed(conn, closing.ALL):
            return []
        lasting = sum(person.campaign == name for person in people.queued(conn, flows=True))
        pace = _Pace(conn, name, campaign.calls_per_minute, now)
        room = min(most, campaign.at_once - lasting, pace.room)
        for person in people.due(conn, name, now, LOOKED_AT) if room > 0 else ():
            if len(begun) >= room:
                break
            if not calls.may_begin(conn, lists, person, now, callbacks):
                continue
            contact_id = calls.contact(conn, person, now)
            if not people.lease(conn, person, contact_id, now, flow=campaign.flow):
                continue
            language = calls.language_of(conn, person) or lists.language
            settings = calls.settings_of(lists, person, campaign, language)
            slots = calls.slots_of(person)
            begun.append(Call(contact_id, person.number, language, campaign.flow, slots, settings))
        pace.used(len(begun))
    return begun


class _Pace:
    """Calls are spread evenly: each uses up its part of a minute. Of time that went unused, a second may be made up
    for."""

    def __init__(self, conn: Connection, name: str, per_minute: float, now: datetime) -> None:
        self._conn, self._name = conn, name
        self._each = timedelta(minutes=1) / per_minute
        until = conn.execute(
            sa.select(campaign_paces.c.until).where(campaign_paces.c.campaign == name)
        ).scalar_one_or_none()
        self._known = until is not None
        slack = max(self._each, timedelta(seconds=1))
        self._from = now - slack if until is None else max(until, now - slack)
        self.room = int((now - self._from) / self._each)

    def used(self, calls: int) -> None:
        if not calls:
            return
        until = self._from + calls * self._each
        if self._known:
            mine = sa.update(campaign_paces).where(campaign_paces.c.campaign == self._name)
            self._conn.execute(mine.values(until=until))
        else:
            self._conn.execute(sa.insert(campaign_paces).values(campaign=self._name, until=until))


def over(
    conn: Connection, contact_id: str, settings: Mapping[str, Any], outcome: str, now: datetime, *, person: bool
) -> None:
    """The call is over. `outcome` is the session's, or why there was none (no_answer, busy, machine, failed); `person`:
    somebody was there, and not a machine. Once for each contact, however often it is told."""
    found = people.of_contacts(conn, [contact_id]).get(contact_id)
    if found is None:  # the person is being called again
        return
    means = str(dict(settings.get("codes") or {}).get(outcome, "")) if person else ""
    if found.state == people.DONE:  # an agent has talked with them; what they told the flow after that counts still
        if means == people.DO_NOT_CONTACT and found.result == people.REACHED:
            people.call_no_more(conn, found, source="campaign", now=now)
            people.finish(conn, found, people.DECLINED, now, before=people.DONE, code=outcome)
    elif found.state != people.QUEUED:
        return
    elif not person:
        missed = outcome if outcome in dict(settings.get("spacing") or {}) else "machine"
        following.tried(conn, found, missed, now, settings=settings)
    elif means == people.DO_NOT_CONTACT:
        people.call_no_more(conn, found, source="campaign", now=now)
        people.finish(conn, found, people.DECLINED, now, attempts=found.attempts + 1, code=outcome)
    elif means or outcome in FAULTS:
        following.tried(conn, found, means or "failed", now, settings=settings)
    else:
        people.finish(conn, found, people.REACHED, now, attempts=found.attempts + 1, code=outcome)


def missed(engine: Engine, call: Call, outcome: str, now: datetime) -> None:
    """Nobody was reached: no_answer, busy, machine, failed. Changes nothing where the call has been told of already."""
    with engine.begin() as conn:
        over(conn, call.contact_id, call.settings, outcome, now, person=False)
        contacts.end(conn, call.contact_id, outcome=outcome, at=now)


def keep(engine: Engine, contact_ids: Sequence[str], now: datetime) -> None:
    """These calls last."""
    with engine.begin() as conn:
        people.keep(conn, contact_ids, now)


def bury(engine: Engine, lists: Lists, now: datetime) -> int:
    """Calls whose process has died were failed attempts; gives how many. Their campaign's settings are those of now."""
    with reading(engine) as conn:
        dead = [one for one in people.queued(conn, flows=True) if now - one.updated_at >= KEPT]
    for person in dead:
        campaign = lists.campaigns.get(person.campaign)
        with engine.begin() as conn:
            again = people.of_contacts(conn, [person.contact_id]).get(person.contact_id)
            if again is None or again.updated_at != person.updated_at:  # somebody keeps it after all
                continue
            if campaign is None:
                people.again(conn, person, now, now)
            else:
                settings = calls.settings_of(lists, person, campaign, calls.language_of(conn, person))
                over(conn, person.contact_id, settings, "failed", now, person=False)
            contacts.end(conn, person.contact_id, outcome="failed", at=now)
    return len(dead)
