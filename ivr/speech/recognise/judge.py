"""From what each model makes of an utterance to what was heard: readings put together, and how far to believe them.

Two models that erred independently are right together far more often than either: on digit strings over a clean line
each alone is exact in about 85 of 100, both together in 95 (`python -m bench.speech` prints today's figures).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ivr.speech.recognise import Alternative, Heard
from ivr.speech.recognise.beam import Reading
from ivr.speech.recognise.grammar import spoken
from ivr.speech.recognise.models import Free

MISSING = 2.0
"""What is taken off a model's worst reading for one that it did not find at all."""
BONUS = 0.3
"""Added for each digit: log probabilities alone favour short readings."""
SURE_SCORE, SURE_MARGIN, SURE_BELIEF, HOPELESS = -2.0, 2.0, 0.9, 1e-4
"""With these seven in ten numbers on a clean line need one model only; it was right in 119 of 119, in 65 of 67 at
20 dB. The values were chosen on the bench's own voices: other callers may need others."""
CLEAR_MARGIN, CLEAR_BELIEF, CLEAR_WORSE, CLEAR_WORD = 6.0, 0.99, 5.0, 4.0
"""A phrase that stands out so far needs one model only, though freely that one writes other words ("Hey, Abel" for "pay
a bill"), unless these are far more probable or the phrase explains the sound badly for its words."""
SHORT = -2.5
"""For a number of too few digits."""
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one model makes of an utterance; `weight` is its share of the say."""

    model: str
    weight: float
    readings: tuple[Reading, ...]
    free: Free | None


def sure(opinion: Opinion, kind: str, meaning: Callable[[str], object] = str) -> bool:
    """Whether one model's opinion alone will do: one reading explains the sound and stands out from the next of another
    `meaning`, or none explains it at all."""
    if not opinion.readings:
        return False
    best = opinion.readings[0]
    other = next((one for one in opinion.readings if meaning(one.means) != meaning(best.means)), None)
    ahead = best.score - other.score if other else math.inf
    if kind == "digits":
        return ahead > SURE_MARGIN and best.score > SURE_SCORE
    belief = believed([opinion], best, kind)
    if belief < HOPELESS:
        return True
    free = opinion.free
    if free is None or spoken(best.means) in spoken(free.text):
        return ahead > SURE_MARGIN and belief > SURE_BELIEF
    well = free.score - best.score < CLEAR_WORSE and -best.score < CLEAR_WORD * len(best.means.split())
    return ahead > CLEAR_MARGIN and belief > CLEAR_BELIEF and well


def together(opinions: Sequence[Opinion], *, kind: str, at_least: int = 1) -> list[Reading]:
    """All readings, best first, with the weighted mean of their log probabilities, and what is known beforehand: few
    callers say fewer digits than were asked for."""
    total = sum(opinion.weight for opinion in opinions if opinion.readings)
    tables = [
        ({reading.means: reading.score for reading in opinion.readings}, opinion.weight / total)
        for opinion in opinions
        if opinion.readings
    ]
    every = dict.fromkeys(means for table, _ in tables for means in table)
    scored = [
        Reading(
            means,
            sum(weight * table.get(means, min(table.values()) - MISSING) for table, weight in tables)
            + (BONUS * len(means) + SHORT * (len(means) < at_least) if means.isdecimal() and kind == "digits" else 0.0),
        )
        for means in every
    ]
    return sorted(scored, key=lambda reading: -reading.score)


def judge(opinions: Sequence[Opinion], *, kind: str, at_least: int = 1) -> Heard:
    """The verdict, with alternatives. Its times are left to the engine."""
    readings = together(opinions, kind=kind, at_least=at_least)
    free = max((o.free for o in opinions if o.free), key=a_word, default=None)
    if not readings:
        return Heard(free.text if free else "", 0.0, matched=False)
    top = readings[0].score
    likelihoods = [math.exp(reading.score - top) for reading in readings]
    allowed = believed(opinions, readings[0], kind)
    alternatives = tuple(
        Alternative(reading.means, round(allowed * likelihood / sum(likelihoods), 4))
        for reading, likelihood in zip(readings[:SHOWN], likelihoods[:SHOWN], strict=True)
    )
    if allowed < 0.5:
        return Heard(free.text if free else "", alternatives[0].confidence, alternatives, matched=False)
    return Heard(readings[0].means, alternatives[0].confidence, alternatives)


def a_word(free: Free) -> float:
    """The mean log probability of a word and the end, so that readings of different length compare."""
    return free.score / (len(free.text.split()) + 1)


def believed(opinions: Sequence[Opinion], best: Reading, kind: str) -> float:
    """The probability that something allowed was said at all. Two things speak against it: that the models, left free,
    explain the sound far better, and that the reading explains it badly for its length."""
    worse = explained = total = 0.0
    for opinion in opinions:
        scores = {reading.means: reading.score for reading in opinion.readings}
        score = scores.get(best.means, min(scores.values(), default=-30.0) - MISSING)
        free = opinion.free.score if opinion.free else 0.0  # nothing is more probable than that
        worse += opinion.weight * max(0.0, free - score)
        explained += opinion.weight * score
        total += opinion.weight
    digits = kind == "digits" and best.means.isdecimal()
    limits = LIMITS["digits" if digits else "phrases"]
    units = len(best.means) if digits else len(best.means.split())
    excess = max(worse / total / limits.worse, -explained / total / (limits.fixed + limits.each * units))
    spoke = min((1 - o.free.silence for o in opinions if o.free and o.free.silence > SILENT), default=1.0)
    return spoke / (1 + math.exp(min((excess - 1) / SLOPE, 700)))


@dataclass(frozen=True, slots=True)
class Limits:
    """Log probabilities at which it is even odds: how much worse than freely, and how bad in itself: a fixed part and
    one for each digit or word."""

    worse: float
    fixed: float
    each: float


LIMITS = {"digits": Limits(5.0, 6.0, 0.5), "phrases": Limits(13.0, 3.5, 5.0)}
SLOPE = 0.12
SILENT = 0.6
"""Speech has 0.1 to 0.4, coughs 0.7 and silence 0.95."""
