"""Opening, migrating, locking and losing the database."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Engine

from callcenter import contacts, events, recognition
from callcenter.db import MIGRATIONS, migrate, open_database, reading
from callcenter.tables import contacts as contacts_table
from callcenter.tables import events as events_table
from callcenter.tables import metadata
from tests.postgres import postgres_server

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HEAD = ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_migrations_give_the_tables(engine: Engine) -> None:
    with engine.begin() as conn:
        # The index of trigrams is of another kind on each database: only the migration knows it.
        options = {
            "compare_server_default": False,
            "include_name": lambda name, *_: not (name or "").startswith("search_index"),
        }
        context = MigrationContext.configure(conn, opts=options)
        assert compare_metadata(context, metadata) == []
        predicates = conn.execute(
            sa.text(
                "SELECT sql FROM sqlite_master WHERE name='uq_payments_open_bill'"
                if engine.dialect.name == "sqlite"
                else "SELECT indexdef FROM pg_indexes WHERE indexname='uq_payments_open_bill'"
            )
        ).scalar_one()
    assert "posted_at" in predicates


def test_migrate_twice_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    with reading(engine) as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    code = (
        "import sys; from callcenter.db import *; sys.stdin.readline(); "
        f"e = open_database({database_url!r}); migrate(e)\n"
        "with reading(e) as c: print(c.execute(sa.text('select version_num from alembic_version')).all())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        output, _ = process.communicate(timeout=60)
        assert (process.returncode, output.strip()) == (0, f"[('{HEAD}',)]")


def test_a_database_in_use_is_brought_up_to_date(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored by the first version is still there, and goes on."""
    engine = open_database(database_url)
    with monkeypatch.context() as patch:
        upgrade = command.upgrade
        patch.setattr(command, "upgrade", lambda config, _: upgrade(config, "0001"))
        migrate(engine)
    with engine.begin() as conn:
        conn.execute(sa.text(
            "INSERT INTO contacts (id, channel, caller, called, direction, started_at) "
            "VALUES ('old', 'sip', '+12025550143', '100', 'in', '2026-01-01 00:00:00.000000')"
        ))  # fmt: skip
        conn.execute(sa.text(
            "INSERT INTO sessions (id, contact_id, channel, flow_hash, seq, data, updated_at) "
            "VALUES ('s', 'old', 'sip', 'f', 1, '{}', '2026-01-01 00:00:00.000000')"
        ))  # fmt: skip
    migrate(engine)
    with engine.begin() as conn:
        row = contacts.get(conn, "old")
        assert row is not None
        assert row.customer_id is None
        recognition.recognise(conn, "old", channel="sip", address=row.caller, at=NOW)
        assert conn.execute(sa.text("SELECT contact_id FROM sessions")).scalar_one() == "old"
    engine.dispose()


def test_a_newer_schema_is_refused(sqlite_engine: Engine) -> None:
    with sqlite_engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num='9999'"))
    with pytest.raises(CommandError, match="9999"):
        migrate(sqlite_engine)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_unsupported_databases_are_named(url: str) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL"):
        open_database(url)


