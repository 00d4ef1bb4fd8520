"""Evaluations of conversations, calibrations and coaching: see `callcenter.evaluations`.

They go with their contact: a contact's row that is deleted takes its evaluations along. Users are named without a
foreign key: what they wrote stays when an admin removes them.
"""

from __future__ import annotations

import sqlalchemy as sa

from callcenter.db import Json, UtcDateTime
from callcenter.metadata import metadata

quality_forms = sa.Table(  # each content that an evaluation was made with
    "quality_forms",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

calibrations = sa.Table(  # a conversation that several evaluate blind
    "calibrations",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contact_id", sa.Text, sa.ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("form_hash", sa.Text, sa.ForeignKey("quality_forms.hash"), nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
)

COUNTED = sa.text("calibration_id IS NULL")

evaluations = sa.Table(
    "evaluations",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("contact_id", sa.Text, sa.ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("contact_at", UtcDateTime, nullable=False, index=True),  # when the contact began
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("queue", sa.Text, nullable=False),  # "": it came by none
    sa.Column("agent", sa.Text, nullable=False),  # of flows/agents.yaml, else a login
    sa.Column("user_id", sa.Text, index=True),  # who that was then, where known
    sa.Column("evaluator_id", sa.Text, nullable=False, index=True),
    sa.Column("form_hash", sa.Text, sa.ForeignKey("quality_forms.hash"), nullable=False),
    sa.Column("calibration_id", sa.Text, sa.ForeignKey("calibrations.id", ondelete="CASCADE")),  # these don't count
    sa.Column("status", sa.Text, nullable=False),  # draft, submitted, disputed, settled
    sa.Column("answers", Json, nullable=False),  # by question
    sa.Column("comments", Json, nullable=False),  # [{"recording", "second", "text"}]
    sa.Column("summary", sa.Text, nullable=False, server_default=""),
    sa.Column("score", sa.Float),  # 0 to 1; none: nothing was applicable, or a draft
    sa.Column("sections", Json, nullable=False),  # score by section
    sa.Column("reply", sa.Text, nullable=False, server_default=""),  # the agent's
    sa.Column("settlement", sa.Text, nullable=False, server_default=""),  # the supervisor's, to who disagreed
    sa.Column("settled_by", sa.Text),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("submitted_at", UtcDateTime),
    sa.Column("seen_at", UtcDateTime),  # by the agent
    sa.Column("replied_at", UtcDateTime),
    sa.Column("settled_at", UtcDateTime),
    sa.Column("seq", sa.Integer, nullable=False, server_default="0"),  # goes up with each change
    # One that counts for a conversation of an agent; in a calibration one of each evaluator.
    sa.Index("uq_evaluations_counted", "contact_id", "agent", unique=True, sqlite_where=COUNTED,
             postgresql_where=COUNTED),
    sa.Index(None, "calibration_id", "evaluator_id", unique=True),
)  # fmt: skip

coaching = sa.Table(  # what an agent and a supervisor agreed
    "coaching",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False, index=True),
    sa.Column("author_id", sa.Text, nullable=False),
    sa.Column("goal", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("due_on", sa.Date, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("done_at", UtcDateTime),
    sa.Column("done_by", sa.Text),
)

coaching_evaluations = sa.Table(
    "coaching_evaluations",
    metadata,
    sa.Column("coaching_id", sa.Text, sa.ForeignKey("coaching.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("evaluation_id", sa.Text, sa.ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
)
