"""Searching: names and identifiers, folded, under an index of trigrams"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from callcenter.searching import identifier_row, name_row

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BATCH = 5000


def upgrade() -> None:
    conn = op.get_bind()
    postgres = conn.dialect.name == "postgresql"
    op.create_table(
        "search_words",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("grams", ARRAY(sa.Text()) if postgres else sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_search_words_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_words")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_search_words_source_kind"), "search_words", ["source", "kind"])
    if not postgres:
        op.execute(
            "CREATE VIRTUAL TABLE search_index USING fts5(words, content='search_words', content_rowid='id', "
            "tokenize='trigram case_sensitive 1', detail='full')"
        )
        old = "INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', old.id, old.words);"
        new = "INSERT INTO search_index (rowid, words) VALUES (new.id, new.words);"
        op.execute(f"CREATE TRIGGER search_words_added AFTER INSERT ON search_words BEGIN {new} END")
        op.execute(f"CREATE TRIGGER search_words_removed AFTER DELETE ON search_words BEGIN {old} END")
        op.execute(f"CREATE TRIGGER search_words_changed AFTER UPDATE ON search_words BEGIN {old} {new} END")
    fill(conn)
    if postgres:  # faster when the rows are there
        op.create_index("search_index", "search_words", ["grams"], postgresql_using="gin")


def fill(conn: sa.Connection) -> None:
    """What is known already."""
    dialect = conn.dialect.name
    grams = sa.column("grams", ARRAY(sa.Text()) if dialect == "postgresql" else sa.Text())
    table = sa.table("search_words", *map(sa.column, ("kind", "source", "customer_id", "words")), grams)
    last = ""
    people = sa.text("SELECT id, name, given_name, family_name FROM customers WHERE id > :last ORDER BY id LIMIT :most")
    while rows := conn.execute(people, {"last": last, "most": BATCH}).all():
        made = [name_row(row.id, (row.name, row.given_name, row.family_name), dialect) for row in rows]
        if kept := [row for row in made if row]:
            conn.execute(sa.insert(table), kept)
        last = rows[-1].id
    last = ""
    known = sa.text("SELECT id, customer_id, kind, value FROM identifiers WHERE id > :last ORDER BY id LIMIT :most")
    while rows := conn.execute(known, {"last": last, "most": BATCH}).all():
        made = [identifier_row(row.id, row.customer_id, row.kind, row.value, dialect) for row in rows]
        if kept := [row for row in made if row]:
            conn.execute(sa.insert(table), kept)
        last = rows[-1].id


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_index")
    op.drop_table("search_words")
