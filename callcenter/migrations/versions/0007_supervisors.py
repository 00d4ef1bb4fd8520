"""Supervisors: emergency announcements, skills for today, episodes of alerts"""

import sqlalchemy as sa
from alembic import op

from callcenter.db import Json, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "emergencies",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("words", Json(), nullable=False),
        sa.Column("prompt", sa.Text(), server_default="", nullable=False),
        sa.Column("then", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_emergencies")),
        sa.UniqueConstraint("id", name=op.f("uq_emergencies_id")),
    )
    op.create_table(
        "skills_today",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("skills", Json(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_skills_today")),
    )
    op.create_table(
        "alert_episodes",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("began_at", UtcDateTime()),
        sa.Column("told", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("told_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alert_episodes")),
    )


def downgrade() -> None:
    op.drop_table("alert_episodes")
    op.drop_table("skills_today")
    op.drop_table("emergencies")
