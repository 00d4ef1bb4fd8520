"""Reminders: what flows/reminders.yaml says, once for each bill and due date, to those who agreed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

from callcenter import consent, customers, identifiers, outbox, recognition
from callcenter.db import reading
from callcenter.messages.rules import Policy, quiet_until
from callcenter.recognition import identifier_of
from callcenter.tables import accounts, bills, messages
from ivr import messaging
from ivr.flow.model import FlowSet
from ivr.flow.reminders import Reminder, reminders

log = structlog.get_logger("callwright.reminders")

BATCH = 500


def remind(engine: Engine, flows: FlowSet, now: datetime) -> int:
    """Queue the reminders that are due; returns how many. May run at any time and several times at once: each bill has
    one message for each reminder and due date. Whoever sleeps is left until they are awake, whoever hasn't agreed until
    they do or the day is past."""
    policy = messaging.policy(flows)
    queued = 0
    for name, reminder in reminders(flows).items():
        for bill in _due(engine, name, reminder, now.astimezone(ZoneInfo(flows.company.timezone))):
            with engine.begin() as conn:
                queued += _remind(conn, flows, policy, name, reminder, bill, now)
    return queued


def _due(engine: Engine, name: str, reminder: Reminder, today: datetime) -> list[Any]:
    """Open bills within the reminder's days that nobody has been reminded of. Days that were missed are made up for."""
    key = sa.literal(f"reminder:{name}:") + bills.c.id + ":" + sa.cast(bills.c.due_on, sa.Text)
    query = (
        sa.select(bills, accounts.c.name, accounts.c.phone, accounts.c.email, accounts.c.currency, key.label("key"))
        .join(accounts, accounts.c.number == bills.c.account_number)
        .where(
            bills.c.balance > 0,
            bills.c.due_on >= today.date(),
            bills.c.due_on <= today.date() + timedelta(days=reminder.days_before),
            ~sa.select(messages.c.id).where(messages.c.dedupe_key == key).exists(),
        )
        .order_by(bills.c.due_on, bills.c.id)
        .limit(BATCH)
    )
    with reading(engine) as conn:
        return list(conn.execute(query))


def _remind(
    conn: Connection, flows: FlowSet, policy: Policy, name: str, reminder: Reminder, bill: Any, now: datetime
) -> bool:
    """Queue one reminder on the first channel that the customer agreed to, if it is their day now."""
    for channel in reminder.channels:
        address = bill.email if channel == "email" else bill.phone
        if not address or consent.refusal(conn, channel, address, needs_consent=True):
            continue
        if quiet_until(conn, policy, channel, address, None, now) is not None:
            continue
        language = _language(conn, channel, address)
        slots = {"bill": {"id": bill.id, "name": bill.name, "account": bill.account_number, "balance": bill.balance,
                          "currency": bill.currency, "due_on": bill.due_on.isoformat()}}  # fmt: skip
        body = messaging.say(flows, reminder.body, language, **slots)
        if not body:
            log.error("a reminder has no words", reminder=name, prompt=reminder.body)
            return False
        subject = messaging.say(flows, reminder.subject, language, **slots) if reminder.subject else ""
        outbox.queue(conn, channel=channel, to=address, body=body, subject=subject if channel == "email" else "",
                     author="system", purpose="reminder", dedupe_key=bill.key, at=now,
                     customer_id=recognition.only(conn, channel, address))  # fmt: skip
        return True
    return False


def _language(conn: Connection, channel: str, address: str) -> str:
    found = identifier_of(channel, address)
    people = identifiers.identify(conn, *found) if found else []
    return customers.get(conn, people[0].customer_id).language if people else ""
