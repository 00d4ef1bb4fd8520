"""Words out of a text, without case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_CHARACTERS: Final = 1000
"""What is said or written beyond this is not looked at."""
# A figure may hold separators (1,020.50); letters that follow a figure (4th) are a word of their own.
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[$€£+]")
_APOSTROPHES = re.compile(r"['’ʼ`´]")


def fold(text: str) -> str:
    """Small letters without accents: "Mañana, Sí" is "manana, si"."""
    if text.isascii():
        return text.lower()
    spread = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in spread if not unicodedata.combining(character))


@lru_cache(2048)
def tokens(text: str) -> tuple[str, ...]:
    """Words and figures in order: "I'd pay $84.50, eighty-four" is (id, pay, $, 84.50, eighty, four)."""
    return tuple(_TOKEN.findall(_APOSTROPHES.sub("", fold(text[:MAX_CHARACTERS]))))


def is_figure(token: str) -> bool:
    return token[0].isdecimal()


def digits_of(token: str) -> str:
    """A figure's digits alone, in ASCII."""
    return "".join(str(unicodedata.decimal(character)) for character in token if character.isdecimal())


_GROUPED = re.compile(r"\d{1,3}([.,]\d{3})+\Z")


def whole(token: str) -> int | None:
    """The whole number that a figure writes, thousands grouped or not; `None` for decimals."""
    if token.isdecimal() or _GROUPED.match(token):
        return int(digits_of(token)[:18])
    return None
