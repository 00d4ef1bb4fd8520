"""The sessions of payments that agents take with the customer on the line, and what agents' pages show of them.

A session of its own within the contact, on the customer's call. What became of it is read from what is stored, so any
process may ask, as often as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import redis
import sqlalchemy as sa
import structlog

from callcenter import assisted
from callcenter.db import reading
from callcenter.tables import events
from ivr.bridge import progress
from ivr.bridge.outcome import outcome
from ivr.bridge.parts import Paid
from ivr.channels.twilio.sip_host import CHANNEL
from ivr.channels.twilio.talk import Payment
from ivr.flow.effects import RunAction
from ivr.flow.inputs import HungUp
from ivr.flow.session import Session
from ivr.runner import Runner
from ivr.store import Stored, Unknown

log = structlog.get_logger("callwright.twilio")

LATE = 5.0
"""Seconds beyond its budget after which nobody is at an action any more."""
SPEAKING = 60.0
"""Seconds that the last words of a payment may take; then the customer's call should have asked what comes next."""


class Payments:
    """Blocks. Raises SQLAlchemy's errors; what Redis can't be told is logged. `publish` is `callcenter.live`'s."""

    def __init__(self, runner: Runner, client: redis.Redis, publish: assisted.Publish) -> None:
        self.runner, self._client, self._publish = runner, client, publish

    # The sessions

    def find(self, payment: Payment) -> Stored | None:
        """`None` while the customer's call has not asked for the first document."""
        try:
            return self.runner.store.find(CHANNEL, payment.external_id)
        except Unknown:
            return None

    def charging(self, session: Session) -> RunAction | None:
        """The action that the session waits for, where that can't be called back: a card is at the gateway."""
        action = None if session.ended else self.runner.pending(session)
        return action if action is not None and self.changes_world(session, action) else None

    def changes_world(self, session: Session, action: RunAction) -> bool:
        return self.runner.published.get(session.flow_hash).actions[action.name].changes_world

    def outcome(self, session: Session) -> Paid:
        """What became of it, from its events."""
        query = (
            sa.select(events.c.kind, events.c.data)
            .where(
                events.c.contact_id == session.contact_id,
                events.c.session_id == session.id,
                events.c.kind.in_(("action_done", "to_agent")),
            )
            .order_by(events.c.id)
        )
        last = why = ""
        with reading(self.runner.engine) as conn:
            for kind, data in conn.execute(query):
                if kind == "action_done":
                    last = str(data.get("exit", ""))
                else:
                    why = str(data.get("because", ""))
        return outcome(session, last, why)

    def unspoken(self, payment: Payment) -> str:
        """The session's id where it ended long ago, and the customer's call has not come back since; else ""."""
        stored = self.find(payment)
        if stored is None or not stored.session.ended:
            return ""
        age = (self.runner.now() - stored.at).total_seconds()
        return stored.session.id if age > SPEAKING else ""

    def conclude(self, contact: str, payment: Payment) -> bool:
        """Bring it to its end: nobody is there to be asked. False while a card is at the gateway; where the process
        that put it there has died, what became of it is asked for under the same key."""
        stored = self.find(payment)
        if stored is None:
            self.ended(contact, payment, Paid("stopped"))
            return True
        session = stored.session
        action = self.charging(session)
        if action is not None:
            age = (self.runner.now() - stored.at).total_seconds()
            if age <= action.budget + LATE:
                return False
            done = self.runner.begin(session, action).result(action.budget + LATE)
            session = self.runner.feed(session, done).session
            if self.charging(session) is not None:
                return False
        if not session.ended:
            session = self.runner.feed(session, HungUp()).session
        self.ended(contact, payment, self.outcome(session))
        return True

    # What is shown of them

    def begun(self, contact: str, payment: Payment) -> None:
        self._tell(contact, payment, 1, lambda shown: {})

    def took(self, payment: Payment, session: Session, change: Callable[[progress.Shown], Mapping[str, Any]]) -> None:
        """The session has taken a step."""
        self._tell(session.contact_id, payment, 2 * session.seq + 2, change)

    def charges(self, payment: Payment, session: Session) -> None:
        """... by which a card is put to the gateway."""
        self._tell(session.contact_id, payment, 2 * session.seq + 3, lambda shown: progress.charging())

    def ended(self, contact: str, payment: Payment, paid: Paid) -> None:
        """Told once; but where the card turns out to be charged after all."""
        self._tell(contact, payment, 0, lambda shown: progress.ended(shown, paid))

    def _tell(self, contact: str, payment: Payment, number: int, change: Callable[[progress.Shown], Mapping[str, Any]]
              ) -> None:  # fmt: skip
        """`number` 0 is the one after that which is shown."""
        try:
            shown = assisted.last(self._client, contact)
            if shown is None or shown["order"] != payment.order:
                shown = {**progress.begun(contact, payment.order), "number": 0}
            changed = {**shown, **change(shown), "number": number or shown["number"] + 1}
            after_all = changed.get("result") == "paid" and shown.get("result") != "paid"
            if changed["number"] > shown["number"] and (shown["state"] != "ended" or after_all):
                assisted.tell(self._client, self._publish, payment.by, changed)
        except redis.RedisError as error:
            log.warning("a payment's progress can't be told", contact=contact, error=type(error).__name__)
