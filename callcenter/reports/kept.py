"""Lives that are kept, so that a report of a long time reads one row of a contact and not all its events.

A job (`keep_up`) puts the lives of contacts together that had events, up to an id below which none can appear any more.
Whoever reads takes what is kept, and puts together anew those that had events since: what is read is right whether
the job has run or not, only quicker.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import locks
from callcenter.db import reading
from callcenter.reports.figures import LONG_AGO, Comings
from callcenter.reports.lives import BATCH, KINDS, Life, Visit, began, folded
from callcenter.tables import contacts, events, lives, lives_position

NAME = "lives/2"
"""Another number where lives are put together in another way: all are then made anew."""
SETTLED = timedelta(seconds=30)
"""No transaction is open for longer: events with smaller ids than those of so long ago can't appear any more."""
STEP = 2000
"""Events at a time: a writer of SQLite's mustn't hold up the others."""
BUDGET = 20.0
"""Seconds that one `keep_up` goes on."""


def read(conn: Connection, begin: datetime, end: datetime, channel: str = "") -> Iterator[Life]:
    """Contacts that began in [begin, end), in no order; of one channel where given. The same as `lives.lives`."""
    through = conn.execute(sa.select(lives_position.c.through).where(lives_position.c.name == NAME)).scalar() or 0
    since = sa.select(events.c.contact_id).where(
        events.c.id > through, events.c.kind.in_(KINDS), events.c.contact_id.is_not(None)
    )
    changed = set(conn.execute(since.distinct()).scalars())
    period = began(begin, end, channel)
    query = (
        sa.select(
            contacts.c.id, contacts.c.channel, contacts.c.started_at, contacts.c.outcome, contacts.c.customer_id,
            sa.type_coerce(lives.c.data, sa.Text),
        )
        .select_from(contacts.outerjoin(lives, lives.c.contact_id == contacts.c.id))
        .where(*period)
    )  # fmt: skip
    for rows in conn.execute(query, execution_options={"yield_per": BATCH}).partitions():
        # One text for all of them: decoding each by itself takes twice as long.
        told = json.loads(f"[{','.join(row[5] or 'null' for row in rows)}]")
        for (id, medium, started_at, outcome, customer_id, _), data in zip(rows, told, strict=True):
            if id not in changed:
                life = Life(id, medium, started_at, outcome, customer_id or "")
                if data is not None:
                    _unpack(life, data)
                yield life
    if changed:
        yield from folded(conn, *period, contacts.c.id.in_(since))


def comings(conn: Connection, begin: datetime, end: datetime) -> Comings:
    """When customers came in [begin, end); contacts of nobody known count for the horizon."""
    period = began(begin, end)
    query = sa.select(contacts.c.customer_id, contacts.c.started_at).where(
        *period, contacts.c.customer_id.is_not(None), contacts.c.customer_id != ""
    )
    last = conn.execute(sa.select(sa.func.max(contacts.c.started_at)).where(*period)).scalar()
    found: dict[str, list[datetime]] = {}
    for customer, at in conn.execute(query, execution_options={"yield_per": BATCH}):
        found.setdefault(customer, []).append(at)
    return Comings(found, last or LONG_AGO)


def keep_up(engine: Engine, now: datetime) -> int:
    """Keep the lives of contacts that had events; returns how many. Several may run at once. Goes on with the rest the
    next time when it takes long."""
    deadline = time.monotonic() + BUDGET
    through, limit = _limit(engine, now)
    done = 0
    while through < limit and time.monotonic() < deadline:
        with reading(engine) as conn:
            step = sa.select(events.c.id).where(events.c.id > through, events.c.id <= limit).order_by(events.c.id)
            to = conn.execute(step.limit(1).offset(STEP - 1)).scalar() or limit
            had = sa.select(events.c.contact_id).where(
                events.c.id > through, events.c.id <= to, events.c.kind.in_(KINDS), events.c.contact_id.is_not(None)
            )
            found = [{"contact_id": life.id, "data": _packed(life)} for life in folded(conn, contacts.c.id.in_(had))]
        if not _keep(engine, through, to, found):
            break  # another one is at it
        through, done = to, done + len(found)
    return done


def _limit(engine: Engine, now: datetime) -> tuple[int, int]:
    """Up to which event lives are kept, and up to which they can be."""
    mine = lives_position.c.name == NAME
    with engine.begin() as conn:
        locks.hold(conn, "reports:lives")
        row = conn.execute(sa.select(lives_position).where(mine)).one_or_none()
        newest = conn.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0
        if row is None:
            conn.execute(sa.insert(lives_position).values(name=NAME, through=0, ahead=newest, ahead_at=now))
            return 0, 0
        if now - row.ahead_at < SETTLED:
            return row.through, row.through
        if row.through >= row.ahead:
            conn.execute(sa.update(lives_position).where(mine).values(ahead=newest, ahead_at=now))
        return row.through, row.ahead


def _keep(engine: Engine, through: int, to: int, found: list[dict[str, Any]]) -> bool:
    """False where another job was quicker."""
    with engine.begin() as conn:
        here = (lives_position.c.name == NAME, lives_position.c.through == through)
        if conn.execute(sa.update(lives_position).where(*here).values(through=to)).rowcount != 1:
            return False
        if found:
            conn.execute(sa.delete(lives).where(lives.c.contact_id.in_([one["contact_id"] for one in found])))
            conn.execute(sa.insert(lives), found)
    return True


def _packed(life: Life) -> dict[str, Any]:
    """A life without what its contact's row says; visits join so many seconds after its beginning. Of a visit what only
    later events need is left out (its offer): they lead to its being put together anew."""
    visits = [
        [
            one.queue, one.agent, one.waited, one.connected, one.talked, one.wrapped,
            one.promised, one.why, one.callback, one.transferred, one.inherited,
            (one.joined_at - life.started_at).total_seconds(),
        ]
        for one in life.visits
    ]  # fmt: skip
    said = {"v": visits, "a": life.asked_again, "s": life.surveys, "p": life.wanted_person}
    return {name: value for name, value in said.items() if value} | ({"l": life.last} if any(life.last) else {})


def _unpack(life: Life, data: Mapping[str, Any]) -> None:
    if "l" in data:
        life.last = (data["l"][0], data["l"][1])
    if "a" in data:
        life.asked_again = data["a"]
    if "p" in data:
        life.wanted_person = True
    if "s" in data:
        life.surveys = [(kind, score) for kind, score in data["s"]]
    for queue, agent, waited, connected, talked, wrapped, promised, why, callback, sent, came, at in data.get("v", ()):
        life.visits.append(
            Visit(
                queue, life.started_at + timedelta(seconds=at), agent, "", waited, connected, talked, None, wrapped,
                promised, why, callback, sent, came,
            )
        )  # fmt: skip
