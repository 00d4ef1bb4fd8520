"""Reaching customers: links to the chat, addresses that can't be delivered to"""

import sqlalchemy as sa
from alembic import op

from callcenter.db import Json, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "undeliverable",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("pk_undeliverable")),
    )
    op.create_table(
        "chat_links",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("stack", Json(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_links")),
        sa.UniqueConstraint("key", name=op.f("uq_chat_links_key")),
    )
    op.create_index(op.f("ix_chat_links_expires_at"), "chat_links", ["expires_at"])
    op.create_index(op.f("ix_chat_links_chat_id"), "chat_links", ["chat_id"])
    op.create_index(op.f("ix_chat_links_kind_value_created_at"), "chat_links", ["kind", "value", "created_at"])


def downgrade() -> None:
    op.drop_table("chat_links")
    op.drop_table("undeliverable")
