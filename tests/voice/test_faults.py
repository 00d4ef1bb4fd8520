"""What callers hear when something of ours breaks in the middle of their call, and that the next call works."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ivr.channels.voice import call
from ivr.speech import pcm
from tests.voice.line import Line
from tests.voice.sip_phone import SipPhone
from tests.waiting import until

pytestmark = pytest.mark.sip


@pytest.fixture
def line(tmp_path: Path, audio: Path) -> Iterator[Line]:
    with Line(tmp_path, audio) as line:
        yield line


@contextmanager
def locked(line: Line) -> Iterator[None]:
    """Nobody else can write to the database, as with a disk that hangs."""
    other = sqlite3.connect(line.engine.url.database or "", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def next_call_works(line: Line) -> bool:
    phone = line.call()
    fine = phone.hears("main.how_can_we_help")
    phone.hang_up()
    phone.close()
    return fine


def restarted(line: Line, died: int) -> None:
    """Wait for another media process; until then new calls are asked to come back (503)."""
    endpoint = line.service.endpoint
    assert endpoint is not None
    until(lambda: endpoint.media.pid != died)


def test_a_database_that_hangs_costs_the_caller_a_moment(line: Line) -> None:
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    with locked(line):
        phone.press("1")
        assert phone.hears("system.one_moment")
    assert phone.hears("pay.ask_account")
    phone.hang_up()
    phone.close()


def test_a_call_id_that_was_used_before_is_served_like_any_other(line: Line) -> None:
    """Of a call that is over, and of one that goes on."""
    for _ in range(2):
        phones = [SipPhone(line, call_id="again@shop") for _ in range(2)]
        for phone in phones:
            assert phone.hears("main.how_can_we_help")
        for phone in phones:
            phone.hang_up()
            phone.close()


def test_a_dead_database_ends_in_an_apology(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "STORE_TRIES", (0.1,))
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    with locked(line):
        phone.press("1")
        assert phone.hears("system.sorry")
        assert phone.wait_for_end()
        phone.close()
        stranger = line.call()
        assert stranger.hears("system.sorry"), "a new caller hears it too"
        assert stranger.wait_for_end()
        stranger.close()
    assert next_call_works(line)


def test_a_message_that_cannot_be_kept_is_owned_up_to(line: Line) -> None:
    line.settings.recordings_dir.write_text("a file where the folder should be")
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    phone.press("0")
    assert phone.hears("message.offer")
    phone.press("1")
    assert phone.hears("message.not_kept")
    assert phone.wait_for_end()
    phone.close()


def test_a_killed_media_process_costs_its_calls_a_moment(line: Line) -> None:
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    endpoint = line.service.endpoint
    assert endpoint is not None
    endpoint.media._least_life = 0
    died = endpoint.media.pid
    os.kill(died, signal.SIGKILL)
    restarted(line, died)
    phone.press("0")  # the same call goes on
    assert phone.hears("message.offer")
    phone.hang_up()
    phone.close()
    assert next_call_works(line)


def test_a_media_process_that_dies_at_once_ends_its_calls_and_no_others(line: Line) -> None:
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    endpoint = line.service.endpoint
    assert endpoint is not None
    endpoint.media._least_life = 3600
    died = endpoint.media.pid
    os.kill(died, signal.SIGKILL)
    assert phone.wait_for_end(), "the caller is let go by a BYE"
    phone.close()
    restarted(line, died)
    assert next_call_works(line)


def test_a_voice_that_fails_leaves_what_was_rendered(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.render("system.fault", "message.offer")
    phone = line.call()
    assert phone.hears("main.how_can_we_help")
    monkeypatch.setattr(line.ears, "_command", lambda voice: ["false"])
    line.run(line.ears.close())
    phone.press("110203044")  # this customer's name was never rendered
    assert phone.hears("message.offer")
    phone.hang_up()
    phone.close()


def test_without_any_voice_there_are_tones(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line.ears, "voices", ())
    phone = line.call()
    assert phone.wait_for_end()
    assert pcm.beep().ulaw[:1600] in phone.audio
    phone.close()
