"""What reports keep so as not to read every event again. All of it can be made anew from `events`."""

from __future__ import annotations

import sqlalchemy as sa

from callcenter.db import Json, UtcDateTime
from callcenter.metadata import RowNumber, metadata

# A contact's life, put together from its events: callcenter.reports.kept.
lives = sa.Table(
    "lives",
    metadata,
    sa.Column("contact_id", sa.Text, primary_key=True),
    sa.Column("data", Json, nullable=False),
)

lives_position = sa.Table(
    "lives_position",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("through", RowNumber, nullable=False),  # events up to this id are in `lives`
    sa.Column("ahead", RowNumber, nullable=False),  # the newest event's id, as seen at `ahead_at`
    sa.Column("ahead_at", UtcDateTime, nullable=False),
)
