"""Messages that come in, and who serves a thread"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INBOUND = sa.text("direction = 'in'")
OPEN = sa.text("ended_at IS NULL")
UNHANDLED = sa.text("direction = 'in' AND handled_at IS NULL")


def upgrade() -> None:
    op.add_column("contacts", sa.Column("served_by", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_contacts_open", "contacts", ["channel", "caller"], unique=False, sqlite_where=OPEN, postgresql_where=OPEN
    )
    for column in (
        sa.Column("direction", sa.Text(), server_default="out", nullable=False),
        sa.Column("sender", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.Text(), server_default="flow", nullable=False),
        sa.Column("purpose", sa.Text(), server_default="answer", nullable=False),
        sa.Column("html", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("segments", sa.Integer(), server_default="0", nullable=False),
        sa.Column("meta", sa.Text(), server_default="{}", nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("messages", column)
    op.create_index(op.f("ix_messages_created_at_id"), "messages", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_messages_channel_provider_id"), "messages", ["channel", "provider_id"], unique=True)
    op.create_index(
        "ix_messages_from", "messages", ["channel", "sender", "created_at"], sqlite_where=INBOUND,
        postgresql_where=INBOUND,
    )  # fmt: skip
    op.create_index(
        "ix_messages_unhandled", "messages", ["created_at"], sqlite_where=UNHANDLED, postgresql_where=UNHANDLED
    )


def downgrade() -> None:
    op.drop_index("ix_messages_unhandled", table_name="messages")
    op.drop_index("ix_messages_from", table_name="messages")
    op.drop_index(op.f("ix_messages_created_at_id"), table_name="messages")
    op.drop_index(op.f("ix_messages_channel_provider_id"), table_name="messages")
    for name in ("handled_at", "read_at", "delivered_at", "meta", "segments", "provider_id", "html", "purpose",
                 "author", "sender", "direction"):  # fmt: skip
        op.drop_column("messages", name)
    op.drop_index("ix_contacts_open", table_name="contacts")
    op.drop_column("contacts", "served_by")
