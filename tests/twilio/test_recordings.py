"""Prompts that an admin has recorded are played, from addresses of their content."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.rehearsal.twilio_double import RefusedTwiml
from ivr.rehearsal.twilio_double.media import tone
from tests.twilio.support import ROOT, Line, line, settings, words


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """The demo's with a recorded question; and two that can't be played: one of a prompt with a value, a broken one."""
    folder = tmp_path / "prompts"
    shutil.copytree(ROOT / "prompts", folder)
    recordings = folder / "en" / "recordings"
    recordings.mkdir(exist_ok=True)
    (recordings / "main.how_can_we_help.wav").write_bytes(tone(2.5))
    (recordings / "main.welcome.wav").write_bytes(tone(1.0))
    (recordings / "pay.ask_account.wav").write_bytes(b"RIFF, but no sound")
    return folder


@pytest.fixture
def recorded(tmp_path: Path, prompts: Path) -> Iterator[Line]:
    made = line(settings(tmp_path, prompts_dir=prompts), prompts=prompts)
    yield made
    made.close()


def test_a_recorded_prompt_is_played_and_others_are_spoken(recorded: Line) -> None:
    call = recorded.call()
    welcome, menu = call.heard[:2]
    assert welcome.text == "Thank you for calling Riverbend Water and Power."
    assert re.fullmatch(r"https://voice\.example\.com/audio/[0-9a-f]{64}\.wav", menu.audio)
    assert menu.text == ""
    assert call.heard[2].at - menu.at == pytest.approx(2.5, abs=0.1)
    call.press("1")
    assert "account number" in words(call)[-1]


def test_audio_may_be_kept_for_good(recorded: Line) -> None:
    path = recorded.call().heard[1].audio.removeprefix("https://voice.example.com")
    client = recorded.app.test_client()
    answer = client.get(path)
    assert answer.content_type == "audio/wav"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    with wave.open(io.BytesIO(answer.data)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("name", [hashlib.sha256(b"else").hexdigest(), "..%2f..%2fcallwright.db", "main.welcome", ""])
def test_nothing_but_recordings_is_served(recorded: Line, name: str) -> None:
    assert recorded.app.test_client().get(f"/audio/{name}.wav").status_code == 404


def test_what_is_rendered_for_callers_is_not_served(recorded: Line, tmp_path: Path) -> None:
    key = hashlib.sha256(b"rendered").hexdigest()
    kept = recorded.chosen.audio_dir / key[:2] / f"{key}.ulaw"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(b"\xff" * 160)
    assert recorded.app.test_client().get(f"/audio/{key}.wav").status_code == 404


def test_the_double_refuses_what_cannot_be_played(recorded: Line) -> None:
    recorded.app.view_functions["audio.audio"] = lambda key: (f"no sound: {key}", 200)
    with pytest.raises(RefusedTwiml, match="12300"):
        recorded.call()


def test_a_recording_that_comes_later_is_played_from_then_on(recorded: Line, prompts: Path) -> None:
    path = prompts / "en" / "recordings" / "main.how_can_we_help.wav"
    first = recorded.call().heard[1].audio
    path.write_bytes(tone(1.5))
    second = recorded.call().heard[1].audio
    assert second != first
    path.unlink()
    assert recorded.call().heard[1].audio in (None, "")
