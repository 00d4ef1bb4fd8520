"""The tables of queues: how far the journal was read, and what follows from it. The facts themselves are events."""

from __future__ import annotations

import sqlalchemy as sa

from callcenter.db import Json, UtcDateTime
from callcenter.metadata import RowNumber, metadata

journal_position = sa.Table(
    "journal_position",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Text, nullable=False),  # whose stream it is: another one after the store lost its data
    sa.Column("position", sa.Text, nullable=False),  # the last stream id whose entry is in `events`
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

# What the journal says of each contact's last visit to queues: put back from here when the store loses its data.
queue_entries = sa.Table(
    "queue_entries",
    metadata,
    sa.Column("contact_id", sa.Text, primary_key=True),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # waiting, connected, done, left
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("joined_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False, server_default=""),
    sa.Column("holder", sa.Text, nullable=False, server_default=""),
    sa.Column("agent", sa.Text, nullable=False, server_default=""),  # in conversation with
    sa.Column("offer", sa.Text, nullable=False, server_default=""),
    sa.Column("why", sa.Text, nullable=False, server_default=""),  # it left
    sa.Column("promised", sa.Float),  # seconds: the first estimate that was said
    sa.Column("connected_at", UtcDateTime),
    sa.Column("number", sa.Text, nullable=False, server_default=""),  # whom to call back; empty: no callback
    sa.Column("callback", sa.Text, nullable=False, server_default=""),  # requested, done, failed, cancelled
    sa.Column("requested_at", UtcDateTime),
    sa.Column("callback_at", UtcDateTime),  # the time that was chosen, or of the next attempt
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("data", Json, nullable=False),  # caller, language, skills, last_agent, known_as, data
    sa.Index(None, "state"),
    sa.Index(None, "customer_id", "callback"),
    sa.Index(None, "number", "callback"),
    sa.Index(None, "agent", "connected_at"),
)

# Contacts of whom somebody has settled who they are with: what the store of queues is told next.
settled_contacts = sa.Table(
    "settled_contacts",
    metadata,
    sa.Column("id", RowNumber, primary_key=True),
    sa.Column("contact_id", sa.Text, nullable=False),
)

agent_presence = sa.Table(
    "agent_presence",
    metadata,
    sa.Column("agent", sa.Text, primary_key=True),
    sa.Column("presence", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("device", sa.Text, nullable=False, server_default=""),
    sa.Column("since", UtcDateTime, nullable=False),
)

# Queues that a supervisor has closed; a row is there as long as it is so.
switches = sa.Table(
    "switches",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # a queue; * for all of them
    sa.Column("by", sa.Text, nullable=False),  # agent:ID or user:ID
    sa.Column("at", UtcDateTime, nullable=False),
)

# What supervisors have callers told until they end it; a row is there as long as it is so.
emergencies = sa.Table(
    "emergencies",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),  # a queue; * for every way in
    sa.Column("id", sa.Text, nullable=False, unique=True),  # another one for each announcement
    sa.Column("words", Json, nullable=False),  # by language
    sa.Column("prompt", sa.Text, nullable=False, server_default=""),  # whose words they are, "" for none
    sa.Column("then", sa.Text, nullable=False),  # continue, hang_up, voicemail
    sa.Column("by", sa.Text, nullable=False),  # agent:ID or user:ID
    sa.Column("at", UtcDateTime, nullable=False),
)

# Skills that a supervisor has changed until the end of a day; what the store of queues has lost is put back from here.
skills_today = sa.Table(
    "skills_today",
    metadata,
    sa.Column("agent", sa.Text, primary_key=True),
    sa.Column("skills", Json, nullable=False),  # levels by name; 0 takes one away
    sa.Column("until", UtcDateTime, nullable=False),
)

# What `flows/alerts.yaml` watches and has found: one row for each alert, queue and condition that ever held.
alert_episodes = sa.Table(
    "alert_episodes",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),  # alert.queue.condition
    sa.Column("began_at", UtcDateTime),  # of the episode that goes on; none: it is over
    sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()),  # somebody was told of this episode
    sa.Column("told_at", UtcDateTime),  # the last time that anybody was
)
