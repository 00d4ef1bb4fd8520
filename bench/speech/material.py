"""What the callers of the bench say: digits, account numbers, menu choices, yes and no, open speech, and what no menu
expects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.speech.callers import Audio, Caller, callers, recording, say
from bench.speech.line import Line, padded, silence, through
from ivr.speech.recognise import Want
from ivr.speech.recognise.grammar import DIGITS

PROFESSIONAL = "allison"
"""The speaker of the asterisk-core-sounds-en-wav recordings."""

MENU = ("pay a bill", "opening hours", "speak to an agent", "account balance", "report a fault", "moving house")
MENU_SAID = (*MENU, "pay a bill please", "i'd like to speak to an agent", "um opening hours", "account balance please")
OUTSIDE = (
    "what is the weather like today",
    "seventeen thousand",
    "my dog ate the letter that you sent me",
    "can you repeat that",
    "hello hello is anybody there",
    "the number you have dialed",
    "hold on a second",
    "to be or not to be",
    "i don't know what you mean",
    "thursday afternoon",
    "where is the nearest post office",
    "turn left at the lights",
)
OUTSIDE_RECORDED = (
    "auth-thankyou", "calling", "demo-nogo", "is-in-use", "minutes", "number-not-answering", "one-moment-please",
    "please-try-again", "privacy-incorrect", "queue-thankyou", "vm-goodbye", "vm-intro", "vm-nobodyavail",
    "vm-password", "digits/today", "digits/mon-7", "letters/w", "phonetic/k_p", "speed-dial", "transfer",
)  # fmt: skip
YES = ("yes", "yeah", "yep", "yes please", "correct", "that's right")
NO = ("no", "nope", "no thank you", "no thanks", "that's wrong")
OPEN = (
    "i want to move house and pay my last bill",
    "when are you open on saturday",
    "there is no power at my place since this morning",
    "i have lost my card and need a new one",
    "please send the invoice to my new address",
    "could somebody call me back tomorrow afternoon",
    "how much do i still owe you",
    "i would like to cancel my contract at the end of the month",
)


@dataclass(frozen=True)
class Utterance:
    """`said` is what counts as right; for phrases the allowed phrase, "" for what is none."""

    task: str
    caller: str
    line: str
    said: str
    mulaw: bytes
    want: Want


def luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def account(random: np.random.Generator) -> str:
    """Eight digits whose last is a check digit."""
    first = "".join(str(digit) for digit in random.integers(0, 10, 7))
    return next(first + str(check) for check in range(10) if luhn(first + str(check)))


def digit(caller: Caller | None, value: int) -> Audio:
    made = recording(f"digits/{value}") if caller is None else say(caller, DIGITS[value])
    assert made is not None
    return made


def string(caller: Caller | None, digits: str, random: np.random.Generator) -> Audio:
    """Digits one by one with gaps of 150 to 300 ms."""
    parts: list[Audio] = []
    for value in digits:
        parts += [digit(caller, int(value)), silence(random.uniform(0.15, 0.3))]
    return np.concatenate(parts[:-1])


def utterances(tasks: set[str], lines: tuple[Line, ...], scale: int, seed: int = 11) -> Iterator[Utterance]:
    """`scale` utterances of each task, caller and line, all different from run to run only by the seed."""
    random = np.random.default_rng(seed)
    speakers: list[Caller | None] = [*callers()]
    if recording("digits/1") is not None:
        speakers.append(None)

    def heard(task: str, caller: Caller | None, line: Line, said: str, audio: Audio, want: Want) -> Utterance:
        name = caller.name if caller else PROFESSIONAL
        return Utterance(task, name, line.name, said, through(padded(audio), line, random), want)

    for line in lines:
        for caller in speakers:
            if "digit" in tasks:
                for value in random.permutation(10)[: max(2, 3 * scale)]:
                    want = Want(kind="digits", at_most=1)
                    yield heard("digit", caller, line, str(value), digit(caller, int(value)), want)
            for _ in range(scale if "string" in tasks else 0):
                digits = "".join(str(value) for value in random.integers(0, 10, random.integers(4, 11)))
                want = Want(kind="digits", at_least=4, at_most=10)
                yield heard("string", caller, line, digits, string(caller, digits, random), want)
            for _ in range(scale if "account" in tasks else 0):
                digits = account(random)
                want = Want(kind="digits", at_least=8, at_most=8)
                yield heard("account", caller, line, digits, string(caller, digits, random), want)
            if caller is None:
                if "menu" in tasks:
                    for name in random.permutation(OUTSIDE_RECORDED)[: 4 * scale]:
                        audio = recording(str(name))
                        if audio is not None:
                            yield heard("menu", None, line, "", audio, Want(kind="menu", phrases=MENU))
                            yield heard("yes_no", None, line, "", audio, Want(kind="yes_no", phrases=YES + NO))
                continue
            for task, inside, want in (
                ("menu", MENU_SAID, Want(kind="menu", phrases=MENU)),
                ("yes_no", YES + NO, Want(kind="yes_no", phrases=YES + NO)),
            ):
                if task in tasks:
                    for text in random.permutation(inside)[: 2 * scale]:
                        said = next((phrase for phrase in want.phrases if phrase == text), None)
                        said = said or next(phrase for phrase in want.phrases if phrase in str(text))
                        yield heard(task, caller, line, said, say(caller, str(text)), want)
                    for text in random.permutation(OUTSIDE)[:scale]:
                        yield heard(task, caller, line, "", say(caller, str(text)), want)
            if "open" in tasks:
                for text in random.permutation(OPEN)[:scale]:
                    yield heard("open", caller, line, str(text), say(caller, str(text)), Want(kind="open"))
