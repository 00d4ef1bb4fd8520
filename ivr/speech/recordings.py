"""An admin's recording, in any format that ffmpeg reads, as telephone audio. WAV needs no ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
import warnings
import wave
from pathlib import Path

import numpy as np

from ivr.speech import pcm
from ivr.speech.errors import RecordingError

MAX_SECONDS = 600
ENOUGH_RATE = 16_000
"""Samples a second that hold all that a telephone carries, wideband too."""
RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 176400, 192000})
"""Of a WAV that is read without ffmpeg: the filter for another, 4294967295 say, would take all the memory there is."""
DECODING_SECONDS = 120.0
"""How long ffmpeg may take for one recording; ten minutes of music take it some seconds."""


def convert(path: Path) -> bytes:
    """8 kHz PCM16 mono at the standard loudness. Blocking. Raises `RecordingError` with what to do."""
    samples, rate = decoded(path)
    if len(samples) > MAX_SECONDS * rate:
        raise RecordingError(f"{path}: longer than {MAX_SECONDS // 60} minutes; shorten it")
    if not len(samples) or not pcm.speech_level(samples):
        raise RecordingError(f"{path}: there is no sound in this recording; record it again")
    return pcm.telephone(samples, rate)


def decoded(path: Path, kind: str | None = None) -> tuple[pcm.Samples, int]:
    """The samples of any recording, mono, and how many there are in a second: a second more than `MAX_SECONDS` of one
    that is longer. `kind` is a format of ffmpeg's that the file must be in, whatever it is called. Blocking. Raises
    `RecordingError` with what to do."""
    plain = kind in (None, "wav") and path.suffix.lower() == ".wav" and _is_pcm_wav(path)
    if not plain and not has_ffmpeg():
        what = f"{path}: this recording needs ffmpeg, which is not installed"
        raise RecordingError(f"{what}; install it (apt-get install ffmpeg), or save the recording as 16-bit WAV")
    try:
        return _of_wav(path) if plain else (_of_ffmpeg(path, kind), ENOUGH_RATE)
    except Exception as error:
        # pydub lets through whatever its decoders raise on a broken file.
        what = f"{path}: this recording can't be read ({type(error).__name__})"
        raise RecordingError(f"{what}; save it again as WAV or MP3") from None


def has_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None


def _of_wav(path: Path) -> tuple[pcm.Samples, int]:
    with warnings.catch_warnings():
        # pydub warns of a missing ffmpeg and of its own old code while it is imported.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
    with path.open("rb") as file:
        segment = AudioSegment.from_file(file, "wav")
    full = np.float32(1 << (8 * segment.sample_width - 1))
    samples = np.array(segment.get_array_of_samples(), dtype=np.float32) / full
    channels = segment.channels
    if channels > 1:
        samples = samples[: len(samples) // channels * channels].reshape(-1, channels).mean(axis=1)
    return samples, segment.frame_rate


def _of_ffmpeg(path: Path, kind: str | None) -> pcm.Samples:
    """Not by pydub, which lets ffmpeg make as many channels and samples as a small file claims to hold, and take as
    long as it likes. It may open this file and nothing else (https://ffmpeg.org/ffmpeg-protocols.html)."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file", *(["-f", kind] if kind else [])]
    command += ["-i", f"file:{path.absolute()}", "-map", "0:a:0", "-t", str(MAX_SECONDS + 1)]
    command += ["-ac", "1", "-ar", str(ENOUGH_RATE), "-f", "s16le", "-"]
    made = subprocess.run(command, capture_output=True, timeout=DECODING_SECONDS, check=True)  # noqa: S603 - no shell
    return pcm.from_pcm16(made.stdout)


def _is_pcm_wav(path: Path) -> bool:
    try:
        with wave.open(str(path), "rb") as sound:
            return sound.getsampwidth() in (1, 2, 3, 4) and sound.getframerate() in RATES
    except (wave.Error, EOFError, OSError):
        return False
