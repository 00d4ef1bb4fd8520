"""Stored sessions: every step is one transaction that succeeds only if nobody else took the step first."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.pool import PoolProxiedConnection

from callcenter import attestation, contacts, context, events, outbox, recognition
from callcenter.db import compact, driver_errors, reading, writing_quickly
from callcenter.prepared import Prepared
from callcenter.tables import sessions
from ivr.flow.effects import Effect, End, Event, Send
from ivr.flow.session import Session
from ivr.vault import Vault

Also = Callable[[sa.Connection], None]
"""What else belongs to the transaction of a step; what it raises undoes the step and is raised on."""


class _TakesMore(Exception):
    """The driver's connection alone won't do for this transaction; it is undone and run on SQLAlchemy's."""


class Unknown(Exception):
    """There is no such session."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it was committed, with the reply that its last step gave and when that was."""

    session: Session
    reply: str
    at: datetime


_STORED = sa.select(sessions.c.data, sessions.c.reply, sessions.c.updated_at)
_BY_ID = _STORED.where(sessions.c.id == sa.bindparam("id"))
_BY_CALL = _STORED.where(
    sessions.c.channel == sa.bindparam("channel"), sessions.c.external_id == sa.bindparam("external_id")
)
_CHANGING = ("seq", "data", "reply", "reply_seq", "updated_at", "ended")


