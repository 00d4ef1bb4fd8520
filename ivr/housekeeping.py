"""What is tidied up behind calls, as jobs that may run at any time and several times at once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.messages.inbound import CHANNELS
from callcenter.tables import sessions
from ivr.flow.inputs import HungUp
from ivr.runner import Runner
from ivr.store import Unknown

log = structlog.get_logger("callwright.housekeeping")

THREADS = ("text", *sorted(CHANNELS))
LONGEST_THREAD = timedelta(hours=72)
"""People answer messages after days; a call's hours are a setting."""
BATCH = 500


def end_abandoned(runner: Runner, now: datetime, longest: timedelta) -> int:
    """End the sessions of callers who went without our being told: calls that nothing has happened to for `longest`,
    threads of messages for `LONGEST_THREAD` at least. Their outcome is `lost`. Returns how many."""
    thread = sessions.c.channel.in_(THREADS)
    silent = sa.or_(
        sa.and_(sa.not_(thread), sessions.c.updated_at < now - longest),
        sa.and_(thread, sessions.c.updated_at < now - max(longest, LONGEST_THREAD)),
    )
    with reading(runner.engine) as connection:
        query = sa.select(sessions.c.id, sessions.c.seq).where(sa.not_(sessions.c.ended), silent).limit(BATCH)
        found = connection.execute(query).all()
    ended = 0
    for session_id, seq in found:
        try:
            # One that came back to life meanwhile has a later `seq` and is left alone.
            ended += runner.feed(session_id, HungUp(lost=True), seq=seq).fresh
        except Unknown:
            continue
        except Exception:  # one session that can't be read doesn't hold up the others
            log.exception("can't end", session=session_id)
    return ended


def forget_secrets(engine: Engine) -> int:
    """Take what is sealed out of sessions that have ended; returns of how many. The ciphertext could be opened for
    as long as the server runs, and nobody has a use for it any more."""
    sealed = sa.and_(sessions.c.ended, sessions.c.data.contains('"$secret"'))
    with reading(engine) as connection:
        query = sa.select(sessions.c.id, sessions.c.data).where(sealed).limit(BATCH)
        found = connection.execute(query).all()
    for row in found:
        data = json.dumps(_without(json.loads(row.data)), ensure_ascii=False, separators=(",", ":"))
        with engine.begin() as connection:
            connection.execute(sa.update(sessions).where(sessions.c.id == row.id, sessions.c.ended).values(data=data))
    return len(found)


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$secret"}:
            return None
        return {key: _without(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item) for item in value]
    return value
