"""What became of articles of the knowledge base is found by an index"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ANSWERS = sa.text("kind IN ('answer_shown', 'answer_helped', 'answer_not_helped', 'answer_unknown', 'answer_inserted')")


def upgrade() -> None:
    op.create_index("ix_events_answers", "events", ["at"], sqlite_where=ANSWERS, postgresql_where=ANSWERS)


def downgrade() -> None:
    op.drop_index("ix_events_answers", "events")
