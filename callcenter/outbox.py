"""The outbox: messages are queued in the transaction of what caused them, and sent afterwards.

    queued ──> sending ──> sent ──> delivered ──> read     (what carriers report: `report`)
      ^           │          └────> failed
      │           ├──────> queued   (a passing fault, or quiet hours: tried later)
      │           ├──────> parked   (refused, unconfigured, not allowed or out of attempts: `error` says why)
      │           └──────> unknown  (its sender died, and nobody can say whether the carrier has it)
      └── `requeue` ──────────┘

Each is sent once. What a dead sender left in `sending` is claimed when its lease is over: a carrier that keeps our ids
gets it again under the same one, another is asked what it has (`Sender.look_up`). Where that can't be known the message
stays visible as `unknown`, and is sent again only if a person says so, or settled when the carrier reports on it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from callcenter import events, opt_outs, undeliverable
from callcenter.db import reading
from callcenter.ids import new_id
from callcenter.messages import Outgoing, OutgoingFile, SenderSettings, shape_of
from callcenter.messages.attempt import LEASE, attempt
from callcenter.messages.masking import masked, masked_html
from callcenter.messages.rules import WORDS, Later, Never, Policy, verdict
from callcenter.tables import files as files_table
from callcenter.tables import messages

logger = logging.getLogger(__name__)

Purpose = Literal["answer", "notice", "reminder"]

BUDGET = 40.0
"""Seconds that one `sweep` goes on starting deliveries."""


def queue(
    conn: Connection,
    *,
    channel: str,
    to: str,
    body: str,
    at: datetime,
    subject: str = "",
    html: str = "",
    sender: str = "",
    author: str = "flow",
    purpose: Purpose = "answer",
    meta: Mapping[str, Any] | None = None,
    files: Sequence[str] = (),
    contact_id: str | None = None,
    customer_id: str | None = None,
    dedupe_key: str | None = None,
) -> str:
    """Queue a message within the caller's transaction; returns its id. A second one with the same `dedupe_key`
    changes nothing and gives the first one's id.

    `author` is "flow", "system" or "agent:ID". `sender` is our address, "" for the channel's own. `purpose` says which
    rules hold: an answer goes out at once, a notice keeps to quiet hours, a reminder needs consent too. `meta` is JSON
    for the channel's sender; `files` are ids of `callcenter.files`. `customer_id` is on whose timeline it is where it
    belongs to no contact.
    """
    if dedupe_key is not None:
        known = conn.execute(sa.select(messages.c.id).where(messages.c.dedupe_key == dedupe_key)).scalar_one_or_none()
        if known is not None:
            return str(known)
    message_id = new_id(at)
    shape = shape_of(channel)
    if author.startswith("agent:"):  # who may have typed what a customer read out
        body, html = masked(body), masked_html(html)
    body = shape.plain(body)
    conn.execute(
        sa.insert(messages).values(
            id=message_id,
            contact_id=contact_id,
            customer_id=None if contact_id else customer_id,
            channel=channel,
            sender=sender,
            to=to,
            author=author,
            purpose=purpose,
            subject=subject,
            body=body,
            html=html,
            segments=shape.segments(body),
            meta={**(meta or {}), **({"files": list(files)} if files else {})},
            status="queued",
            next_at=at,
            dedupe_key=dedupe_key,
            created_at=at,
        )
    )
    return message_id


def contact_of(conn: Connection, dedupe_key: str) -> str | None:
    """The contact of the message that was queued with this key; `None` while none was."""
    query = sa.select(messages.c.contact_id).where(messages.c.dedupe_key == dedupe_key)
    return conn.execute(query).scalar_one_or_none()


def requeue(conn: Connection, message_id: str, at: datetime, *, again: bool = False) -> bool:
    """Give a parked or failed message another chance; with `again` also one that may have been sent, because a person
    says so. False when it is none of these."""
    states = ("parked", "failed", "unknown") if again else ("parked", "failed")
    stuck = sa.update(messages).where(messages.c.id == message_id, messages.c.status.in_(states))
    return conn.execute(stuck.values(status="queued", attempts=0, next_at=at, error="")).rowcount == 1


def sweep(engine: Engine, settings: SenderSettings, now: datetime, *, policy: Policy | None = None) -> int:
    """Deliver what is due, and settle what was left in `sending` for longer than its lease; returns how many were
    sent. Several may run at once. Goes on with the rest the next time when it takes long."""
    started = time.monotonic()
    with reading(engine) as conn:
        due = sa.select(messages.c.id).where(_due(now)).order_by(messages.c.next_at, messages.c.id).limit(200)
        waiting = list(conn.execute(due).scalars())
    sent = 0
    for message_id in waiting:
        if time.monotonic() - started > BUDGET:
            break
        sent += deliver(engine, settings, message_id, now, policy=policy) == "sent"
    return sent


def deliver(
    engine: Engine, settings: SenderSettings, message_id: str, now: datetime, *, policy: Policy | None = None
) -> str:
    """Send one message if it is due, allowed, and nobody else has claimed it; returns its status afterwards ("" where
    it isn't ours to send)."""
    with engine.begin() as conn:
        row = conn.execute(sa.select(messages).where(messages.c.id == message_id, _due(now))).one_or_none()
        if row is None:
            return ""
        hindered = verdict(conn, row, now, policy or Policy()) if row.status == "queued" else None
        if hindered is not None:
            return _hinder(conn, row, hindered, now)
        claim = sa.update(messages).where(*_same(row))
        if conn.execute(claim.values(status="sending", attempts=row.attempts + 1, next_at=now + LEASE)).rowcount != 1:
            return ""
        message = _outgoing(conn, row)
        known = _references(conn, row) if row.status == "sending" else ()
    outcome = attempt(settings, row, message, known, now)
    with engine.begin() as conn:
        # `attempts` tells our claim from a later one, made when our lease was over.
        ours = (messages.c.id == row.id, messages.c.status == "sending", messages.c.attempts == row.attempts + 1)
        done = conn.execute(sa.update(messages).where(*ours).values(outcome.columns(now))).rowcount == 1
        if done and outcome.settled:
            data = {"message": row.id, "channel": row.channel, "error": outcome.error}
            events.record(conn, row.contact_id, None, f"message_{outcome.status}", data, now)
        _learned(conn, row, outcome.nobody, outcome.opted_out, outcome.error, now)
    if outcome.error:
        logger.warning("message %s is %s: %s", row.id, outcome.status, outcome.error)
    return outcome.status


def report(
    conn: Connection,
    message_id: str,
    status: Literal["sent", "delivered", "read", "failed"],
    at: datetime,
    *,
    reference: str = "",
    error: str = "",
    nobody: str | None = None,
    opted_out: str | None = None,
) -> str | None:
    """Note what a carrier says of a message; the contact's id where that is news, else `None`. Reports may come in any
    order, again, and before the carrier has answered us. `nobody` is the code with which it says that the address has
    nobody, `opted_out` that they have told it to stop: nothing further goes there."""
    row = conn.execute(sa.select(messages).where(messages.c.id == message_id)).one_or_none()
    if row is None or row.direction != "out":
        return None
    order = ("queued", "sending", "unknown", "parked", "sent", "delivered", "read")
    if row.status == "failed" or (status == "failed" and row.status in ("delivered", "read")):
        return None
    if status != "failed" and order.index(row.status) >= order.index(status):
        return None
    values: dict[str, Any] = {"status": status, "error": error, "sent_at": row.sent_at or at}
    if reference and not row.reference:
        values["reference"] = reference
    if status in ("delivered", "read"):
        values["delivered_at"] = row.delivered_at or at
    if status == "read":
        values["read_at"] = at
    if conn.execute(sa.update(messages).where(*_same(row)).values(values)).rowcount != 1:
        return report(
            conn, message_id, status, at, reference=reference, error=error, nobody=nobody, opted_out=opted_out
        )
    data = {"message": row.id, "channel": row.channel, "error": error}
    events.record(conn, row.contact_id, None, f"message_{status}", data, at)
    if status == "failed":
        _learned(conn, row, nobody, opted_out, error, at)
    return row.contact_id or ""


def _learned(
    conn: Connection, row: Row[Any], nobody: str | None, opted_out: str | None, error: str, at: datetime
) -> None:
    """What the carrier has told of the address, by the code that it gave."""
    if nobody is not None:
        undeliverable.mark(conn, row.channel, row.to, code=nobody, reason=error, at=at, contact_id=row.contact_id,
                           message_id=row.id)  # fmt: skip
    if opted_out is not None and opt_outs.found(conn, row.channel, row.to) is None:
        opt_outs.opt_out(conn, row.channel, row.to, source=opt_outs.CARRIER, at=at, contact_id=row.contact_id,
                         code=opted_out)  # fmt: skip


def by_reference(conn: Connection, channel: str, reference: str, to: str) -> str | None:
    """The id of the message to `to` that the carrier calls `reference`."""
    query = sa.select(messages.c.id).where(
        messages.c.channel == channel, messages.c.to == to, messages.c.reference == reference
    )
    return conn.execute(query.limit(1)).scalar_one_or_none()


def _hinder(conn: Connection, row: Row[Any], hindered: Later | Never, now: datetime) -> str:
    """Put off or park a message that may not go out, and say so once."""
    if isinstance(hindered, Later):
        values: dict[str, Any] = {"next_at": hindered.at, "error": hindered.why}
        kind, more = "message_delayed", {"until": hindered.at.isoformat(), "why": hindered.why}
    else:
        values = {"status": "parked", "error": WORDS.get(hindered.why, hindered.why)}
        kind, more = "message_parked", {"error": values["error"], "why": hindered.why}
    if conn.execute(sa.update(messages).where(*_same(row)).values(values)).rowcount != 1:
        return ""
    events.record(conn, row.contact_id, None, kind, {"message": row.id, "channel": row.channel, **more}, now)
    return str(values.get("status", "queued"))


def _same(row: Row[Any]) -> tuple[sa.ColumnElement[bool], ...]:
    """Nobody has changed it since it was read."""
    return (messages.c.id == row.id, messages.c.status == row.status, messages.c.attempts == row.attempts)


def _outgoing(conn: Connection, row: Row[Any]) -> Outgoing:
    ids = row.meta.get("files", ())
    found = conn.execute(sa.select(files_table).where(files_table.c.id.in_(ids))).all() if ids else ()
    return Outgoing(
        id=row.id,
        to=row.to,
        subject=row.subject,
        body=row.body,
        sender=row.sender,
        html=row.html,
        contact_id=row.contact_id or "",
        author=row.author,
        meta=row.meta if row.purpose == "answer" else {**row.meta, "unsubscribe": True},
        files=tuple(
            OutgoingFile(file.name, file.media_type, Path(file.path))
            for file in sorted(found, key=lambda file: ids.index(file.id))
        ),
    )


def _references(conn: Connection, row: Row[Any]) -> list[str]:
    """What the carrier calls other messages to this address that went out since this one was made."""
    query = sa.select(messages.c.reference).where(
        messages.c.status.in_(("sent", "delivered", "read", "failed")),
        messages.c.next_at > row.created_at,
        messages.c.to == row.to,
        messages.c.reference != "",
    )
    return list(conn.execute(query).scalars())


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(messages.c.status.in_(("queued", "sending")), messages.c.next_at <= now)