class SessionStore:
    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault
        # SQLite has one writer at a time. Threads of one process wait their turn here rather than by polling the file.
        self._writing: AbstractContextManager[Any] = (
            threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )
        self._step = Prepared(
            engine,
            sa.update(sessions)
            .where(sessions.c.id == sa.bindparam("id"), sessions.c.seq == sa.bindparam("before"))
            .values({name: sa.bindparam(f"new_{name}") for name in _CHANGING}),
            {"id": "id", "before": "before", **{name: f"new_{name}" for name in _CHANGING}},
        )
        every = tuple(column.name for column in sessions.columns)
        self._insert = Prepared(engine, sa.insert(sessions).inline(), {name: name for name in every}, column_keys=every)
        self._by_call = Prepared(engine, _BY_CALL, ("channel", "external_id"))
        self._contacts = contacts.CallWriter(engine)
        self._recogniser = recognition.CallRecogniser(engine)
        self._events = events.Recorder(engine)

    def load(self, session_id: str) -> Stored:
        """Raises `Unknown`, and SQLAlchemy's errors when the database can't be reached."""
        return self._one(_BY_ID, {"id": session_id})

    def find(self, channel: str, external_id: str) -> Stored:
        """By the channel's own name for the call (CallSid, Call-ID). Raises `Unknown`."""
        return self._one(_BY_CALL, {"channel": channel, "external_id": external_id})

    def _one(self, query: sa.Select[Any], values: Mapping[str, str]) -> Stored:
        with reading(self._engine) as connection:
            row = connection.execute(query, values).one_or_none()
        if row is None:
            raise Unknown
        return Stored(Session.from_json(json.loads(row.data), self._vault.unseal), row.reply or "", row.updated_at)

    def create(
        self,
        session: Session,
        external_id: str,
        effects: Sequence[Effect],
        reply: str,
        now: datetime,
        region: str = "",
        *,
        contact: bool = True,
        also: Also | None = None,
    ) -> bool:
        """Store a new contact with its session after its first step, and whose it is; False if this call has one
        already. `region` is the country of national phone numbers. With `contact` False the contact is there."""
        others = [effect for effect in effects if _goes_elsewhere(effect)]
        create = partial(self._create, session, external_id, effects, others, reply, now, region, contact, also)
        try:
            return create(whole=bool(others) or also is not None)
        except _TakesMore:
            return create(whole=True)

    def _create(
        self,
        session: Session,
        external_id: str,
        effects: Sequence[Effect],
        others: Sequence[Effect],
        reply: str,
        now: datetime,
        region: str,
        contact: bool,
        also: Also | None,
        *,
        whole: bool,
    ) -> bool:
        with self._writing, self._transaction(whole=whole) as (driver, connection):
            if self._by_call.rows(driver, {"channel": session.channel, "external_id": external_id}):
                return False
            if contact:
                self._start_contact(driver, connection, session, now, region)
            row = {
                "contact_id": session.contact_id,
                "channel": session.channel,
                "external_id": external_id,
                "flow_hash": session.flow_hash,
                **self._state(session, reply, now),
            }
            self._insert.execute(driver, row)
            self._facts(driver, session, effects, now)
            self._consequences(driver, connection, session, others, now)
            if also is not None and connection is not None:
                also(connection)
        return True

    def _state(self, session: Session, reply: str, now: datetime) -> dict[str, object]:
        """What every step changes in its row."""
        return {
            "id": session.id,
            "seq": session.seq,
            "data": self._dump(session),
            "reply": reply,
            "reply_seq": session.seq - 1,
            "updated_at": now,
            "ended": session.ended,
        }

    def _start_contact(
        self,
        driver: PoolProxiedConnection,
        connection: sa.Connection | None,
        session: Session,
        now: datetime,
        region: str,
    ) -> None:
        """The contact, and whose it is. Raises `_TakesMore` where a new caller needs SQLAlchemy's connection."""
        found = recognition.identifier_of(session.channel, session.caller, region)
        if session.attestation == attestation.FAILED:
            found = None  # nobody is taken for somebody else because of a number that isn't theirs
        owner = self._recogniser.owner(driver, *found) if found is not None else None
        if found is not None and owner is None and connection is None:
            raise _TakesMore
        self._contacts.start(driver, session.contact_id, channel=session.channel, caller=session.caller,
                             called=session.called, at=now, language=session.language, customer_id=owner)  # fmt: skip
        if session.attestation:
            noted = attestation.event(session.contact_id, session.id, session.attestation, now)
            self._events.record(driver, [noted])
        if found is not None and owner is not None:
            self._recogniser.note(driver, session.contact_id, owner, found[0], now)
        elif found is not None and connection is not None:
            recognition.recognise(connection, session.contact_id, channel=session.channel, address=session.caller,
                                  at=now, region=region)  # fmt: skip

    def commit(
        self, session: Session, effects: Sequence[Effect], reply: str, now: datetime, *, also: Also | None = None
    ) -> bool:
        """Store a session's next state if it is the next (compare-and-set on `seq`); False if another was faster."""
        values = {"before": session.seq - 1, **self._state(session, reply, now)}
        others = [effect for effect in effects if _goes_elsewhere(effect)]
        whole = bool(others) or also is not None
        with self._writing, self._transaction(whole=whole) as (driver, connection):
            if self._step.execute(driver, values) != 1:
                return False
            self._facts(driver, session, effects, now)
            self._consequences(driver, connection, session, others, now)
            if also is not None and connection is not None:
                also(connection)
        return True

    @contextmanager
    def _transaction(self, *, whole: bool) -> Iterator[tuple[PoolProxiedConnection, sa.Connection | None]]:
        """The driver's connection, and SQLAlchemy's on it if it is needed."""
        if whole:
            with self._engine.begin() as connection, driver_errors(self._engine):
                yield connection.connection, connection
        else:
            with writing_quickly(self._engine) as driver:
                yield driver, None

    def _facts(self, driver: PoolProxiedConnection, session: Session, effects: Sequence[Effect], now: datetime) -> None:
        """What happened is stored together with the step that caused it."""
        facts = []
        for effect in effects:
            match effect:
                case Event(kind, data):
                    pass
                case End(outcome) if not _assisted(session):
                    kind, data = "ended", {"outcome": outcome}
                case _:
                    continue
            facts.append(events.Event(now, session.contact_id, session.id, kind, data))
        self._events.record(driver, facts)

    def _consequences(
        self,
        driver: PoolProxiedConnection,
        connection: sa.Connection | None,
        session: Session,
        effects: Sequence[Effect],
        now: datetime,
    ) -> None:
        """So is what it means for the contact, and what is to be sent."""
        for effect in effects:
            assert connection is not None
            match effect:
                case Event("language", data):
                    contacts.set_language(connection, session.contact_id, data["language"])
                case Event("resume", data):
                    context.close(connection, data["contact"], data["session"], by=session.contact_id,
                                  accepted=data["accepted"], at=now)  # fmt: skip
                case Send():
                    outbox.queue(
                        connection,
                        channel=effect.channel,
                        to=effect.to,
                        subject=effect.subject,
                        body=effect.body,
                        purpose=effect.purpose,
                        contact_id=session.contact_id,
                        dedupe_key=f"{session.id}:{effect.key}",
                        at=now,
                    )
        if session.ended and not _assisted(session):
            self._contacts.end(driver, session.contact_id, outcome=session.outcome, at=now)

    def _dump(self, session: Session) -> str:
        return compact(session.to_json(self._vault.seal))


def _assisted(session: Session) -> bool:
    """Whether an agent began it within a contact, which goes on when it ends."""
    return "assisted" in session.capabilities


def _goes_elsewhere(effect: Effect) -> bool:
    return isinstance(effect, Send) or (isinstance(effect, Event) and effect.kind in ("language", "resume"))
