"""The tables. A change here needs a revision in `migrations/versions`; a test compares the two.

Facts (events, payments, messages, recordings) carry `contact_id` without a foreign key: what happened is stored even
when the contact's own row could not be. Amounts are integers in minor units of `currency` (ISO 4217).
"""

from __future__ import annotations

import sqlalchemy as sa

from callcenter.api_tables import api_keys, idempotent_requests, webhook_deliveries, webhooks
from callcenter.campaign_tables import campaign_paces, campaign_pauses, campaign_people
from callcenter.db import Json, UtcDateTime
from callcenter.desk_tables import (
    audit_log,
    desk_devices,
    desk_sessions,
    invitations,
    login_failures,
    oidc_logins,
    recovery_codes,
    snoozes,
    users,
)
from callcenter.metadata import RowNumber, metadata
from callcenter.quality_tables import calibrations, coaching, coaching_evaluations, evaluations, quality_forms
from callcenter.queue_tables import (
    agent_presence,
    alert_episodes,
    emergencies,
    journal_position,
    queue_entries,
    settled_contacts,
    skills_today,
    switches,
)
from callcenter.record_tables import (
    case_changes,
    case_contacts,
    cases,
    chat_links,
    consents,
    customers,
    files,
    identifiers,
    merges,
    notes,
    one_time_codes,
    search_words,
    suppressions,
    undeliverable,
)
from callcenter.report_tables import lives, lives_position

__all__ = [
    "accounts",
    "agent_presence",
    "alert_episodes",
    "api_keys",
    "audit_log",
    "bills",
    "calibrations",
    "campaign_paces",
    "campaign_pauses",
    "campaign_people",
    "case_changes",
    "case_contacts",
    "cases",
    "chat_links",
    "coaching",
    "coaching_evaluations",
    "consents",
    "contacts",
    "customers",
    "desk_devices",
    "desk_sessions",
    "emergencies",
    "evaluations",
    "events",
    "files",
    "flow_versions",
    "idempotent_requests",
    "identifiers",
    "invitations",
    "journal_position",
    "lives",
    "lives_position",
    "login_failures",
    "merges",
    "messages",
    "metadata",
    "notes",
    "oidc_logins",
    "one_time_codes",
    "payments",
    "quality_forms",
    "queue_entries",
    "recordings",
    "recovery_codes",
    "sandbox_charges",
    "search_words",
    "sessions",
    "settled_contacts",
    "skills_today",
    "snoozes",
    "suppressions",
    "switches",
    "undeliverable",
    "users",
    "webhook_deliveries",
    "webhooks",
]

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("called", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False, server_default=""),
    sa.Column("started_at", UtcDateTime, nullable=False, index=True),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("outcome", sa.Text, nullable=False, server_default=""),
    # Whom it is with, once that is settled: the customer as it was then, also after a merge.
    sa.Column("customer_id", sa.Text),
    # Of threads of messages: "flow", "queue" or "agent:ID"; "" where nobody answers by message.
    sa.Column("served_by", sa.Text, nullable=False, server_default=""),
    sa.Index(None, "customer_id", "started_at", "id"),  # the timeline
    # Which thread a message belongs to.
    sa.Index("ix_contacts_open", "channel", "caller", sqlite_where=sa.text("ended_at IS NULL"),
             postgresql_where=sa.text("ended_at IS NULL")),
)  # fmt: skip

