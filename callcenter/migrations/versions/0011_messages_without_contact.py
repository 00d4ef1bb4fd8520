"""Messages that belong to no contact, such as reminders, are on the customer's timeline"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("customer_id", sa.Text(), nullable=True))
    known = sa.text("customer_id IS NOT NULL")
    op.create_index(
        "ix_messages_customer_id",
        "messages",
        ["customer_id", "created_at", "id"],
        sqlite_where=known,
        postgresql_where=known,
    )


def downgrade() -> None:
    op.drop_index("ix_messages_customer_id", "messages")
    op.drop_column("messages", "customer_id")
