"""The tables of the caller record: customers, what names them, merges, consent, cases, notes, files, codes."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from callcenter.db import Json, UtcDateTime
from callcenter.metadata import RowNumber, metadata

customers = sa.Table(
    "customers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("merged_into", sa.Text, sa.ForeignKey("customers.id")),  # one edge for each merge that stands
    # Derived from `merged_into`: the customer at the end of the pointers, which stands for all that lead to it.
    sa.Column("root_id", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("given_name", sa.Text, nullable=False, server_default=""),
    sa.Column("family_name", sa.Text, nullable=False, server_default=""),
    sa.Column("language", sa.Text, nullable=False, server_default=""),
    sa.Column("preferred_channel", sa.Text, nullable=False, server_default=""),
    sa.Column("attributes", Json, nullable=False),
    # Made for a caller whom nobody knew; nothing but an identifier is known.
    sa.Column("provisional", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false()),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index(None, "created_at", "id"),
)

identifiers = sa.Table(
    "identifiers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),  # phone, email, chat_visitor, account, social
    sa.Column("value", sa.Text, nullable=False),  # normalised
    sa.Column("proof", sa.Text, nullable=False),  # none, caller_id, link, agent, pin, login, one_time_code
    sa.Column("proven_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("kind", "value", "customer_id"),  # its index is the look-up
)

search_words = sa.Table(  # names and identifiers as they are found by, see `callcenter.searching`
    "search_words",
    metadata,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),  # name, or the identifier's kind
    sa.Column("source", sa.Text, nullable=False),  # the customer's or the identifier's id
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("grams", ARRAY(sa.Text).with_variant(sa.Text, "sqlite"), nullable=False),
    sa.Index(None, "source", "kind"),
    sqlite_autoincrement=True,
)

merges = sa.Table(
    "merges",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("survivor_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("absorbed_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False, index=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("because", Json, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("undone_at", UtcDateTime),
    sa.Column("undone_by", sa.Text),
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("consent", sa.Text, nullable=False),  # unknown, granted, withdrawn
    sa.Column("do_not_contact", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

suppressions = sa.Table(  # addresses that told us to stop, whoever they belong to
    "suppressions",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

undeliverable = sa.Table(  # addresses that don't exist, as a carrier says, whoever they belong to
    "undeliverable",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),  # the carrier's: 5.1.1, 30005; "" where it gave none
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text),  # which told us
    sa.Column("at", UtcDateTime, nullable=False),
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # open, pending, resolved, reopened
    sa.Column("opened_by", sa.Text, nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("resolved_at", UtcDateTime),
    sa.Index(None, "customer_id", "opened_at", "id"),
    sa.Index(None, "opened_at", "id"),
)

case_changes = sa.Table(
    "case_changes",
    metadata,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

case_contacts = sa.Table(
    "case_contacts",
    metadata,
    sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id"), primary_key=True),
    sa.Column("contact_id", sa.Text, primary_key=True, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("contact_id", sa.Text, index=True),
    sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id"), index=True),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "customer_id", "created_at", "id"),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contact_id", sa.Text, nullable=False, index=True),
    sa.Column("message_id", sa.Text),
    sa.Column("name", sa.Text, nullable=False),  # as the sender called it: never a path to open
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

one_time_codes = sa.Table(
    "one_time_codes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # of the identifier that it went to
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
    sa.Column("used_at", UtcDateTime),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Index(None, "kind", "value", "created_at"),
)

chat_links = sa.Table(
    "chat_links",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),  # the attempt of an action that it belongs to
    sa.Column("contact_id", sa.Text, nullable=False),  # what sent it
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # of the identifier that it went to
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("stack", Json, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
    sa.Column("used_at", UtcDateTime),
    sa.Column("visitor", sa.Text, nullable=False),  # who opened it
    sa.Column("chat_id", sa.Text, nullable=False, index=True),  # the contact that goes on with it
    sa.Index(None, "kind", "value", "created_at"),
)
