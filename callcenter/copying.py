"""Everything of one database into another, empty one: from SQLite to PostgreSQL when a company grows, or back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter.db import migrate
from callcenter.searching import grams_of
from callcenter.tables import customers, metadata, search_words

BATCH = 1000
"""Rows held in memory at once."""


class NotEmptyError(Exception):
    """The database to copy into has rows already; the message names a table of them."""


def copy_database(source: Engine, target: Engine) -> dict[str, int]:
    """Copy all rows, in one transaction: all of them or, where it raises, none. Gives the rows of each table that has
    any. Both schemas are brought to the newest revision first. Whoever writes to `source` meanwhile isn't copied.
    Raises `NotEmptyError`, and SQLAlchemyError where either database fails."""
    migrate(source)
    migrate(target)
    copied: dict[str, int] = {}
    with source.connect() as outer, target.begin() as into:
        found = _snapshot(outer)
        with found.begin():
            if into.dialect.name == "postgresql":  # a caller who waits is what the usual few seconds are for
                into.execute(sa.text("SET LOCAL statement_timeout=0"))
            for table in metadata.sorted_tables:
                if into.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
                    raise NotEmptyError(f"it has rows in {table.name} already")
            for table in metadata.sorted_tables:
                if count := _copy(found, into, table):
                    copied[table.name] = count
            _merge(found, into)
            if into.dialect.name == "postgresql":
                _number_on(into)
    return copied


def _snapshot(connection: Connection) -> Connection:
    """All tables as of one moment."""
    if connection.dialect.name == "sqlite":
        return connection.execution_options(reads=True)
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _copy(found: Connection, into: Connection, table: sa.Table) -> int:
    # What is kept to search by is of another kind on each database.
    columns = [column for column in table.columns if column is not search_words.c.grams]
    query = sa.select(*columns).order_by(*table.primary_key)
    rows = found.execute(query, execution_options={"yield_per": BATCH})
    count = 0
    for batch in rows.mappings().partitions():
        into.execute(sa.insert(table), [_adapted(dict(row), table, into.dialect.name) for row in batch])
        count += len(batch)
    return count


def _adapted(row: dict[str, Any], table: sa.Table, dialect: str) -> dict[str, Any]:
    if table is search_words:
        row["grams"] = grams_of(row["words"], dialect)
    elif table is customers:
        row["merged_into"] = None  # a row that may not be there yet: `_merge`
    return row


def _merge(found: Connection, into: Connection) -> None:
    id, merged_into = customers.c.id, customers.c.merged_into
    rows = found.execute(sa.select(id.label("one"), merged_into.label("root")).where(merged_into.is_not(None)))
    change = sa.update(customers).where(id == sa.bindparam("one")).values(merged_into=sa.bindparam("root"))
    for batch in rows.mappings().partitions(BATCH):
        into.execute(change, [dict(row) for row in batch])


def _number_on(into: Connection) -> None:
    """Rows to come are numbered after those that were copied; SQLite does so by itself."""
    for table in metadata.sorted_tables:
        for column in table.primary_key:
            if not isinstance(column.type, sa.Integer):
                continue
            name = sa.func.pg_get_serial_sequence(table.name, column.name)
            highest = into.execute(sa.select(sa.func.max(column))).scalar()
            if highest is not None and into.execute(sa.select(name)).scalar() is not None:
                into.execute(sa.select(sa.func.setval(name, highest)))