flow_versions = sa.Table(
    "flow_versions",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contact_id", sa.Text, sa.ForeignKey("contacts.id"), nullable=False, index=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),  # Twilio's CallSid, SIP's Call-ID
    sa.Column("flow_hash", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("reply", sa.Text),
    sa.Column("reply_seq", sa.Integer),  # the request that `reply` answered: a duplicate of it gets it again
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("ended", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("channel", "external_id"),
    sa.Index(None, "ended", "updated_at"),
)

ANSWERS = sa.text("kind IN ('answer_shown', 'answer_helped', 'answer_not_helped', 'answer_unknown', 'answer_inserted')")
"""What became of articles of the knowledge base: few events, which one index finds."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("contact_id", sa.Text),
    sa.Column("session_id", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Index(None, "contact_id", "id"),
    sa.Index("ix_events_answers", "at", sqlite_where=ANSWERS, postgresql_where=ANSWERS),
    sqlite_autoincrement=True,
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("phone", sa.Text, nullable=False, server_default="", index=True),
    sa.Column("email", sa.Text, nullable=False, server_default=""),
    sa.Column("currency", sa.Text, nullable=False),
)

bills = sa.Table(
    "bills",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_number", sa.Text, sa.ForeignKey("accounts.number"), nullable=False, index=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.Column("due_on", sa.Date, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # open, paid
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.CheckConstraint("balance >= 0", name="balance"),
)

OPEN_PAYMENT = sa.text("(status IN ('started', 'in_doubt') OR (status = 'approved' AND posted_at IS NULL))")

payments = sa.Table(
    "payments",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # the idempotency key
    sa.Column("account", sa.Text, nullable=False, index=True),
    sa.Column("bill", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # started, approved, declined, in_doubt, failed
    sa.Column("reason", sa.Text, nullable=False, server_default=""),  # why it was declined or failed
    sa.Column("confirmation", sa.Text, nullable=False, unique=True),  # the number that the caller is told
    sa.Column("gateway", sa.Text, nullable=False),
    sa.Column("gateway_reference", sa.Text, nullable=False, server_default=""),
    sa.Column("card_brand", sa.Text, nullable=False, server_default=""),
    sa.Column("card_last4", sa.Text, nullable=False, server_default=""),
    sa.Column("new_balance", sa.BigInteger),
    sa.Column("posted_at", UtcDateTime),  # when the billing system took note of an approved payment
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("contact_id", sa.Text, index=True),
    sa.Column("session_id", sa.Text),
    # One attempt at a time for a bill: a second one waits until the first is settled.
    sa.Index("uq_payments_open_bill", "account", "bill", unique=True, sqlite_where=OPEN_PAYMENT,
             postgresql_where=OPEN_PAYMENT),
)  # fmt: skip

sandbox_charges = sa.Table(  # the sandbox gateway's own books, which stand for a remote system's
    "sandbox_charges",
    metadata,
    sa.Column("reference", sa.Text, primary_key=True),
    sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # open, charged, declined, cancelled
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("brand", sa.Text, nullable=False, server_default=""),
    sa.Column("last4", sa.Text, nullable=False, server_default=""),
)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contact_id", sa.Text, index=True),
    sa.Column("kind", sa.Text, nullable=False),  # voicemail
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False, server_default=""),  # whom to call back
    sa.Column("created_at", UtcDateTime, nullable=False, index=True),
)

WITHOUT_CONTACT = sa.text("customer_id IS NOT NULL")
UNHANDLED = sa.text("direction = 'in' AND handled_at IS NULL")

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # of one thread they sort in the order in which they were made
    sa.Column("contact_id", sa.Text, index=True),
    sa.Column("customer_id", sa.Text),  # of one without a contact: whose it is, as far as that is known
    sa.Column("direction", sa.Text, nullable=False, server_default="out"),  # in, out
    sa.Column("channel", sa.Text, nullable=False),  # sms, whatsapp, messenger, email, chat
    sa.Column("sender", sa.Text, nullable=False, server_default=""),
    sa.Column("to", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False, server_default="flow"),  # flow, customer, agent:ID, system
    sa.Column("purpose", sa.Text, nullable=False, server_default="answer"),  # answer, notice, reminder
    sa.Column("subject", sa.Text, nullable=False, server_default=""),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("html", sa.Text, nullable=False, server_default=""),  # sanitised
    # in: received. out: queued, sending, sent, delivered, read, failed, parked, unknown
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", UtcDateTime, nullable=False),
    sa.Column("dedupe_key", sa.Text, unique=True),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("provider_id", sa.Text),  # inbound: the carrier's name for it, which comes once
    sa.Column("reference", sa.Text, nullable=False, server_default=""),  # outgoing: the carrier's name for it
    sa.Column("segments", sa.Integer, nullable=False, server_default="0"),  # of a text, as carriers count them
    sa.Column("meta", Json, nullable=False, server_default="{}"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("read_at", UtcDateTime),
    sa.Column("handled_at", UtcDateTime),  # inbound: since when the flow or an agent has it
    sa.Index(None, "status", "next_at"),
    sa.Index(None, "channel", "provider_id", unique=True),
    sa.Index(None, "created_at", "id"),
    # When somebody wrote to us last.
    sa.Index("ix_messages_from", "channel", "sender", "created_at", sqlite_where=sa.text("direction = 'in'"),
             postgresql_where=sa.text("direction = 'in'")),
    # The timeline.
    sa.Index("ix_messages_customer_id", "customer_id", "created_at", "id", sqlite_where=WITHOUT_CONTACT,
             postgresql_where=WITHOUT_CONTACT),
    sa.Index("ix_messages_unhandled", "created_at", sqlite_where=UNHANDLED, postgresql_where=UNHANDLED),
)  # fmt: skip
