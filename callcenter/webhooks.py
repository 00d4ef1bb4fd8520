"""Webhooks out: what happened is queued in the transaction of what caused it, signed, and posted afterwards.

Signed as in Standard Webhooks 1.0 (standardwebhooks.com): `webhook-id`, `webhook-timestamp` and `webhook-signature`,
which is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. The id stays the same when a delivery is tried
again or replayed, so that receivers can drop what they have seen.

    queued ──> sending ──> delivered
      ^           ├──────> queued   (anything but 2xx: tried again later)
      │           └──────> parked   (410 Gone, or out of attempts: `error` says why)
      └───── `replay` ─────┘
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.pool import PoolProxiedConnection

from callcenter.db import reading
from callcenter.prepared import Prepared
from callcenter.tables import webhook_deliveries as deliveries
from callcenter.tables import webhooks

logger = logging.getLogger(__name__)

TYPES = (
    "customer.created",
    "customer.updated",
    "customer.merged",
    "customer.unmerged",
    "contact.identified",
    "contact.ended",
    "message.received",
    "case.opened",
    "case.changed",
    "note.added",
    "offer.screen_pop",
)
TIMEOUT = 10.0
LEASE = timedelta(minutes=2)
"""How long a post may take; much longer than the timeout."""
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480, 1440))
BUDGET = 40.0
"""Seconds that one `sweep` goes on starting deliveries."""
SECRET_PREFIX = "whsec_"  # noqa: S105

Post = Callable[[str, Mapping[str, str], bytes], int]
"""Posts a body with headers to a URL and gives the response's status. Raises OSError when there is none."""


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    url: str
    events: tuple[str, ...]
    active: bool
    created_at: datetime


def subscribe(conn: Connection, url: str, events: Sequence[str], at: datetime) -> tuple[Webhook, str]:
    """Post these types of events (`*` is all) to `url` from now on; returns the secret too, which is shown once.
    Raises ValueError for a URL that isn't http(s) or carries a password, and for an unknown type."""
    _check_url(url)
    if not events or (unknown := set(events) - {*TYPES, "*"}):
        raise ValueError(
            f"events are of these types, or *: {', '.join(TYPES)}" + (f"; not {unknown}" if events else "")
        )
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    webhook = Webhook(uuid.uuid4().hex, url, tuple(dict.fromkeys(events)), True, at)
    conn.execute(
        sa.insert(webhooks).values(
            id=webhook.id, url=url, events=list(webhook.events), secret=secret, active=True, created_at=at
        )
    )
    return webhook, secret


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
        raise ValueError("a webhook's URL is http(s)://host/path, without a user or password")
    _ = parts.port  # raises ValueError where it isn't a number


def stop(conn: Connection, webhook_id: str) -> bool:
    """Post nothing more there; False when it wasn't active. What was queued is parked."""
    active = sa.update(webhooks).where(webhooks.c.id == webhook_id, webhooks.c.active)
    stopped = conn.execute(active.values(active=False)).rowcount == 1
    waiting = sa.update(deliveries).where(deliveries.c.webhook_id == webhook_id, deliveries.c.status == "queued")
    conn.execute(waiting.values(status="parked", error="the webhook was stopped"))
    return stopped


def listed(conn: Connection) -> list[Webhook]:
    rows = conn.execute(sa.select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id))
    return [Webhook(row.id, row.url, tuple(row.events), row.active, row.created_at) for row in rows]


_SUBSCRIBERS = sa.select(webhooks.c.id, webhooks.c.events).where(webhooks.c.active)
_QUEUE = sa.insert(deliveries)


def emit(conn: Connection, type: str, data: Mapping[str, Any], at: datetime) -> None:
    """Queue an event for all who subscribed to its type, within the caller's transaction. `data` is JSON: ids and
    words such as a status, never what a customer said; `offer.screen_pop` alone has what an agent sees."""
    rows = _deliveries(conn.execute(_SUBSCRIBERS), type, data, at)
    if rows:
        conn.execute(_QUEUE, rows)


class Emitter:
    """`emit` on the driver's own connection, for what happens in every call."""

    def __init__(self, engine: Engine) -> None:
        self._subscribers = Prepared(engine, _SUBSCRIBERS)
        self._queue = Prepared(engine, _QUEUE.inline(), _DELIVERY, column_keys=_DELIVERY)

    def emit(self, driver: PoolProxiedConnection, type: str, data: Mapping[str, Any], at: datetime) -> None:
        rows = _deliveries(self._subscribers.rows(driver), type, data, at)
        if rows:
            self._queue.execute(driver, *rows)


_DELIVERY = ("id", "webhook_id", "type", "body", "status", "next_at", "created_at")


