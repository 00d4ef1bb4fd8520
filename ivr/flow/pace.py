"""How long a text takes to say: an estimate for checks and rehearsals. What is played on a call has its own length."""

from __future__ import annotations

from typing import Final

from ivr.flow import template
from ivr.flow.expr import ExprError
from ivr.prompts.parts import Part

CHARACTERS_PER_SECOND: Final = {"en": 15.0, "es": 16.5, "de": 14.5, "fr": 15.5, "zh": 4.5, "ja": 7.5}
"""Measured speech of a calm announcer lies near these; unknown languages are taken as 15."""
PAUSE: Final = 0.3
"""Seconds between two prompts."""


def text_seconds(text: str, language: str) -> float:
    """The seconds of a prompt's text with its values as they are written there; its tags count as the silence or the
    pace that they ask for. A text with a mistake is taken as it stands."""
    try:
        pieces = template.parse(text).pieces
    except ExprError:
        return seconds(text, language)
    total = 0.0
    for piece in pieces:
        if piece.kind == "break" and isinstance(piece, Part):
            total += float(piece.value)
        else:
            said = str(piece.value) if isinstance(piece, Part) else piece.value.source
            total += (seconds(said, language) - PAUSE * bool(said.strip())) * 100 / piece.rate
    return total + PAUSE if total else 0.0


def seconds(text: str, language: str) -> float:
    """The seconds that a voice needs for a text, 0 for none. A digit by itself counts as a word of five letters."""
    letters = len(text) + 4 * sum(character.isdecimal() for character in text)
    return letters / CHARACTERS_PER_SECOND.get(language.split("-")[0], 15.0) + PAUSE if text.strip() else 0.0
