"""Who contacts in queues turn out to be"""

import sqlalchemy as sa
from alembic import op

from callcenter.metadata import RowNumber

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settled_contacts",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("contact_id", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("settled_contacts")
