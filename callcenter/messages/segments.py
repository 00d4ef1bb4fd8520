"""Texts as carriers count them: the GSM 7-bit alphabet and its extension table (3GPP TS 23.038 section 6.2.1), else
UCS-2; segments of 160 or 70 units alone, of 153 or 67 where there are several (the header that joins them takes six
bytes, 3GPP TS 23.040 section 9.2.3.24.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
"""These take two units."""
PLAIN = str.maketrans(
    {
        "’": "'", "‘": "'", "‚": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "″": '"', "«": '"', "»": '"',
        "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "•": "*", "\t": " ",
        "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2007": " ", "\u200b": "", "\u00ad": "", "\ufeff": "",
    }
)  # fmt: skip
"""Signs that make a text dear without saying more."""


@dataclass(frozen=True, slots=True)
class Segments:
    """`units` are septets or 16-bit code units."""

    encoding: Literal["gsm7", "ucs2"]
    units: int
    count: int


def plain(text: str) -> str:
    """The text with typographic quotes, dashes and blanks as the GSM alphabet has them."""
    return text.translate(PLAIN)


def count(text: str) -> Segments:
    """How a text travels. A sign of two units never falls between two segments."""
    gsm = all(sign in BASIC or sign in EXTENSION for sign in text)
    sizes = [_units(sign, gsm) for sign in text]
    alone, joined = (160, 153) if gsm else (70, 67)
    total = sum(sizes)
    if total <= alone:
        return Segments("gsm7" if gsm else "ucs2", total, 1)
    segments, room = 1, joined
    for size in sizes:
        if size > room:
            segments, room = segments + 1, joined
        room -= size
    return Segments("gsm7" if gsm else "ucs2", total, segments)


def _units(sign: str, gsm: bool) -> int:
    if gsm:
        return 2 if sign in EXTENSION else 1
    return 2 if ord(sign) > 0xFFFF else 1
