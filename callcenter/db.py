"""Opening and migrating the database: SQLite by default, PostgreSQL by URL, one code path for both.

Write through `engine.begin()`, read through `reading(engine)`. Transactions are short: on SQLite a write
transaction takes the one write lock at its start (BEGIN IMMEDIATE), so that it never fails half-way with a lock
that somebody else got first.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.types import TypeDecorator

MIGRATIONS = Path(__file__).parent / "migrations"
TIMEOUT = 3.0
"""Seconds after which a dead or locked database is an error: a caller is waiting."""
MIGRATION_TIMEOUT = 120.0
_MIGRATION_LOCK = 0x63616C6C77726974  # PostgreSQL advisory locks are 64-bit numbers; this one is ours


compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""A JSON value as text; `json.dumps` would make a new encoder each time."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: timezone-aware in Python, UTC in the database. A naive datetime is refused with ValueError."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone can't be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value, stored as compact text on every database."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else compact(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


def database_url(url: str) -> URL:
    """The URL with the driver that we use. Raises ValueError for a database that isn't supported."""
    parsed = make_url(url)
    kind = parsed.drivername.partition("+")[0]
    if kind in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if kind == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ValueError("DATABASE_URL needs a file, such as sqlite:///var/callwright.db, not memory")
        return parsed.set(drivername="sqlite+pysqlite")
    raise ValueError(f"DATABASE_URL: {kind!r} isn't supported; use sqlite:///FILE or postgresql://USER@HOST/NAME")


def open_database(url: str) -> Engine:
    """An engine for `url`. Connects lazily; raises ValueError for a URL that isn't supported."""
    parsed = database_url(url)
    if parsed.drivername.startswith("sqlite"):
        return _open_sqlite(parsed)
    milliseconds = int(TIMEOUT * 1000)
    return sa.create_engine(
        parsed,
        pool_pre_ping=True,
        pool_timeout=TIMEOUT,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": int(TIMEOUT),
            # Without it a host that vanished holds a write for as long as TCP retransmits (minutes).
            "tcp_user_timeout": milliseconds,
            "keepalives_idle": 10,
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c timezone=UTC",
        },
    )


def _open_sqlite(url: URL) -> Engine:
    assert url.database
    Path(url.database).absolute().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The connection that was used last knows most pages of the file.
    engine = sa.create_engine(url, pool_timeout=TIMEOUT, pool_use_lifo=True, connect_args={"timeout": TIMEOUT})

    @sa.event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        _set_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _set_wal(connection: sqlite3.Connection) -> None:
    """WAL, durable against the death of a process. The change of mode doesn't honour the busy timeout, so that
    several processes that start on a new file would collide: hence the retries."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads: it never waits for a writer on SQLite (one snapshot under WAL)."""
    with engine.connect().execution_options(reads=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading_quickly(engine: Engine) -> Iterator[PoolProxiedConnection]:
    """The driver's own connection, for one SELECT that every call makes. Errors are SQLAlchemy's all the same."""
    with _driver(engine) as connection:
        yield connection


@contextmanager
def writing_quickly(engine: Engine) -> Iterator[PoolProxiedConnection]:
    """A write transaction on the driver's own connection, from the engine's pool, for the few statements that every
    turn of a call runs: a third of what `engine.begin()` costs. Errors are SQLAlchemy's all the same."""
    with _driver(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.cursor().execute("BEGIN IMMEDIATE")  # psycopg begins by itself
        yield connection
        connection.commit()


@contextmanager
def _driver(engine: Engine) -> Iterator[PoolProxiedConnection]:
    with driver_errors(engine):
        connection = engine.raw_connection()
        try:
            yield connection
        except Exception as error:
            if engine.dialect.is_disconnect(error, connection, None):  # type: ignore[arg-type]
                connection.invalidate(error)
            raise
        finally:
            connection.close()  # back to the pool, which rolls back what wasn't committed


@contextmanager
def driver_errors(engine: Engine) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy's."""
    driver: Any = engine.dialect.loaded_dbapi
    try:
        yield
    except driver.Error as error:
        raised = sa.exc.DBAPIError.instance(None, None, error, driver.Error, dialect=engine.dialect)
        raise raised from error


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision. Safe when several processes start at once: one does the work in one
    transaction under a lock, the others wait for it. A newer schema than ours raises `alembic` CommandError."""
    # Imported here: commands that only check flows shouldn't wait for it.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with reading(engine) as connection:
        current = MigrationContext.configure(connection).get_current_heads()
    if current == tuple(ScriptDirectory.from_config(config).get_heads()):
        return
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.connection.execute(f"PRAGMA busy_timeout={int(MIGRATION_TIMEOUT * 1000)}")
        try:
            with connection.begin():
                if engine.dialect.name == "postgresql":
                    connection.execute(sa.text(f"SET LOCAL statement_timeout='{int(MIGRATION_TIMEOUT)}s'"))
                    connection.execute(sa.text(f"SET LOCAL lock_timeout='{int(MIGRATION_TIMEOUT)}s'"))
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        finally:
            connection.invalidate()  # its busy timeout is the migration's
