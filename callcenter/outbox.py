"""The outbox: messages are queued in the transaction of what caused them, and sent afterwards.

    queued ──> sending ──> sent
      ^           ├──────> queued   (a passing fault: tried again later)
      │           └──────> parked   (refused, unconfigured or out of attempts: `error` says why)
      └── `requeue` ──────────┘

A message whose sender died is claimed again once its lease is over. So it is sent at least once; twice only if the
process died between the carrier's answer and our commit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import events
from callcenter.db import reading
from callcenter.ids import new_id
from callcenter.messages import (
    NotConfiguredError,
    Outgoing,
    RefusedError,
    Sender,
    TemporaryError,
    open_sender,
)
from callcenter.messages.masking import masked, masked_html
from callcenter.tables import messages

logger = logging.getLogger(__name__)

Purpose = Literal["answer", "notice", "reminder"]

LEASE = timedelta(minutes=5)
"""How long a sender may take; longer than any carrier's timeout."""
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
"""The waits between attempts; after the last one the message is parked."""
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
    dedupe_key: str | None = None,
) -> str:
    """Queue a message within the caller's transaction; returns its id. A second one with the same `dedupe_key`
    changes nothing and gives the first one's id.

    `author` is "flow", "system" or "agent:ID". `sender` is our address, "" for the channel's own. `purpose` says which
    rules hold: an answer goes out at once, a notice keeps to quiet hours, a reminder needs consent too. `meta` is JSON
    for the channel's sender; `files` are ids of `callcenter.files`.
    """
    if dedupe_key is not None:
        known = conn.execute(sa.select(messages.c.id).where(messages.c.dedupe_key == dedupe_key)).scalar_one_or_none()
        if known is not None:
            return str(known)
    message_id = new_id(at)
    conn.execute(
        sa.insert(messages).values(
            id=message_id,
            contact_id=contact_id,
            channel=channel,
            sender=sender,
            to=to,
            author=author,
            purpose=purpose,
            subject=subject,
            # An agent may have typed what a customer read out.
            body=masked(body) if author.startswith("agent:") else body,
            html=masked_html(html) if author.startswith("agent:") else html,
            meta={**(meta or {}), **({"files": list(files)} if files else {})},
            status="queued",
            next_at=at,
            dedupe_key=dedupe_key,
            created_at=at,
        )
    )
    return message_id


def requeue(conn: Connection, message_id: str, at: datetime) -> bool:
    """Give a parked message another chance; False when it isn't parked."""
    parked = sa.update(messages).where(messages.c.id == message_id, messages.c.status == "parked")
    return conn.execute(parked.values(status="queued", attempts=0, next_at=at, error="")).rowcount == 1


def sweep(engine: Engine, settings: Any, now: datetime) -> int:
    """Deliver what is due, and what was left in `sending` for longer than its lease; returns how many were sent.
    Several may run at once. Goes on with the rest the next time when it takes long."""
    started = time.monotonic()
    with reading(engine) as conn:
        due = conn.execute(sa.select(messages.c.id).where(_due(now)).order_by(messages.c.next_at).limit(200)).scalars()
        waiting = list(due)
    sent = 0
    for message_id in waiting:
        if time.monotonic() - started > BUDGET:
            break
        sent += deliver(engine, settings, message_id, now) == "sent"
    return sent


def deliver(engine: Engine, settings: Any, message_id: str, now: datetime) -> str:
    """Send one message if it is due and nobody else has claimed it; returns its status afterwards ("" where it
    isn't ours to send)."""
    with engine.begin() as conn:
        claim = sa.update(messages).where(messages.c.id == message_id, _due(now))
        claimed = claim.values(status="sending", attempts=messages.c.attempts + 1, next_at=now + LEASE)
        if conn.execute(claimed).rowcount != 1:
            return ""
        row = conn.execute(sa.select(messages).where(messages.c.id == message_id)).one()
    values: dict[str, Any]
    try:
        carrier: Sender = open_sender(row.channel, settings)
        reference = carrier.send(Outgoing(row.id, row.to, row.subject, row.body))
        values = {"status": "sent", "sent_at": now, "reference": reference, "error": ""}
    except (NotConfiguredError, RefusedError) as error:
        values = {"status": "parked", "error": str(error)}
    except TemporaryError as error:
        values = _later(row.attempts, now, str(error))
    except Exception as error:
        logger.exception("the sender of %s broke on message %s", row.channel, row.id)
        values = _later(row.attempts, now, f"the sender broke: {type(error).__name__}")
    with engine.begin() as conn:
        # `attempts` tells our claim from a later one, made when our lease was over.
        ours = (messages.c.id == row.id, messages.c.status == "sending", messages.c.attempts == row.attempts)
        if conn.execute(sa.update(messages).where(*ours).values(values)).rowcount == 1 and values["status"] != "queued":
            data = {"message": row.id, "channel": row.channel, "error": values["error"]}
            events.record(conn, row.contact_id, None, f"message_{values['status']}", data, now)
    if values["error"]:
        logger.warning("message %s is %s: %s", row.id, values["status"], values["error"])
    return str(values["status"])


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(messages.c.status.in_(("queued", "sending")), messages.c.next_at <= now)


def _later(attempts: int, now: datetime, error: str) -> dict[str, Any]:
    if attempts > len(BACK_OFF):
        return {"status": "parked", "error": f"given up after {attempts} attempts: {error}"}
    return {"status": "queued", "next_at": now + BACK_OFF[attempts - 1], "error": error}
