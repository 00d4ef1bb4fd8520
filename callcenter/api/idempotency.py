"""Idempotency-Key on POST: the answer is stored in the transaction of what was done, and given again to a repetition.

As draft-ietf-httpapi-idempotency-key-header has it, the key with another request is refused with 422. Only what
succeeded is stored: a request that failed has changed nothing and may be sent again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import locks
from callcenter.api.problems import Problem
from callcenter.tables import idempotent_requests as requests

LONGEST = 200
KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Stored:
    status: int
    body: str


def fingerprint(method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def before(conn: Connection, api_key_id: str, key: str, print_: str) -> Stored | None:
    """The stored answer, if this request was answered before. Two at once wait for each other. Raises `Problem`."""
    if not re.fullmatch(f"[!-~]{{1,{LONGEST}}}", key):
        raise Problem(400, f"Idempotency-Key has 1 to {LONGEST} printable ASCII characters without blanks")
    locks.hold(conn, f"idempotency:{api_key_id}:{key}")
    row = conn.execute(
        sa.select(requests).where(requests.c.api_key_id == api_key_id, requests.c.key == key)
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != print_:
        raise Problem(422, "this Idempotency-Key was used for another request")
    return Stored(row.status, row.body)


def after(conn: Connection, api_key_id: str, key: str, print_: str, answer: Stored, at: datetime) -> None:
    values = {"api_key_id": api_key_id, "key": key, "fingerprint": print_, "status": answer.status,
              "body": answer.body, "created_at": at}  # fmt: skip
    conn.execute(sa.insert(requests).values(values))


def forget(conn: Connection, now: datetime) -> int:
    """Drop answers that nobody will ask for again; returns how many. For a job."""
    return conn.execute(sa.delete(requests).where(requests.c.created_at < now - KEPT)).rowcount
