"""The audit over the whole event log, in batches."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.acd.audit import Audit
from callcenter.db import reading
from callcenter.events import Event
from callcenter.queues.journal import facts_of
from callcenter.tables import events

BATCH = 5000
KINDS = ("queue.%", "offer.%", "callback.%", "wrap\\_up.%")


def audit(engine: Engine) -> Audit:
    """Take in all events of queues in the order of the log."""
    found = Audit()
    after = 0
    ours = sa.or_(*(events.c.kind.like(kind, escape="\\") for kind in KINDS))
    with reading(engine) as conn:
        while True:
            query = sa.select(events).where(events.c.id > after, ours).order_by(events.c.id).limit(BATCH)
            rows = conn.execute(query).all()
            found.take(facts_of([Event(r.at, r.contact_id, r.session_id, r.kind, r.data, r.id) for r in rows]))
            if len(rows) < BATCH:
                return found
            after = rows[-1].id
