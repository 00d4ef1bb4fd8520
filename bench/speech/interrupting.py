"""Voice barge-in: while a prompt plays the line brings its echo, coughs, a room of others, or the caller.

A prompt that stops without the caller having spoken is a false stop; one that plays on 0.6 s after the caller's first
word is missed. The time is from the first word's beginning to the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.speech.callers import RATE, Audio, callers, levelled, say
from bench.speech.line import CLEAN, FRAME, NOISE_20, Line, band, silence, through
from ivr.speech.barge import BargeIn
from ivr.speech.endpoint import FRAME_SECONDS, Classify, Endpoint, Started, webrtc

PROMPT = "please tell me how we can help you you can say pay a bill opening hours or speak to an agent"
WORDS = ("pay a bill", "yes", "seven", "opening hours", "speak to an agent", "stop")
LATEST = 0.6


@dataclass(frozen=True)
class Case:
    """`echo` is how far below our voice it comes back, dB (None: none), after `delay` seconds; `caller` how far above
    or below the usual level the caller speaks."""

    name: str
    echo: float | None = None
    cough: bool = False
    babble: float | None = None
    line: Line = CLEAN
    caller: float = 0.0
    delay: float = 0.12


CASES = (
    Case("quiet line"),
    Case("noise 20 dB", line=NOISE_20),
    Case("echo -30 dB", echo=-30),
    Case("echo -20 dB", echo=-20),
    Case("echo -20 dB, caller 6 dB quieter", echo=-20, caller=-6),
    Case("coughs", cough=True),
    Case("coughs, echo -30 dB", cough=True, echo=-30),
    Case("babble -25 dB", babble=-25),
    Case("babble -15 dB", babble=-15),
)


@dataclass(frozen=True)
class Row:
    case: str
    prompts: int
    false_stops: int
    plain_false_stops: int
    """Of the voice detector alone."""
    words: int
    missed: int
    plain_missed: int
    seconds: tuple[float, ...]
    plain_seconds: tuple[float, ...]


def cough(random: np.random.Generator) -> Audio:
    """Two bursts of noise: an explosion of 40 ms and 200 to 300 ms of breath through a throat's resonances."""
    out: list[Audio] = []
    for _ in range(2):
        length = int(random.uniform(0.2, 0.3) * RATE)
        burst = random.standard_normal(length).astype(np.float32)
        envelope = np.exp(-np.arange(length) / (0.07 * RATE)) + 0.15 * np.hanning(length)
        spectrum = np.fft.rfft(burst)
        frequency = np.fft.rfftfreq(length, 1 / RATE)
        throat = sum(1 / (1 + ((frequency - centre) / width) ** 2) for centre, width in ((600, 200), (1500, 400)))
        shaped = np.fft.irfft(spectrum * (throat + 0.1), length) * envelope
        out += [levelled(shaped.astype(np.float32)), silence(random.uniform(0.08, 0.2))]
    return np.concatenate(out)


def babble(count: int, random: np.random.Generator) -> Audio:
    """Six voices that talk at once, at the usual level together."""
    voices = callers()
    total = np.zeros(count, dtype=np.float32)
    for index in range(6):
        caller = voices[index % len(voices)]
        said = np.concatenate([say(caller, PROMPT), silence(0.2), say(caller, "i want to move house and pay my bill")])
        total += np.roll(np.resize(said, count), int(random.integers(0, max(count, 1))))
    return levelled(total)


def mix(at: float, audio: Audio, onto: Audio) -> Audio:
    start = int(at * RATE)
    mixed = onto.copy()
    end = min(len(mixed), start + len(audio))
    mixed[start:end] += audio[: end - start]
    return mixed


def background(case: Case, prompt: Audio, random: np.random.Generator) -> Audio:
    line = np.zeros(len(prompt), dtype=np.float32)
    if case.echo is not None:
        line = mix(case.delay, band(prompt) * 10 ** (case.echo / 20), line)
    if case.babble is not None:
        line = line + babble(len(line), random) * 10 ** (case.babble / 20)
    return line