def test_times_come_back_in_utc(engine: Engine) -> None:
    local = datetime(2026, 11, 22, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    with engine.begin() as conn:
        contacts.start(conn, channel="sip", caller="+15550100", called="100", at=local, contact_id="a")
    with reading(engine) as conn:
        at = conn.execute(sa.select(contacts_table.c.started_at)).scalar_one()
    assert at == local
    assert at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(sa.exc.StatementError, match="without a time zone"), engine.begin() as conn:
        contacts.start(conn, channel="sip", caller="", called="", at=datetime(2026, 1, 1))


def test_contacts_start_and_end_once(engine: Engine) -> None:
    with engine.begin() as conn:
        first = contacts.start(conn, channel="sip", caller="+1", called="100", at=NOW)
        second = contacts.start(conn, channel="twilio", caller="+2", called="100", at=NOW + timedelta(seconds=1))
        assert contacts.end(conn, first, outcome="paid", at=NOW + timedelta(minutes=2))
        assert not contacts.end(conn, first, outcome="hang_up", at=NOW + timedelta(minutes=3))
        contacts.set_language(conn, first, "es")
    with reading(engine) as conn:
        assert [row.id for row in contacts.recent(conn)] == [second, first]
        row = contacts.get(conn, first)
        assert row is not None
        assert (row.outcome, row.ended_at, row.language) == ("paid", NOW + timedelta(minutes=2), "es")
        assert [row.id for row in contacts.recent(conn, caller="+2")] == [second]
        assert contacts.get(conn, "nobody") is None


def test_events_keep_their_order(engine: Engine) -> None:
    with engine.begin() as conn:
        events.record(conn, "c", "s", "step", {"step": "menu", "words": "año"}, NOW)
        events.record_all(conn, [events.Event(NOW, "c", "s", "step", {"n": n}) for n in range(50)])
        events.record(conn, "other", None, "step", {}, NOW)
        events.record_all(conn, [])
    with reading(engine) as conn:
        log = events.of_contact(conn, "c")
    assert [event.data.get("n") for event in log] == [None, *range(50)]
    assert log[0].data == {"step": "menu", "words": "año"}
    assert all(event.at == NOW for event in log)


def test_writers_in_threads_lose_nothing(engine: Engine) -> None:
    def write(worker: int) -> None:
        for n in range(20):
            with engine.begin() as conn:  # reads, then writes: a deferred transaction would fail with "locked"
                conn.execute(sa.select(sa.func.count()).select_from(events_table)).scalar_one()
                events.record(conn, f"c{worker}", None, "step", {"n": n}, NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with reading(engine) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(events_table)).scalar_one() == 160


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    with engine.begin() as writer:
        events.record(writer, "c", None, "step", {}, NOW)
        with reading(engine) as conn:
            assert events.of_contact(conn, "c") == []


def test_sqlite_survives_the_death_of_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/test.db"
    code = (
        "import os\nfrom datetime import *\nfrom callcenter import events\nfrom callcenter.db import *\n"
        f"e = open_database({url!r}); migrate(e)\n"
        "with e.begin() as c: events.record(c, 'c', None, 'kept', {}, datetime.now(UTC))\n"
        "with e.begin() as c:\n events.record(c, 'c', None, 'lost', {}, datetime.now(UTC))\n os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    engine = open_database(url)
    with reading(engine) as conn:
        assert [event.kind for event in events.of_contact(conn, "c")] == ["kept"]
    engine.dispose()


def test_a_full_disk_is_an_error_and_the_next_write_works(sqlite_engine: Engine) -> None:
    """SQLite reports max_page_count as it reports a full disk (SQLITE_FULL)."""

    def write(limit: int, size: int) -> None:
        with sqlite_engine.connect() as conn:
            conn.connection.execute(f"PRAGMA max_page_count={limit}")
            with conn.begin():
                events.record(conn, "c", None, "big", {"text": "x" * size}, NOW)

    with pytest.raises(sa.exc.OperationalError, match="full"):
        write(1, 1_000_000)
    write(1_000_000, 10)
    with reading(sqlite_engine) as conn:
        assert len(events.of_contact(conn, "c")) == 1


def test_a_dead_postgres_fails_and_its_return_is_noticed() -> None:
    with postgres_server() as server:
        engine = open_database(server.url())
        migrate(engine)
        with engine.begin() as conn:
            events.record(conn, "c", None, "before", {}, NOW)
        server.stop()
        with pytest.raises(sa.exc.OperationalError), engine.begin() as conn:
            events.record(conn, "c", None, "during", {}, NOW)
        server.start()
        with engine.begin() as conn:
            events.record(conn, "c", None, "after", {}, NOW)
            assert [event.kind for event in events.of_contact(conn, "c")] == ["before", "after"]
        engine.dispose()


def test_a_silent_postgres_fails_by_itself() -> None:
    """A host that accepts and never answers: the connect timeout ends it (the test's own timeout if not)."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = open_database(f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x")
        with pytest.raises(sa.exc.OperationalError, match="timeout"), engine.begin():
            pass


def test_a_lock_that_is_not_released_fails_by_itself(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callcenter.db.TIMEOUT", 1.0)
    engine = open_database(database_url)
    migrate(engine)
    with engine.begin() as conn:
        contacts.start(conn, channel="sip", caller="", called="", at=NOW, contact_id="a")
    failed: list[Exception] = []

    def second() -> None:
        try:
            with engine.begin() as conn:
                contacts.end(conn, "a", outcome="second", at=NOW)
        except sa.exc.OperationalError as error:
            failed.append(error)

    with engine.begin() as conn:
        contacts.end(conn, "a", outcome="first", at=NOW)
        other = threading.Thread(target=second)
        other.start()
        other.join()
    assert failed
    engine.dispose()
