"""Recordings: what goes into the file, what ends them, and disks that fail."""

import os
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ivr.channels.sip.media import wav
from ivr.channels.sip.media.g711 import PCMA, PCMU, Codec, encode_ulaw
from ivr.channels.sip.media.recording import Recording
from ivr.channels.sip.media.wav import DiskWriter

LOUD = encode_ulaw((6000 * np.sin(np.arange(160) * 0.4)).astype(np.int16))
QUIET = encode_ulaw(np.random.default_rng(3).normal(0, 20, 160).astype(np.int16))


@pytest.fixture
def writer() -> Iterator[DiskWriter]:
    writer = DiskWriter()
    yield writer
    writer.stop()


def recording(
    writer: DiskWriter,
    path: Path | str,
    *,
    codec: Codec = PCMU,
    max_seconds: float = 60.0,
    finish_on: str = "#",
    silence_seconds: float | None = None,
) -> Recording:
    return Recording(
        1, 1, str(path), writer, codec, max_seconds=max_seconds, finish_on=finish_on, silence_seconds=silence_seconds
    )


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def test_the_file_holds_the_audio_in_both_laws(writer: DiskWriter, tmp_path: Path) -> None:
    into = recording(writer, tmp_path / "a.wav")
    for _ in range(120):
        assert not into.take(LOUD, 0.0, keying=False)
    into.use(PCMA)
    into.take(LOUD.translate(PCMA.from_ulaw), 0.0, keying=False)
    into.end("stopped")
    writer.stop()
    assert list(writer.finished) == [(1, 121 * 0.02, True)]
    heard = samples(tmp_path / "a.wav")
    assert (heard[: 120 * 160].reshape(120, 160) == PCMU.linear[np.frombuffer(LOUD, np.uint8)]).all()
    assert np.abs(heard[-160:].astype(int) - heard[:160]).max() < 300


def test_it_ends_at_its_maximum_to_the_sample(writer: DiskWriter, tmp_path: Path) -> None:
    into = recording(writer, tmp_path / "a.wav", max_seconds=0.05)
    assert [into.take(LOUD, 0.0, keying=False) for _ in range(4)] == [False, False, True, False]
    assert into.ended == "max"
    writer.stop()
    assert len(samples(tmp_path / "a.wav")) == 400


def test_it_ends_after_silence_but_not_in_a_pause_between_words(writer: DiskWriter, tmp_path: Path) -> None:
    into = recording(writer, tmp_path / "a.wav", silence_seconds=1.0)
    for _ in range(4):
        assert not any(into.take(LOUD, 0.0, keying=False) for _ in range(30))
        assert not any(into.take(QUIET, 0.0, keying=False) for _ in range(40))
    assert [into.take(QUIET, 0.0, keying=False) for _ in range(10)] == [False] * 9 + [True]
    assert into.ended == "silence"


def test_a_click_is_no_speech(writer: DiskWriter, tmp_path: Path) -> None:
    into = recording(writer, tmp_path / "a.wav", silence_seconds=1.0)
    ended = [into.take(LOUD if n == 25 else QUIET, 0.0, keying=False) for n in range(50)]
    assert ended.index(True) == 49


def test_while_paused_and_shortly_after_silence_is_written(writer: DiskWriter, tmp_path: Path) -> None:
    into = recording(writer, tmp_path / "a.wav")
    into.take(LOUD, 0.0, keying=False)
    into.pause(True, 0.0)
    into.take(LOUD, 0.1, keying=True)
    into.pause(False, 0.2)
    into.take(LOUD, 0.3, keying=False)
    into.take(LOUD, 0.69, keying=True)  # the last secret key is held down
    into.take(LOUD, 0.75, keying=False)
    into.take(LOUD, 0.80, keying=False)
    into.end("key")
    writer.stop()
    heard = samples(tmp_path / "a.wav").reshape(-1, 160)
    assert [bool(frame.any()) for frame in heard] == [True, False, False, False, False, True]


@pytest.mark.parametrize("name", ["missing/a.wav", ".", "null\0byte.wav"])
def test_a_path_that_cannot_be_written_is_an_error(writer: DiskWriter, tmp_path: Path, name: str) -> None:
    into = recording(writer, f"{tmp_path}/{name}")
    for _ in range(200):
        into.take(LOUD, 0.0, keying=False)
    into.end("stopped")
    writer.stop()
    assert list(writer.finished) == [(1, 0.0, False)]


def test_a_pipe_that_nobody_reads_does_not_stop_the_others(writer: DiskWriter, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer.open(1, str(tmp_path / "pipe"))
    writer.open(2, str(tmp_path / "b.wav"))
    writer.close(2)
    writer.stop()
    assert list(writer.finished) == [(1, 0.0, False), (2, 0.0, True)]


def test_a_full_disk_is_an_error_and_is_told_once(writer: DiskWriter) -> None:
    into = recording(writer, "/dev/full")
    for _ in range(200):
        into.take(LOUD, 0.0, keying=False)
    into.end("stopped")
    writer.stop()
    assert list(writer.finished) == [(1, 0.0, False)]


def test_a_disk_that_hangs_fails_the_recording_and_keeps_memory_bounded(
    writer: DiskWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wav, "MAX_WAITING", 20_000)
    hangs, goes_on = threading.Event(), threading.Event()
    append = wav.WavFile.append

    def slow(file: wav.WavFile, pcm: bytes) -> None:
        hangs.set()
        goes_on.wait()
        append(file, pcm)

    monkeypatch.setattr(wav.WavFile, "append", slow)
    into = recording(writer, tmp_path / "a.wav")
    for _ in range(50):
        into.take(LOUD, 0.0, keying=False)
    assert hangs.wait(10)
    assert any(into.take(LOUD, 0.0, keying=False) for _ in range(500))
    assert into.ended == "error"
    goes_on.set()
    writer.stop()
    assert len(writer.finished) == 1


def test_a_file_is_whole_at_every_moment(tmp_path: Path) -> None:
    file = wav.WavFile(tmp_path / "a.wav")
    file.append(bytes(3200))
    assert len(samples(tmp_path / "a.wav")) == 1600
    file.close()