def _deliveries(
    subscribers: Iterable[Sequence[Any]], type: str, data: Mapping[str, Any], at: datetime
) -> list[dict[str, Any]]:
    rows = []
    for webhook_id, events in subscribers:
        if type in events or "*" in events:
            body = json.dumps({"type": type, "timestamp": at.isoformat(), "data": dict(data)}, ensure_ascii=False)
            rows.append({"id": f"msg_{uuid.uuid4().hex}", "webhook_id": webhook_id, "type": type, "body": body,
                         "status": "queued", "next_at": at, "created_at": at})  # fmt: skip
    return rows


def replay(conn: Connection, delivery_id: str, at: datetime) -> bool:
    """Post a delivered or parked event again, under its old id; False where there is none, or it is on its way, or
    its webhook was stopped."""
    running = sa.select(webhooks.c.id).where(webhooks.c.active)
    again = sa.update(deliveries).where(
        deliveries.c.id == delivery_id,
        deliveries.c.status.in_(("delivered", "parked")),
        deliveries.c.webhook_id.in_(running),
    )
    return conn.execute(again.values(status="queued", attempts=0, next_at=at, error="")).rowcount == 1


def deliveries_of(
    conn: Connection, webhook_id: str, *, limit: int = 50, before: tuple[datetime, str] | None = None
) -> Sequence[Row[Any]]:
    """What was or will be posted to a webhook, the newest first."""
    query = sa.select(deliveries).where(deliveries.c.webhook_id == webhook_id)
    if before is not None:
        bound = sa.tuple_(sa.literal(before[0], deliveries.c.created_at.type), sa.literal(before[1]))
        query = query.where(sa.tuple_(deliveries.c.created_at, deliveries.c.id) < bound)
    return conn.execute(query.order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc()).limit(limit)).all()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`. Raises ValueError for a secret that isn't one of ours."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret isn't base64") from error
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Redirects aren't followed: what was signed for one address goes to no other."""
    try:
        with requests.post(
            url, data=body, headers=dict(headers), timeout=TIMEOUT, allow_redirects=False, stream=True
        ) as response:
            return response.status_code
    except (requests.RequestException, UnicodeError) as error:
        raise OSError(type(error).__name__) from error


def sweep(engine: Engine, now: datetime, *, post: Post = post) -> int:
    """Post what is due; returns how many were taken. Several may run at once; a job runs it."""
    started = time.monotonic()
    with reading(engine) as conn:
        due = sa.select(deliveries.c.id).where(_due(now)).order_by(deliveries.c.next_at).limit(200)
        waiting = list(conn.execute(due).scalars())
    delivered = 0
    for delivery_id in waiting:
        if time.monotonic() - started > BUDGET:
            break
        delivered += deliver(engine, delivery_id, now, post=post) == "delivered"
    return delivered


def deliver(engine: Engine, delivery_id: str, now: datetime, *, post: Post = post) -> str:
    """Post one event if it is due and nobody else has claimed it; returns its status afterwards ("" where it isn't
    ours). A post whose process died is made again once the lease is over."""
    with engine.begin() as conn:
        claim = sa.update(deliveries).where(deliveries.c.id == delivery_id, _due(now))
        claimed = claim.values(status="sending", attempts=deliveries.c.attempts + 1, next_at=now + LEASE)
        if conn.execute(claimed).rowcount != 1:
            return ""
        row = conn.execute(
            sa.select(deliveries, webhooks.c.url, webhooks.c.secret)
            .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
            .where(deliveries.c.id == delivery_id)
        ).one()
    body = row.body.encode()
    timestamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Callwright",
        "webhook-id": row.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(row.secret, row.id, timestamp, body),
    }
    try:
        status, error = post(row.url, headers, body), ""
    except OSError as failure:
        status, error = None, f"no answer: {failure}"
    values: dict[str, Any] = {"response_status": status, "error": error or f"answered {status}"}
    if status is not None and 200 <= status < 300:
        values |= {"status": "delivered", "delivered_at": now, "error": ""}
    elif status == 410 or row.attempts > len(BACK_OFF):
        values["status"] = "parked"
        logger.warning("webhook delivery %s is parked: %s", row.id, values["error"])
    else:
        values |= {"status": "queued", "next_at": now + BACK_OFF[row.attempts - 1]}
    with engine.begin() as conn:
        ours = (deliveries.c.id == row.id, deliveries.c.status == "sending", deliveries.c.attempts == row.attempts)
        conn.execute(sa.update(deliveries).where(*ours).values(values))
    return str(values["status"])


def _due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(deliveries.c.status.in_(("queued", "sending")), deliveries.c.next_at <= now)
