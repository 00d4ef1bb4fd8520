"""The tables of outbound campaigns: who is on which list, which lists are paused, and how fast one is called."""

from __future__ import annotations

import sqlalchemy as sa

from callcenter.db import Json, UtcDateTime
from callcenter.metadata import metadata

# One person on one list. What becomes of each call is in the events of its contact.
campaign_people = sa.Table(
    "campaign_people",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),  # E.164, or a SIP address
    sa.Column("customer_id", sa.Text, nullable=False, server_default=""),  # empty: several share the number
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("reference", sa.Text, nullable=False, server_default=""),
    sa.Column("attributes", Json, nullable=False),  # further columns of the list, text by name
    sa.Column("state", sa.Text, nullable=False),  # waiting, queued (a callback of theirs is in the queue), done
    sa.Column("result", sa.Text, nullable=False, server_default=""),  # of the last call, or why there is none
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", UtcDateTime, nullable=False),  # not before
    sa.Column("contact_id", sa.Text),  # of the last call, or of the one that is to be made
    sa.Column("agent", sa.Text, nullable=False, server_default=""),
    sa.Column("code", sa.Text, nullable=False, server_default=""),  # the agent's wrap-up code, or the flow's outcome
    # The flow that the last call ran; empty where an agent was reserved first. While such a call lasts, `updated_at` is
    # moved on by whoever makes it.
    sa.Column("flow", sa.Text, nullable=False, server_default=""),
    sa.Column("imported_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("campaign", "number"),
    sa.Index(None, "campaign", "state", "next_at"),
    sa.Index(None, "contact_id"),
    sa.Index(None, "state"),
)

# Until when the calls of a campaign without agents have used up its calls per minute.
campaign_paces = sa.Table(
    "campaign_paces",
    metadata,
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("until", UtcDateTime, nullable=False),
)

# Campaigns that are paused; a row is there as long as it is so.
campaign_pauses = sa.Table(
    "campaign_pauses",
    metadata,
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),  # user:ID, "console"
    sa.Column("at", UtcDateTime, nullable=False),
)
