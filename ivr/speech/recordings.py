"""An admin's recording, in any format that ffmpeg reads, as telephone audio. WAV needs no ffmpeg."""

from __future__ import annotations

import shutil
import warnings
import wave
from pathlib import Path

import numpy as np

from ivr.speech import pcm
from ivr.speech.errors import RecordingError

MAX_SECONDS = 600
ENOUGH_RATE = 16_000
"""Samples a second that hold all that a telephone carries, wideband too."""


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
    with warnings.catch_warnings():
        # pydub warns of a missing ffmpeg and of its own old code while it is imported.
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
    try:
        if plain:
            with path.open("rb") as file:
                segment = AudioSegment.from_file(file, "wav")
        else:
            # one channel at a rate that is enough for speech: what ffmpeg makes of a small file stays small
            segment = AudioSegment.from_file(
                str(path), kind, duration=MAX_SECONDS + 1, parameters=["-ac", "1", "-ar", str(ENOUGH_RATE)]
            )
        samples = np.array(segment.get_array_of_samples(), dtype=np.float32) / np.float32(
            1 << (8 * segment.sample_width - 1)
        )
        channels, rate = segment.channels, segment.frame_rate
    except Exception as error:
        # pydub lets through whatever its decoders raise on a broken file.
        what = f"{path}: this recording can't be read ({type(error).__name__})"
        raise RecordingError(f"{what}; save it again as WAV or MP3") from None
    if channels > 1:
        samples = samples[: len(samples) // channels * channels].reshape(-1, channels).mean(axis=1)
    return samples, rate


def has_ffmpeg() -> bool:
    return bool(shutil.which("ffmpeg") and shutil.which("ffprobe"))


def _is_pcm_wav(path: Path) -> bool:
    try:
        with wave.open(str(path), "rb") as sound:
            return sound.getsampwidth() in (1, 2, 3, 4)
    except (wave.Error, EOFError, OSError):
        return False
