"""The tables of the desk: who may sign in, who is signed in, failed attempts, and the audit log.

Of everything that lets somebody in (session, invitation, remembered browser, recovery code) only a hash is stored.
"""

from __future__ import annotations

import sqlalchemy as sa

from callcenter.db import Json, UtcDateTime
from callcenter.metadata import RowNumber, metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("login", sa.Text, nullable=False, unique=True),  # lower case
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False, server_default="", index=True),
    sa.Column("role", sa.Text, nullable=False),  # agent, supervisor, admin, auditor
    sa.Column("agent_id", sa.Text, unique=True),  # of flows/agents.yaml
    sa.Column("password_hash", sa.Text),  # argon2id; none: not yet chosen, or single sign-on only
    sa.Column("totp_secret", sa.Text),  # sealed
    sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),  # the last time step that was used
    sa.Column("oidc_subject", sa.Text, unique=True),  # issuer, a blank, subject
    sa.Column("preferences", Json, nullable=False),
    sa.Column("active", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.true()),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("last_login_at", UtcDateTime),
)

desk_sessions = sa.Table(
    "desk_sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),  # SHA-256 of the cookie
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("stage", sa.Text, nullable=False),  # second_factor, open
    sa.Column("method", sa.Text, nullable=False),  # password, oidc, invitation
    sa.Column("renew", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.false()),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

desk_devices = sa.Table(  # browsers in which somebody has signed in: they have failures of their own
    "desk_devices",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("seen_at", UtcDateTime, nullable=False, index=True),
)

login_failures = sa.Table(
    "login_failures",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),  # account:..., address:..., device:...
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("last_at", UtcDateTime, nullable=False),
    sa.Column("blocked_until", UtcDateTime, nullable=False, index=True),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("used_at", UtcDateTime),
)

invitations = sa.Table(  # one-time links
    "invitations",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id"), index=True),  # none: makes the first admin
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime),
)

oidc_logins = sa.Table(  # sign-ons that were sent to the provider and haven't come back
    "oidc_logins",
    metadata,
    sa.Column("state", sa.Text, primary_key=True),  # hashed
    sa.Column("browser", sa.Text, nullable=False),  # hash of the cookie of the browser that began it
    sa.Column("nonce", sa.Text, nullable=False),
    sa.Column("verifier", sa.Text, nullable=False),
    sa.Column("next", sa.Text, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

audit_log = sa.Table(  # append only: triggers refuse changes
    "audit_log",
    metadata,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("user_id", sa.Text),
    sa.Column("login", sa.Text, nullable=False),  # as it was then
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),  # customer:ID, recording:ID, user:ID, ...
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Index(None, "target", "id"),
    sa.Index(None, "user_id", "id"),
    sqlite_autoincrement=True,
)

snoozes = sa.Table(  # contacts put aside in an inbox
    "snoozes",
    metadata,
    sa.Column("contact_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("until", UtcDateTime, nullable=False),
)
