"""Stored sessions: every step is one transaction that succeeds only if nobody else took the step first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import contacts, events, outbox
from callcenter.db import reading
from callcenter.tables import sessions
from ivr.flow.effects import Effect, End, Event, Send
from ivr.flow.session import Session
from ivr.vault import Vault


class Unknown(Exception):
    """There is no such session."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it was committed, with the reply that its last step gave and when that was."""

    session: Session
    reply: str
    at: datetime


class SessionStore:
    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault

    def load(self, session_id: str) -> Stored:
        """Raises `Unknown`, and SQLAlchemy's errors when the database can't be reached."""
        return self._one(sessions.c.id == session_id)

    def find(self, channel: str, external_id: str) -> Stored:
        """By the channel's own name for the call (CallSid, Call-ID). Raises `Unknown`."""
        return self._one(sa.and_(sessions.c.channel == channel, sessions.c.external_id == external_id))

    def _one(self, where: sa.ColumnElement[bool]) -> Stored:
        with reading(self._engine) as connection:
            row = connection.execute(
                sa.select(sessions.c.data, sessions.c.reply, sessions.c.updated_at).where(where)
            ).one_or_none()
        if row is None:
            raise Unknown
        return Stored(Session.from_json(json.loads(row.data), self._vault.unseal), row.reply or "", row.updated_at)

    def create(self, session: Session, external_id: str, effects: Sequence[Effect], reply: str, now: datetime) -> bool:
        """Store a new contact with its session after its first step; False if this call has one already."""
        with self._engine.begin() as connection:
            known = sa.select(sessions.c.id).where(
                sessions.c.channel == session.channel, sessions.c.external_id == external_id
            )
            if connection.execute(known).one_or_none() is not None:
                return False
            contacts.start(
                connection,
                channel=session.channel,
                caller=session.caller,
                called=session.called,
                at=now,
                language=session.language,
                contact_id=session.contact_id,
            )
            connection.execute(
                sa.insert(sessions).values(
                    id=session.id,
                    contact_id=session.contact_id,
                    channel=session.channel,
                    external_id=external_id,
                    flow_hash=session.flow_hash,
                    seq=session.seq,
                    data=self._dump(session),
                    reply=reply,
                    reply_seq=session.seq - 1,
                    updated_at=now,
                    ended=session.ended,
                )
            )
            self._facts(connection, session, effects, now)
        return True

    def commit(self, session: Session, effects: Sequence[Effect], reply: str, now: datetime) -> bool:
        """Store a session's next state if it is the next (compare-and-set on `seq`); False if another was faster."""
        changed = (
            sa.update(sessions)
            .where(sessions.c.id == session.id, sessions.c.seq == session.seq - 1)
            .values(
                seq=session.seq,
                data=self._dump(session),
                reply=reply,
                reply_seq=session.seq - 1,
                updated_at=now,
                ended=session.ended,
            )
        )
        with self._engine.begin() as connection:
            if connection.execute(changed).rowcount != 1:
                return False
            self._facts(connection, session, effects, now)
        return True

    def _facts(self, connection: sa.Connection, session: Session, effects: Sequence[Effect], now: datetime) -> None:
        """What happened and what is to be sent is stored together with the step that caused it."""
        facts = []
        for effect in effects:
            match effect:
                case Event(kind, data):
                    facts.append(events.Event(now, session.contact_id, session.id, kind, data))
                    if kind == "language":
                        contacts.set_language(connection, session.contact_id, data["language"])
                case End(outcome):
                    facts.append(events.Event(now, session.contact_id, session.id, "ended", {"outcome": outcome}))
                    contacts.end(connection, session.contact_id, outcome=outcome, at=now)
                case Send():
                    outbox.queue(
                        connection,
                        channel=effect.channel,
                        to=effect.to,
                        subject=effect.subject,
                        body=effect.body,
                        contact_id=session.contact_id,
                        dedupe_key=f"{session.id}:{effect.key}",
                        at=now,
                    )
        if session.ended and not any(isinstance(effect, End) for effect in effects):
            contacts.end(connection, session.contact_id, outcome=session.outcome, at=now)
        events.record_all(connection, facts)

    def _dump(self, session: Session) -> str:
        return json.dumps(session.to_json(self._vault.seal), ensure_ascii=False, separators=(",", ":"))
