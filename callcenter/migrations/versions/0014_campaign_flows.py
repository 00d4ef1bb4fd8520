"""Campaigns whose calls run a flow"""

import sqlalchemy as sa
from alembic import op

from callcenter.db import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaign_people", sa.Column("flow", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_campaign_people_state", "campaign_people", ["state"])
    op.create_table(
        "campaign_paces",
        sa.Column("campaign", sa.Text(), primary_key=True),
        sa.Column("until", UtcDateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("campaign_paces")
    op.drop_index("ix_campaign_people_state", "campaign_people")
    op.drop_column("campaign_people", "flow")
