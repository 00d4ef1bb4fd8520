"""Context that survives a conversation: where somebody was when they were cut off, and what they had said already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import cases, events
from callcenter.customers import members
from callcenter.tables import contacts, sessions
from callcenter.tables import events as events_table

UNFINISHED = ("hung_up",)
"""Outcomes of a session that its caller left before its end."""
LOOKED_AT = 5
"""Sessions, the newest first, that may have been cut off before anything was said."""
LONGEST = timedelta(days=3)
"""A conversation may have begun this long before it was left."""
CLOSED = ("resumed", "resume_declined")
"""Events after which a session isn't offered again."""


@dataclass(frozen=True, slots=True)
class Resumable:
    """`stack` is where it was, (flow, step) with the innermost last, `trail` the questions before; `slots` are the
    values given, without secrets; `at` is the last thing that happened."""

    session_id: str
    contact_id: str
    channel: str
    language: str
    flow_hash: str
    stack: tuple[tuple[str, str], ...]
    slots: Mapping[str, Any]
    at: datetime
    trail: tuple[tuple[tuple[str, str], ...], ...] = ()


def resumable(
    conn: Connection, customer_id: str, now: datetime, window: timedelta, *, besides: str | None = None
) -> Resumable | None:
    """The last session within `window` that the person left unfinished and hasn't been asked about yet; `None` if the
    last one was finished, or none is there. A call that is still on isn't one. `besides` is the contact that asks."""
    query = (
        sa.select(sessions, contacts.c.language)
        .join(contacts, contacts.c.id == sessions.c.contact_id)
        .where(
            contacts.c.customer_id.in_(members(customer_id)),
            contacts.c.started_at >= now - window - LONGEST,
            sessions.c.updated_at >= now - window,
            sessions.c.contact_id != (besides or ""),
        )
        .order_by(sessions.c.updated_at.desc(), sessions.c.id)
        .limit(LOOKED_AT)
    )
    bare: Resumable | None = None
    for row in conn.execute(query):
        data = json.loads(row.data)
        if "assisted" in data.get("capabilities", ()):
            continue  # an agent began it, within a conversation that stands on its own
        live_call = not row.ended and "voice" in data.get("capabilities", ())
        finished = row.ended and data.get("outcome") not in UNFINISHED
        if live_call or finished or not data.get("stack") or _closed(conn, row.contact_id, row.id):
            break
        found = _resumable(row, data)
        if found.slots:
            return found
        bare = bare or found  # cut off before anything was said: what was before that is rather to be gone on with
    return bare


def left_at(conn: Connection, session_id: str) -> Resumable | None:
    """Where a session is now, whether it goes on or has ended; `None` if there is none."""
    query = sa.select(sessions, contacts.c.language).join(contacts, contacts.c.id == sessions.c.contact_id)
    row = conn.execute(query.where(sessions.c.id == session_id)).one_or_none()
    return None if row is None else _resumable(row, json.loads(row.data))


def _resumable(row: Any, data: Mapping[str, Any]) -> Resumable:
    return Resumable(
        session_id=row.id,
        contact_id=row.contact_id,
        channel=row.channel,
        language=data.get("language") or row.language,
        flow_hash=row.flow_hash,
        stack=_places(data["stack"]),
        slots={name: value for name, value in data["slots"].items() if not _secret(value)},
        at=row.updated_at,
        trail=tuple(_places(stack) for stack in data.get("trail", ())),
    )


def _places(stack: Any) -> tuple[tuple[str, str], ...]:
    return tuple((flow, step) for flow, step in stack)


def answered(conn: Connection, found: Resumable, contact_id: str, *, accepted: bool, at: datetime) -> None:
    """The person was offered to go on where they were, in contact `contact_id`: it isn't offered again."""
    close(conn, found.contact_id, found.session_id, by=contact_id, accepted=accepted, at=at)
    if accepted:
        data = {"contact": found.contact_id, "session": found.session_id, "slots": sorted(found.slots)}
        events.record(conn, contact_id, None, "resumes", data, at)


def close(conn: Connection, contact_id: str, session_id: str, *, by: str, accepted: bool, at: datetime) -> None:
    """An earlier session was offered in contact `by`, and that is settled. A contact that goes on with it is of the
    same open cases."""
    events.record(conn, contact_id, session_id, "resumed" if accepted else "resume_declined", {"in": by}, at)
    if accepted:
        for case_id in cases.open_of_contact(conn, contact_id):
            cases.attach(conn, case_id, by, at=at)


def given(conn: Connection, customer_id: str, since: datetime) -> dict[str, Any]:
    """What the person has answered on any channel since then: slot to the newest value, masked where it is secret."""
    query = (
        sa.select(events_table.c.data)
        .join(contacts, contacts.c.id == events_table.c.contact_id)
        .where(
            contacts.c.customer_id.in_(members(customer_id)),
            contacts.c.started_at >= since - LONGEST,
            events_table.c.kind == "slot_filled",
            events_table.c.at >= since,
        )
        .order_by(events_table.c.at, events_table.c.id)
    )
    return {data["slot"]: data["value"] for data in conn.execute(query).scalars()}


def asked_again(conn: Connection, contact_id: str, session_id: str | None, slot: str, at: datetime) -> None:
    """Count a question that the person had answered already. Nobody should have to: reports show how often."""
    events.record(conn, contact_id, session_id, "asked_again", {"slot": slot}, at)


def _closed(conn: Connection, contact_id: str, session_id: str) -> bool:
    query = sa.select(events_table.c.id).where(
        events_table.c.contact_id == contact_id,
        events_table.c.session_id == session_id,
        events_table.c.kind.in_(CLOSED),
    )
    return conn.execute(query.limit(1)).first() is not None


def _secret(value: Any) -> bool:
    """Whether a stored slot holds something sealed, at any depth."""
    if isinstance(value, Mapping):
        return "$secret" in value or any(_secret(item) for item in value.values())
    return isinstance(value, list) and any(_secret(item) for item in value)
