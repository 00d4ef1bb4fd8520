"""What callers hear when something of ours is broken, and that the next call works."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter.tables import contacts, sessions
from ivr.channels.twilio.twiml import Fold
from ivr.rehearsal.twilio_double import Answer, NoAnswer
from ivr.rehearsal.twilio_double.transport import Params
from tests.postgres import postgres_server
from tests.twilio.support import Line, line, settings, words

ONE_MOMENT = "One moment, please."
SORRY = "We are sorry, we can't help you right now. Please call again later. Goodbye."


@pytest.fixture
def locked(phone_line: Line) -> Iterator[sqlite3.Connection]:
    """Somebody else who may hold the write lock of the database for longer than we wait."""
    for engine in (phone_line.engine, phone_line.runner.engine):
        engine.dispose()

        @sa.event.listens_for(engine, "connect")
        def impatient(connection: sqlite3.Connection, record: object) -> None:
            connection.execute("PRAGMA busy_timeout=20")

    other = sqlite3.connect(phone_line.chosen.data_dir / "callwright.db", isolation_level=None)
    yield other
    other.close()


def test_a_locked_database_is_waited_for(phone_line: Line, locked: sqlite3.Connection) -> None:
    call = phone_line.call()
    locked.execute("BEGIN IMMEDIATE")
    phone_line.twilio.before = lambda url: locked.execute("ROLLBACK") if "attempt=1" in url else None
    before = phone_line.session(call)
    call.press("1")
    assert words(call).count(ONE_MOMENT) == 1
    assert phone_line.session(call) == before
    assert words(call)[-1] == "To reach a person, press 0."  # the question again: the key was not taken
    phone_line.twilio.before = lambda url: None
    call.press("1")
    assert "account number" in words(call)[-1]
    assert call.failures == []


def test_a_database_that_stays_away_ends_in_an_apology(phone_line: Line, locked: sqlite3.Connection) -> None:
    call = phone_line.call()
    locked.execute("BEGIN EXCLUSIVE")
    before = len(call.heard)
    # In WAL readers go on; the reading connection is taken away too.
    (phone_line.chosen.data_dir / "callwright.db").rename(phone_line.chosen.data_dir / "away.db")
    (phone_line.chosen.data_dir / "callwright.db").write_bytes(b"this is no database" * 1000)
    phone_line.runner.engine.dispose()
    call.press("1")
    assert call.over
    assert [heard.text for heard in call.heard[before:]] == [ONE_MOMENT, ONE_MOMENT, ONE_MOMENT, SORRY]
    (phone_line.chosen.data_dir / "away.db").rename(phone_line.chosen.data_dir / "callwright.db")
    locked.execute("ROLLBACK")
    phone_line.runner.engine.dispose()
    assert "How can we help you?" in words(phone_line.call())


def test_a_call_begins_when_the_database_is_back(phone_line: Line, locked: sqlite3.Connection) -> None:
    locked.execute("BEGIN IMMEDIATE")
    phone_line.twilio.before = lambda url: locked.execute("ROLLBACK") if "attempt=1" in url else None
    call = phone_line.call()
    assert words(call)[:2] == [ONE_MOMENT, "Thank you for calling Riverbend Water and Power."]
    assert len(phone_line.rows(contacts)) == 1


def test_a_full_disk_is_survived(phone_line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own page limit gives the very error of a full disk (SQLITE_FULL)."""
    call = phone_line.call()
    before = phone_line.session(call)
    pages = 1  # SQLite takes the file's present size for a limit below it

    @sa.event.listens_for(phone_line.runner.engine, "checkout")
    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    errors: list[str] = []
    commit = phone_line.runner.store.commit

    def watched(*arguments: Any, **others: Any) -> bool:
        try:
            return commit(*arguments, **others)
        except sa.exc.OperationalError as error:
            errors.append(str(error))
            raise

    monkeypatch.setattr(phone_line.runner.store, "commit", watched)
    # As long as pages of the file have room, steps still fit.
    for _ in range(400):
        if errors or call.gather is None:
            break
        before = phone_line.session(call)
        call.press("1" if call.gather.get("numDigits") == "1" else "#")
    assert any("full" in error for error in errors)
    assert phone_line.session(call).seq == before.seq
    assert ONE_MOMENT in words(call)
    pages = 1_000_000
    if call.over:
        call = phone_line.call()
    call.press("1")
    assert "account number" in words(call)[-1]


