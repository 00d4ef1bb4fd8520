"""Queues: the journal's position, entries, agents' presence"""

import sqlalchemy as sa
from alembic import op

from callcenter.db import Json, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "journal_position",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_journal_position")),
    )
    op.create_table(
        "queue_entries",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("customer_id", sa.Text(), server_default="", nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("agent", sa.Text(), server_default="", nullable=False),
        sa.Column("offer", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("promised", sa.Float(), nullable=True),
        sa.Column("connected_at", UtcDateTime(), nullable=True),
        sa.Column("number", sa.Text(), server_default="", nullable=False),
        sa.Column("callback", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=True),
        sa.Column("callback_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_queue_entries")),
    )
    op.create_index(op.f("ix_queue_entries_state"), "queue_entries", ["state"])
    op.create_index(op.f("ix_queue_entries_customer_id_callback"), "queue_entries", ["customer_id", "callback"])
    op.create_index(op.f("ix_queue_entries_number_callback"), "queue_entries", ["number", "callback"])
    op.create_index(op.f("ix_queue_entries_agent_connected_at"), "queue_entries", ["agent", "connected_at"])
    op.create_table(
        "agent_presence",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("device", sa.Text(), server_default="", nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_agent_presence")),
    )


def downgrade() -> None:
    for table in ("agent_presence", "queue_entries", "journal_position"):
        op.drop_table(table)
