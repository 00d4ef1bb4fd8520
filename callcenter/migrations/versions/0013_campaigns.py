"""Outbound campaigns: lists of people to be called"""

import sqlalchemy as sa
from alembic import op

from callcenter.db import Json, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign_people",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False, server_default=""),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("reference", sa.Text(), nullable=False, server_default=""),
        sa.Column("attributes", Json(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("contact_id", sa.Text()),
        sa.Column("agent", sa.Text(), nullable=False, server_default=""),
        sa.Column("code", sa.Text(), nullable=False, server_default=""),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("campaign", "number", name="uq_campaign_people_campaign_number"),
    )
    op.create_index("ix_campaign_people_campaign_state_next_at", "campaign_people", ["campaign", "state", "next_at"])
    op.create_index("ix_campaign_people_contact_id", "campaign_people", ["contact_id"])
    op.create_table(
        "campaign_pauses",
        sa.Column("campaign", sa.Text(), primary_key=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("campaign_pauses")
    op.drop_table("campaign_people")
