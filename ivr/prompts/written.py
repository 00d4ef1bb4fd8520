"""A prompt as text for SMS, chat and mail, by the reader's locale (Babel)."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import phonenumbers

from ivr.prompts import values
from ivr.prompts.languages import language
from ivr.prompts.parts import Part, Prompt

log = logging.getLogger(__name__)

# Babel sets narrow and no-break spaces; one of them turns a 160-character SMS into a 70-character one (GSM 03.38).
_PLAIN_SPACES = str.maketrans({"\u202f": " ", "\xa0": " ", "\u2009": " "})


def written(prompt: Prompt) -> str:
    """The prompt as text. Never raises: what a kind can't write is written as it stands."""
    return joined(write(part, prompt.language) for part in prompt.parts)


_CLOSING = frozenset(".,;:!?…)]}»”")
SILENT = "\0"
"""A piece that is heard but not read: a silence."""


def joined(pieces: Iterable[str]) -> str:
    """Pieces put together; "2 p.m." and the sentence's own full stop make one, and words around a silence don't."""
    text, apart = "", False
    for piece in pieces:
        if piece == SILENT:
            apart = True
            continue
        if apart and piece:
            apart = False
            text, piece = text.rstrip(" "), piece.lstrip(" ")
            text += " " if text and piece[:1] not in _CLOSING else ""
        text += piece[1:] if text.endswith(".") and piece.startswith(".") and not piece.startswith("..") else piece
    return text.strip()


def write(part: Part, tag: str) -> str:
    """One part as text."""
    if part.kind == "text":
        return str(part.value)
    if part.kind == "break":
        return SILENT
    try:
        return _format(part, tag).translate(_PLAIN_SPACES)
    except (ValueError, ArithmeticError) as error:
        log.warning("a value can't be written as %s in %s: %s", part.kind, tag, type(error).__name__)
        return str(part.value)


def _format(part: Part, tag: str) -> str:
    rules, value = language(tag), part.value
    match part.kind:
        case "number":
            return rules.written_number(values.to_number(value))
        case "ordinal":
            return rules.written_ordinal(values.to_integer(value))
        case "money":
            return rules.written_money(value, part.currency)
        case "date":
            return rules.written_date(values.to_date(value))
        case "time":
            return rules.written_time(values.to_time(value))
        case "datetime":
            return rules.written_datetime(values.to_datetime(value))
        case "day":
            return rules.day(values.to_date(value))
        case "hours":
            return rules.written_hours(values.to_ranges(value))
        case "duration":
            return rules.written_duration(value)
        case "phone":
            return _phone(str(value))
        case _:
            return str(value)


def _phone(value: str) -> str:
    try:
        number = phonenumbers.parse(value.strip())
    except phonenumbers.NumberParseException:
        return value
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
