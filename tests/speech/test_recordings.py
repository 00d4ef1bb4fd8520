"""Recordings that replace the voice, and what is wrong with some of them."""

import asyncio
import contextlib
import logging
import math
import struct
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.flow.template import parse
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Part, Prompt
from ivr.speech import pcm
from ivr.speech.errors import RecordingError
from ivr.speech.prerender import prerender, static_prompts
from ivr.speech.recordings import convert, decoded
from ivr.speech.renderer import Renderer
from tests.speech.fakes import SPEAKS, FakeVoice, fake_command
from tests.tools import need

GREETING = Prompt((Part("text", "Welcome."),), "en", "greeting")


def wav(path: Path, rate: int = 44100, channels: int = 2, seconds: float = 1.0, size: float = 0.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        one = (int(32767 * size * math.sin(2 * math.pi * 440 * n / rate)) for n in range(int(rate * seconds)))
        sound.writeframes(b"".join(struct.pack("<h", sample) * channels for sample in one))
    return path


def check_tone(samples: bytes) -> None:
    sound = pcm.from_pcm16(samples)
    assert len(sound) == pytest.approx(8000, abs=1000)
    assert int(np.argmax(np.abs(np.fft.rfft(sound)))) * 8000 / len(sound) == pytest.approx(440, abs=5)
    assert 20 * np.log10(pcm.speech_level(sound)) == pytest.approx(pcm.SPEECH_DBFS, abs=0.5)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 1)])
def test_wav_needs_no_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int, channels: int) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check_tone(convert(wav(tmp_path / "a.wav", rate, channels)))


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac", "m4a"])
def test_other_formats_through_ffmpeg(tmp_path: Path, suffix: str) -> None:
    ffmpeg = need("ffmpeg", "ffmpeg")
    source = wav(tmp_path / "a.wav")
    subprocess.run([ffmpeg, "-loglevel", "error", "-i", source, tmp_path / f"a.{suffix}"], check=True)
    check_tone(convert(tmp_path / f"a.{suffix}"))


def test_without_ffmpeg_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.mp3").write_bytes(b"x")
    with pytest.raises(RecordingError, match="apt-get install ffmpeg"):
        convert(tmp_path / "a.mp3")


def test_broken_silent_and_endless_recordings(tmp_path: Path) -> None:
    need("ffmpeg", "ffmpeg")
    (tmp_path / "broken.mp3").write_bytes(b"this is no sound")
    cut = wav(tmp_path / "cut.wav")
    cut.write_bytes(cut.read_bytes()[:30])
    for path, why in (
        (tmp_path / "broken.mp3", "can't be read"),
        (cut, "can't be read"),
        (wav(tmp_path / "silent.wav", size=0), "no sound"),
        (wav(tmp_path / "long.wav", rate=100, channels=1, seconds=601), "longer than 10 minutes"),
    ):
        with pytest.raises(RecordingError, match=why):
            convert(path)


@pytest.mark.parametrize("rate", [1, 191_999, 1_999_993, 0xFFFF_FFFF])
def test_no_rate_takes_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int) -> None:
    """A header of 44 bytes names any rate, and our filter grows with it: a few kilobytes would have ended the process
    that serves calls."""
    path = wav(tmp_path / "rate.wav", rate=8000, channels=1)
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", rate)
    path.write_bytes(data)
    monkeypatch.setattr(pcm, "_filters", lambda up, down: pytest.fail(f"a filter for {up}/{down}"))
    with contextlib.suppress(RecordingError):
        decoded(path, "wav")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecordingError, match="needs ffmpeg"):
        convert(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    wav(folder / "en" / "recordings" / "greeting.wav")
    (folder / "en" / "main.yaml").write_text("greeting: Welcome.\nbye: Bye.\n")
    return folder


def renderer(tmp_path: Path, folder: Path) -> tuple[Renderer, FakeVoice]:
    voice = FakeVoice("fake", SPEAKS, tmp_path / "log")
    return Renderer(tmp_path / "cache", Catalogue.load(folder), voices=[voice], command=fake_command), voice


def test_a_recording_is_played_instead_of_the_voice(tmp_path: Path, folder: Path) -> None:
    rendering, voice = renderer(tmp_path, folder)

    async def work() -> None:
        assert rendering.cached(GREETING) is None
        (clip,) = await rendering.clips(GREETING)
        check_tone(pcm.pcm16(clip.ulaw))
        assert rendering.cached(GREETING) == [clip]
        wav(folder / "en" / "recordings" / "greeting.wav", seconds=2)
        assert (await rendering.clips(GREETING))[0].seconds == pytest.approx(2, abs=0.2)
        await rendering.close()

    asyncio.run(work())
    assert voice.asked() == []


def test_a_prompt_with_values_or_without_an_id_is_spoken(tmp_path: Path, folder: Path) -> None:
    rendering, voice = renderer(tmp_path, folder)
    rendering.clips_sync(Prompt((Part("text", "Welcome."),), "en"))
    rendering.clips_sync(Prompt((Part("text", "You are "), Part("ordinal", 3)), "en", "greeting"))
    rendering.close_sync()
    assert sorted(voice.asked()) == ["Welcome.", "You are,", "third"]  # in two workers at once


def test_tags_without_values_leave_the_recording_in_place(tmp_path: Path, folder: Path) -> None:
    text = 'Welcome.<break/> Call <say-as interpret-as="digits">42</say-as>.'
    (folder / "en" / "main.yaml").write_text(f"greeting: '{text}'\n")
    rendering, voice = renderer(tmp_path, folder)
    rendering.clips_sync(Prompt(parse(text).fill({}), "en", "greeting"))
    rendering.close_sync()
    assert voice.asked() == []


def test_the_voice_speaks_where_a_recording_is_broken(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / "en" / "recordings" / "greeting.wav"
    path.write_bytes(b"RIFF")
    rendering, voice = renderer(tmp_path, folder)
    with caplog.at_level(logging.WARNING):
        assert rendering.clips_sync(GREETING) == rendering.clips_sync(GREETING) == rendering.cached(GREETING)
    assert voice.asked() == ["Welcome."]
    messages = rendering.run_sync(prerender(rendering, static_prompts(rendering.catalogue)))
    assert [message.startswith(str(path)) for message in messages] == [True]
    rendering.close_sync()
