"""Evaluations of conversations, calibrations, coaching"""

import sqlalchemy as sa
from alembic import op

from callcenter.db import Json, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quality_forms",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", Json(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_quality_forms")),
    )
    op.create_table(
        "calibrations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("form_hash", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_calibrations_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["form_hash"], ["quality_forms.hash"], name=op.f("fk_calibrations_form_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibrations")),
    )
    op.create_index(op.f("ix_calibrations_contact_id"), "calibrations", ["contact_id"])
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("contact_at", UtcDateTime(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("evaluator_id", sa.Text(), nullable=False),
        sa.Column("form_hash", sa.Text(), nullable=False),
        sa.Column("calibration_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("answers", Json(), nullable=False),
        sa.Column("comments", Json(), nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("sections", Json(), nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("settlement", sa.Text(), server_default="", nullable=False),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=True),
        sa.Column("replied_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("seq", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_evaluations_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["calibration_id"], ["calibrations.id"], name=op.f("fk_evaluations_calibration_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["form_hash"], ["quality_forms.hash"], name=op.f("fk_evaluations_form_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    for column in ("contact_id", "contact_at", "user_id", "evaluator_id"):
        op.create_index(op.f(f"ix_evaluations_{column}"), "evaluations", [column])
    counted = sa.text("calibration_id IS NULL")
    op.create_index(
        "uq_evaluations_counted",
        "evaluations",
        ["contact_id", "agent"],
        unique=True,
        sqlite_where=counted,
        postgresql_where=counted,
    )
    op.create_index(
        op.f("ix_evaluations_calibration_id_evaluator_id"),
        "evaluations",
        ["calibration_id", "evaluator_id"],
        unique=True,
    )
    op.create_table(
        "coaching",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Text(), nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coaching")),
    )
    op.create_index(op.f("ix_coaching_user_id"), "coaching", ["user_id"])
    op.create_table(
        "coaching_evaluations",
        sa.Column("coaching_id", sa.Text(), nullable=False),
        sa.Column("evaluation_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["coaching_id"], ["coaching.id"], name=op.f("fk_coaching_evaluations_coaching_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["evaluation_id"],
            ["evaluations.id"],
            name=op.f("fk_coaching_evaluations_evaluation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("coaching_id", "evaluation_id", name=op.f("pk_coaching_evaluations")),
    )


def downgrade() -> None:
    for table in ("coaching_evaluations", "coaching", "evaluations", "calibrations", "quality_forms"):
        op.drop_table(table)