def stops(prompt: bytes, received: bytes, before: bytes) -> tuple[float | None, float | None]:
    """When the guard and when the voice detector alone would stop the prompt, seconds after its start."""
    classify, guard = webrtc(), BargeIn()
    for start in range(0, len(before), FRAME):
        guard.hear(before[start : start + FRAME], classify(before[start : start + FRAME]))
    guard.playing(prompt)
    plain = Endpoint.of("open")
    guarded_at = plain_at = None
    for number, start in enumerate(range(0, len(received), FRAME), 1):
        frame = received[start : start + FRAME]
        voiced = classify(frame)
        if guard.hear(frame, voiced) and guarded_at is None:
            guarded_at = number * FRAME_SECONDS
        if plain_at is None:
            plain, event = plain.hear(frame, voiced)
            plain_at = number * FRAME_SECONDS if isinstance(event, Started) else None
    return guarded_at, plain_at


def measure_detector(make: Callable[[], Classify], count: int, seed: int = 3) -> dict[str, tuple[int, int]]:
    """By case, the false stops and missed words of a voice detector without a guard."""
    random = np.random.default_rng(seed)
    voices = callers()
    prompt = say(voices[0], PROMPT)
    found: dict[str, tuple[int, int]] = {}

    def started(mulaw: bytes) -> float | None:
        classify, endpoint = make(), Endpoint.of("open")
        for number, start in enumerate(range(0, len(mulaw) - FRAME + 1, FRAME), 1):
            frame = mulaw[start : start + FRAME]
            endpoint, event = endpoint.hear(frame, classify(frame))
            if isinstance(event, Started):
                return number * FRAME_SECONDS
        return None

    for case in CASES:
        false = missed = 0
        for index in range(count):
            base = background(case, prompt, random)
            if case.cough:
                base = mix(random.uniform(0.5, 2.5), cough(random), base)
            false += started(through(base, case.line, random)) is not None
            at = random.uniform(0.8, 2.5)
            word = say(voices[(index + 1) % len(voices)], WORDS[index % len(WORDS)]) * 10 ** (case.caller / 20)
            stopped = started(through(mix(at, word, background(case, prompt, random)), case.line, random))
            missed += stopped is None or stopped > at + LATEST
        found[case.name] = false, missed
    return found


def measure(count: int, seed: int = 3) -> list[Row]:
    """`count` prompts without the caller, and as many with, for each case."""
    random = np.random.default_rng(seed)
    voices = callers()
    prompt = say(voices[0], PROMPT)
    spoken = through(prompt, CLEAN, random)
    rows: list[Row] = []
    for case in CASES:
        false = plain_false = missed = plain_missed = 0
        times: list[float] = []
        plain_times: list[float] = []
        for index in range(count):
            base = background(case, prompt, random)
            if case.cough:
                base = mix(random.uniform(0.5, 2.5), cough(random), base)
            quiet = background(case, prompt, random)[: RATE // 2] if case.babble is not None else silence(0.5)
            before = through(quiet, case.line, random)
            guarded, plain = stops(spoken, through(base, case.line, random), before)
            false += guarded is not None
            plain_false += plain is not None
            at = random.uniform(0.8, 2.5)
            word = say(voices[(index + 1) % len(voices)], WORDS[index % len(WORDS)]) * 10 ** (case.caller / 20)
            mixed = mix(at, word, background(case, prompt, random))
            guarded, plain = stops(spoken, through(mixed, case.line, random), before)
            for found, into in ((guarded, times), (plain, plain_times)):
                if found is not None and at <= found <= at + LATEST:
                    into.append(found - at)
            missed += guarded is None or guarded > at + LATEST
            plain_missed += plain is None or plain > at + LATEST
        row = Row(case.name, count, false, plain_false, count, missed, plain_missed, tuple(times), tuple(plain_times))
        rows.append(row)
    return rows
