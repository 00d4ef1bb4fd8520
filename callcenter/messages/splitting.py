"""Long messages in several that each stand for themselves: cut at the end of a line, a sentence or a word."""

from __future__ import annotations

import re
from collections.abc import Callable

_ENDS = (re.compile(r"\n+"), re.compile(r"(?<=[.!?;:…。])\s+"), re.compile(r"\s+"))
"""Where to cut, the best first."""
LEAST = 0.4
"""A cut that leaves less than this part of the room isn't worth being a better one."""


def split(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The text in pieces that `fits` allows, without blanks at their ends; none for an empty text. `fits` must allow
    every single sign, and any part of what it allows."""
    pieces: list[str] = []
    rest = text.strip()
    while rest:
        if fits(rest):
            return [*pieces, rest]
        most = _most(rest, fits)
        end, start = _cut(rest, most)
        pieces.append(rest[:end].rstrip())
        rest = rest[start:].lstrip()
    return pieces


def _most(text: str, fits: Callable[[str], bool]) -> int:
    """How many signs fit at most."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(text[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _cut(text: str, most: int) -> tuple[int, int]:
    """Where the first piece ends, and where the rest begins."""
    for ends in _ENDS:
        last = None
        for found in ends.finditer(text, 0, most + 1):
            if 0 < found.start() <= most:
                last = found
        if last is not None and last.start() >= most * LEAST:
            return last.start(), last.end()
    return _whole_sign(text, most), _whole_sign(text, most)


def _whole_sign(text: str, most: int) -> int:
    """Not before what belongs to the sign before it (accents, joined emoji, skin tones)."""
    at = most
    while at > 1 and (text[at] in "\u200d\ufe0f\u20e3" or text[at - 1] == "\u200d" or _belongs(text[at])):
        at -= 1
    return at if at > 1 else most


def _belongs(sign: str) -> bool:
    return 0x0300 <= ord(sign) <= 0x036F or 0x1F3FB <= ord(sign) <= 0x1F3FF
