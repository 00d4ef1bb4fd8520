"""Words for a voice, and their division into pieces that are rendered and cached one by one."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from ivr.prompts import values
from ivr.prompts.languages import language
from ivr.prompts.parts import Emphasis, Part, Prompt
from ivr.prompts.written import SILENT, joined

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """What is rendered as one: a text with how it is said (`Part`), or `seconds` of silence."""

    text: str
    rate: int = 100
    emphasis: Emphasis = ""
    seconds: float = 0.0


PAUSE = Piece("", seconds=0.25)
"""The short silence between groups of digits, and after a sentence that a value follows."""

_EDGE = re.compile(r"\A[\s.,;:!?…)\]}»”]*")
_SENTENCE_END = ".,;:!?…"


def spoken(prompt: Prompt) -> str:
    """The prompt in words, numbers and dates written out, digits apart ("4 2 7"). Never raises: what a kind can't
    say is said as it stands. Silences and manners of speaking are left out."""
    return joined(say(part, prompt.language) for part in prompt.parts)


def say(part: Part, tag: str) -> str:
    """One part in words."""
    if part.kind == "text":
        return str(part.value)
    if part.kind == "break":
        return SILENT
    symbols = _symbols(part, tag)
    if symbols is not None:
        return ", ".join(" ".join(group) for group in symbols)
    rules, value = language(tag), part.value
    try:
        match part.kind:
            case "number":
                return rules.number(values.to_number(value))
            case "ordinal":
                return rules.ordinal(values.to_integer(value))
            case "money":
                return rules.money(value, part.currency)
            case "date":
                return rules.date(values.to_date(value))
            case "time":
                return rules.time(values.to_time(value))
            case "datetime":
                return rules.datetime(values.to_datetime(value))
            case "day":
                return rules.day(values.to_date(value))
            case "hours":
                return rules.hours(values.to_ranges(value))
            case "duration":
                return rules.duration(value)
    except (ValueError, ArithmeticError) as error:
        log.warning("a value can't be said as %s in %s: %s", part.kind, tag, type(error).__name__)
    return str(value)


def _symbols(part: Part, tag: str) -> list[list[str]] | None:
    """Groups of single symbols for digit strings, characters and phone numbers; None for anything else."""
    if part.kind == "digits":
        return language(tag).groups(str(part.value))
    if part.kind == "characters":
        # In the groups in which it is written: AB-1234 is "A B, 1 2 3 4".
        runs = re.findall(r"[^\W_*#]+|[*#]+", str(part.value))
        return [group for run in runs for group in language(tag).groups(run)]
    if part.kind == "phone":
        try:
            return language(tag).phone(part.value)
        except ValueError:
            return language(tag).groups(str(part.value))
    return None


def pieces(prompt: Prompt) -> list[Piece]:
    """The prompt as chunks to render one by one, in order.

    A text is one piece, so that it comes from the cache whatever values stand around it; a string of digits is one
    piece per digit, so that ten renderings say every number (and no account number lands in the cache); any other
    value is one piece. A text that goes on after its end gets a comma, so that the voice doesn't fall.
    """
    found: list[Piece] = []
    last = max((index for index, part in enumerate(prompt.parts) if not _silent(part)), default=-1)
    for index, part in enumerate(prompt.parts):
        symbols = _symbols(part, prompt.language)
        if part.kind == "break":
            _break(found, float(part.value))
        elif symbols is not None:
            for number, group in enumerate(symbols):
                if number:
                    _pause(found)
                found.extend(Piece(symbol, *part.manner) for symbol in group)
        else:
            more = part.kind == "text" and index < last and prompt.parts[index + 1].kind != "break"
            _text(found, part, say(part, prompt.language), more=more)
    while found and found[-1] == PAUSE:
        found.pop()
    return found


def _silent(part: Part) -> bool:
    return part.kind == "text" and not any(char.isalnum() for char in str(part.value))


def _text(found: list[Piece], part: Part, text: str, *, more: bool) -> None:
    edge = _EDGE.match(text)
    start = edge.end() if edge else 0
    core = " ".join(text[start:].split())
    if any(char in _SENTENCE_END for char in text[:start]):
        _pause(found)
    if not any(char.isalnum() for char in core):
        return
    ends = core[-1] in _SENTENCE_END
    found.append(Piece(core + "," if more and not ends else core, *part.manner))
    if more and ends:
        _pause(found)


def _pause(found: list[Piece]) -> None:
    if found and not found[-1].seconds:
        found.append(PAUSE)


def _break(found: list[Piece], seconds: float) -> None:
    """The silence that the text asks for, in place of our own."""
    if found and found[-1] == PAUSE:
        found.pop()
    found.append(Piece("", seconds=seconds))
