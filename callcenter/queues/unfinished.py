"""Calls back whose end the log doesn't know: the store was lost while the customer's telephone rang, or just after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.tables import events

OVER = ("callback.tried", "offer.refused", "offer.expired", "offer.withdrawn", "offer.connected", "offer.done")
"""What ends an attempt."""
KINDS = ("callback.dialling", "offer.accepted", *OVER)
AT_ONCE = 500
"""Contacts in one query."""


def attempts(conn: Connection, contact_ids: Sequence[str]) -> dict[str, datetime]:
    """When the agent of each such call was on the line, which is when the customer's telephone began to ring; by
    contact, of those asked for."""
    dialled: dict[str, str] = {}
    began: dict[str, datetime] = {}
    for start in range(0, len(contact_ids), AT_ONCE):
        some = contact_ids[start : start + AT_ONCE]
        query = sa.select(events.c.contact_id, events.c.kind, events.c.at, events.c.data)
        for row in conn.execute(
            query.where(events.c.contact_id.in_(some), events.c.kind.in_(KINDS)).order_by(events.c.id)
        ):
            contact, offer = row.contact_id, row.data.get("offer", "")
            if row.kind == "callback.dialling":
                dialled[contact] = offer
                began.pop(contact, None)
            elif dialled.get(contact) != offer:
                continue
            elif row.kind == "offer.accepted":
                began[contact] = row.at
            else:
                began.pop(contact, None)
                del dialled[contact]
    return began
