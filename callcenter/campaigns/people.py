"""People on lists: the rows of `campaign_people`, and how they change. Every change names the state that it is made
from, so that of two processes one makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter import consent, events, identifiers
from callcenter.identifiers import InvalidIdentifier
from callcenter.tables import campaign_pauses, campaign_people

WAITING, QUEUED, DONE = "waiting", "queued", "done"
REACHED, NOT_REACHED, DO_NOT_CONTACT, NO_CONSENT = "reached", "not_reached", "do_not_contact", "no_consent"
SERVED, DECLINED, CANCELLED, MERGED, SKIPPED = "served", "declined", "cancelled", "merged", "skipped"
REFUSALS: Final[Mapping[str, str]] = {
    "stopped": DO_NOT_CONTACT, "do_not_contact": DO_NOT_CONTACT, "withdrawn": DO_NOT_CONTACT, "no_consent": NO_CONSENT,
}  # fmt: skip
"""What the words of `consent.refusal` are as results."""

Person = Row[Any]


def due(conn: Connection, campaign: str, now: datetime, limit: int) -> Sequence[Person]:
    """Who may be looked at now, the longest due first."""
    query = sa.select(campaign_people).where(
        campaign_people.c.campaign == campaign, campaign_people.c.state == WAITING, campaign_people.c.next_at <= now
    )
    return conn.execute(query.order_by(campaign_people.c.next_at, campaign_people.c.id).limit(limit)).all()


def queued(conn: Connection, *, flows: bool = False) -> Sequence[Person]:
    """Who is in a queue, or on the way into or out of it; with `flows` those whose call runs a flow instead."""
    by_flow = campaign_people.c.flow != ""
    query = sa.select(campaign_people).where(campaign_people.c.state == QUEUED, by_flow if flows else sa.not_(by_flow))
    return conn.execute(query.order_by(campaign_people.c.updated_at)).all()


def called_elsewhere(conn: Connection, person: Person, customer_ids: Sequence[str], numbers: Sequence[str]) -> bool:
    """Whether another campaign is calling this person, by any of their ids or numbers."""
    query = sa.select(campaign_people.c.id).where(
        campaign_people.c.state == QUEUED,
        campaign_people.c.id != person.id,
        sa.or_(campaign_people.c.customer_id.in_(customer_ids), campaign_people.c.number.in_(numbers)),
    )
    return conn.execute(query.limit(1)).first() is not None


def of_contacts(conn: Connection, contact_ids: Iterable[str]) -> dict[str, Person]:
    """Whose calls these contacts are, by contact."""
    wanted = {contact_id for contact_id in contact_ids if contact_id}
    if not wanted:
        return {}
    query = sa.select(campaign_people).where(campaign_people.c.contact_id.in_(wanted))
    return {row.contact_id: row for row in conn.execute(query)}


def lease(conn: Connection, person: Person, contact_id: str, now: datetime, *, flow: str = "") -> bool:
    """The person is to join the queue as this contact, or is called to run `flow`. False where another process was
    first."""
    return _change(conn, person, WAITING, now, state=QUEUED, contact_id=contact_id, agent="", code="", flow=flow)


def keep(conn: Connection, contact_ids: Sequence[str], now: datetime) -> None:
    """Calls that run a flow, and last."""
    mine = sa.and_(campaign_people.c.contact_id.in_(contact_ids), campaign_people.c.state == QUEUED)
    conn.execute(sa.update(campaign_people).where(mine).values(updated_at=now))


def again(conn: Connection, person: Person, at: datetime, now: datetime, *, before: str = QUEUED) -> bool:
    """Nothing has come of it yet: to be looked at again at this time."""
    return _change(conn, person, before, now, state=WAITING, next_at=at)


def finish(conn: Connection, person: Person, result: str, now: datetime, *, before: str = QUEUED, **more: Any) -> bool:
    """Over and done with, for this reason."""
    if not _change(conn, person, before, now, state=DONE, result=result, **more):
        return False
    told = {"campaign": person.campaign, "result": result, "attempts": more.get("attempts", person.attempts)}
    told |= {name: more[name] for name in ("agent", "code") if more.get(name)}
    events.record(conn, person.contact_id, None, "campaign.done", told, now)
    return True


def tried(
    conn: Connection,
    person: Person,
    outcome: str,
    now: datetime,
    *,
    most: int,
    spacing: float,
    before: str = QUEUED,
    counted: int = 0,
) -> bool:
    """A call that reached nobody; True where it was the last. `counted`: 1 where it is among the attempts already."""
    attempts = person.attempts + 1 - counted
    if attempts >= most:
        return finish(conn, person, NOT_REACHED, now, before=before, attempts=attempts, code=outcome)
    at = now + timedelta(seconds=spacing)
    if _change(conn, person, before, now, state=WAITING, result=outcome, attempts=attempts, next_at=at):
        told = {"campaign": person.campaign, "result": outcome, "attempts": attempts, "next_at": at.isoformat()}
        events.record(conn, person.contact_id, None, "campaign.tried", told, now)
    return False


def skipped(conn: Connection, person: Person, agent: str, reason: str, at: datetime, now: datetime) -> bool:
    """An agent who looked at whom to call says why not now; not before `at`. False where the call is under way, or has
    been taken back already."""
    if not _change(conn, person, QUEUED, now, state=WAITING, result=SKIPPED, next_at=at, agent=agent, code=reason):
        return False
    told = {"campaign": person.campaign, "reason": reason, "agent": agent, "next_at": at.isoformat()}
    events.record(conn, person.contact_id, None, "campaign.skipped", told, now)
    return True


def call_no_more(conn: Connection, person: Person, *, source: str, now: datetime) -> None:
    """The person wants no more calls: do-not-contact for the channel `phone`, for everybody whom the number names."""
    for customer_id in named(conn, person.number) | ({person.customer_id} - {""}):
        consent.put(conn, customer_id, "phone", source=source, at=now, do_not_contact=True)


def named(conn: Connection, number: str) -> set[str]:
    """The customers whom a number names."""
    try:
        return {one.customer_id for one in identifiers.identify(conn, "phone", number)}
    except InvalidIdentifier:  # a SIP address
        return set()


def pause(conn: Connection, campaign: str, *, by: str, at: datetime) -> bool:
    """False if it was paused already. `by` is who it was: user:ID, "console"."""
    if is_paused(conn, campaign):
        return False
    try:
        with conn.begin_nested():
            conn.execute(sa.insert(campaign_pauses).values(campaign=campaign, by=by, at=at))
    except sa.exc.IntegrityError:
        return False
    events.record(conn, None, None, "campaign.paused", {"campaign": campaign, "by": by}, at)
    return True


def resume(conn: Connection, campaign: str, *, by: str, at: datetime) -> bool:
    """False if it wasn't paused."""
    if conn.execute(sa.delete(campaign_pauses).where(campaign_pauses.c.campaign == campaign)).rowcount == 0:
        return False
    events.record(conn, None, None, "campaign.resumed", {"campaign": campaign, "by": by}, at)
    return True


def is_paused(conn: Connection, campaign: str) -> bool:
    found = sa.select(campaign_pauses.c.campaign).where(campaign_pauses.c.campaign == campaign)
    return conn.execute(found).first() is not None


def _change(conn: Connection, person: Person, before: str, now: datetime, **values: Any) -> bool:
    mine = sa.update(campaign_people).where(
        campaign_people.c.id == person.id,
        campaign_people.c.state == before,
        campaign_people.c.contact_id.is_not_distinct_from(person.contact_id),
    )
    return conn.execute(mine.values(updated_at=now, **values)).rowcount == 1