def test_postgres_dies_and_comes_back_in_the_middle_of_a_call(tmp_path: Path) -> None:
    with postgres_server() as server:
        made = line(settings(tmp_path, database_url=server.url()))
        try:
            call = made.call()
            server.stop()
            made.twilio.before = lambda url: server.start() if "attempt=1" in url else None
            call.press("1")
            assert ONE_MOMENT in words(call)
            made.twilio.before = lambda url: None
            call.press("1")
            assert "account number" in words(call)[-1]
            assert call.failures == []
            assert len(made.rows(contacts)) == 1
        finally:
            made.close()


def test_a_fault_of_ours_leads_to_a_person(phone_line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    call = phone_line.call()
    right = Fold._gather
    monkeypatch.setattr(Fold, "_gather", lambda *arguments: (_ for _ in ()).throw(RuntimeError("broken")))
    phone_line.twilio.before = lambda url: monkeypatch.setattr(Fold, "_gather", right) if "fallback" in url else None
    call.press("1")
    assert "Sorry, something went wrong on our side." in words(call)
    assert call.asks == "gather"
    call.press("1")
    assert call.asks == "record"
    assert call.failures == []


def test_a_fault_with_a_fallback_number_dials_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = line(settings(tmp_path, fallback_number="+15557654321"))
    try:
        for status, sorry in (("completed", False), ("busy", True)):
            call = made.call(transfers=lambda target, status=status: status)
            with monkeypatch.context() as patch:
                patch.setattr(Fold, "_gather", lambda *arguments: (_ for _ in ()).throw(RuntimeError("broken")))
                call.press("1")
            assert call.dialled == ["+15557654321"]
            assert call.over
            assert (words(call)[-1] == SORRY) is sorry
    finally:
        made.close()


def test_a_fault_that_never_stops_ends_in_words(phone_line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    call = phone_line.call()
    monkeypatch.setattr(Fold, "reply", lambda *arguments, **options: (_ for _ in ()).throw(RuntimeError("broken")))
    call.press("1")
    assert call.over
    assert words(call)[-1] == SORRY


class Unreliable:
    """A way to the server that loses some requests or their answers."""

    def __init__(self, inner: object, lose: str, times: int, *, after: bool) -> None:
        self.inner, self.lose, self.times, self.after = inner, lose, times, after

    def post(self, url: str, params: Params, headers: dict[str, str]) -> Answer:
        hit = self.lose in url and self.times > 0
        self.times -= hit
        if hit and not self.after:
            raise NoAnswer("timed out")
        answer: Answer = self.inner.post(url, params, headers)  # type: ignore[attr-defined]
        if hit:
            raise NoAnswer("timed out")
        return answer


def test_an_answer_lost_on_the_way_is_asked_for_again(phone_line: Line) -> None:
    phone_line.twilio.transport = Unreliable(phone_line.twilio.transport, "/menu", 1, after=True)  # type: ignore[assignment]
    call = phone_line.call()
    call.press("1")
    assert call.failures == []
    assert "account number" in words(call)[-1]
    assert phone_line.kinds(call).count("chose") == 1


def test_twilio_s_fallback_leads_to_a_person(phone_line: Line) -> None:
    phone_line.twilio.transport = Unreliable(phone_line.twilio.transport, "/menu", 2, after=False)  # type: ignore[assignment]
    call = phone_line.call()
    call.press("1")
    assert [failure.code for failure in call.failures] == [11200]
    assert "Sorry, something went wrong on our side." in words(call)
    call.press("1")
    assert call.asks == "record"
    assert "fault" in phone_line.kinds(call)


def test_an_unknown_call_gets_an_apology(phone_line: Line) -> None:
    call = phone_line.twilio.call()
    call._run(f"https://voice.example.com/twilio/voice/{'0' * 32}/3/menu", {"Digits": "1"})
    assert words(call) == [SORRY]
    assert call.over
    assert phone_line.rows(sessions) == []


def test_nothing_published_is_an_apology(tmp_path: Path) -> None:
    made = line(settings(tmp_path))
    try:
        with made.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM flow_versions"))
        call = made.call()
        assert words(call) == [SORRY]
    finally:
        made.close()
