"""Reports keep what contacts went through"""

import sqlalchemy as sa
from alembic import op

from callcenter.db import Json, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "lives",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_lives")),
    )
    op.create_table(
        "lives_position",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("through", number, nullable=False),
        sa.Column("ahead", number, nullable=False),
        sa.Column("ahead_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lives_position")),
    )


def downgrade() -> None:
    op.drop_table("lives_position")
    op.drop_table("lives")
