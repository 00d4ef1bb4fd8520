"""Texts with slots in them: `Your balance is {bill.balance|money}, due {bill.due_on|date}.`

`{expression|kind}` names how the value is said (see `ivr.prompts.parts`); without a kind it is plain text. Money
takes the company's currency, or another: `{total|money:bill.currency}`. A brace itself is written twice. Tags are
the common part of SSML: see `ivr.prompts.ssml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ivr.flow import expr
from ivr.flow.expr import Expr, ExprError
from ivr.prompts.parts import KINDS, Emphasis, Kind, Part
from ivr.prompts.ssml import Markup, SsmlError, Style, entities

MAX_LENGTH = 4000
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|<(?=[A-Za-z/!?])(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>?")
_SAID_AS_ONE = frozenset({"number", "ordinal", "money", "date", "time", "phone"})


class MarkupError(ExprError):
    """A tag that can't be spoken; its text tells what to write instead."""


@dataclass(frozen=True, slots=True)
class Hole:
    """One `{...}`: what to say there and how. `offset` is where its expression starts in the text."""

    value: Expr
    kind: Kind
    currency: Expr | None
    offset: int
    rate: int = 100
    emphasis: Emphasis = ""

    def fill(self, slots: Mapping[str, Any], currency: str) -> Part:
        value = self.value.evaluate(slots)
        if self.kind == "money" and self.currency:
            currency = str(self.currency.evaluate(slots) or currency)
        if value is None or isinstance(value, dict | list | bool):
            value = "" if value is None else str(value).lower()
            return Part("text", value, "", self.rate, self.emphasis)
        return Part(self.kind, value, currency if self.kind == "money" else "", self.rate, self.emphasis)


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: parts that are the same in every call, and holes, in order."""

    pieces: tuple[Part | Hole, ...]

    @property
    def holes(self) -> Iterator[Hole]:
        return (piece for piece in self.pieces if isinstance(piece, Hole))

    def fill(self, slots: Mapping[str, Any], currency: str = "USD") -> tuple[Part, ...]:
        """The parts to be said. Raises `ExprError` if an expression can't be evaluated."""
        parts: list[Part] = []
        for piece in self.pieces:
            part = piece if isinstance(piece, Part) else piece.fill(slots, currency)
            last = parts[-1] if parts else None
            if last and part.kind == "text" == last.kind and part.manner == last.manner:
                parts[-1] = replace(last, value=f"{last.value}{part.value}")
            else:
                parts.append(part)
        return tuple(parts)


@lru_cache(maxsize=4096)
def parse(text: str) -> Template:
    """Parse a text. Raises `ExprError` with the offset of the mistake."""
    if len(text) > MAX_LENGTH:
        raise ExprError(f"a text may have {MAX_LENGTH} characters; split it over several steps", MAX_LENGTH)
    reading = _Reading()
    end = 0
    for found in _PIECE.finditer(text):
        reading.words(text[end : found.start()], end)
        end = found.end()
        if found[0] in ("{{", "}}"):
            reading.words(found[0][0], found.start())
        elif found[0][0] == "<":
            reading.tag(found[0], found.start())
        elif found[1] is None:
            raise ExprError(f"a '{found[0]}' without its partner; write it twice for a brace", found.start())
        else:
            reading.hole(found[1], found.start() + 1)
    reading.words(text[end:], end)
    return reading.done()


class _Reading:
    """A text on its way to its pieces."""

    def __init__(self) -> None:
        self._pieces: list[Part | Hole] = []
        self._markup = Markup()
        self._words = ""
        self._words_at = 0
        self._values = 0
        """How many values the open <say-as> holds."""

    def words(self, text: str, offset: int) -> None:
        if not self._words:
            self._words_at = offset
        self._words += text

    def tag(self, source: str, offset: int) -> None:
        self._flush()
        before = self._markup.style.kind
        try:
            part = self._markup.tag(source, offset)
        except SsmlError as error:
            raise MarkupError(str(error), offset + error.at) from None
        if part is not None:
            self._pieces.append(part)
        if before is None:
            self._values = 0
        elif self._markup.style.kind is None and not self._values:
            raise MarkupError("this <say-as> holds nothing to say", offset)

    def hole(self, source: str, offset: int) -> None:
        self._flush()
        style = self._markup.style
        hole = _hole(source, offset)
        if style.kind is not None:
            if "|" in source:
                raise MarkupError("in <say-as> a value is written without a kind of its own: {slot}", offset)
            self._count(style, offset)
        self._pieces.append(replace(hole, kind=style.kind or hole.kind, rate=style.rate, emphasis=style.emphasis))

    def done(self) -> Template:
        self._flush()
        mistake = self._markup.end()
        if mistake is not None:
            raise MarkupError(str(mistake[0]), mistake[1])
        return Template(tuple(self._pieces))

    def _flush(self) -> None:
        style, text, self._words = self._markup.style, entities(self._words), ""
        if not text or (style.kind is not None and not text.strip()):
            return
        try:
            self._pieces.append(style.part(text))
        except SsmlError as error:
            raise MarkupError(str(error), self._words_at) from None
        if style.kind is not None:
            self._count(style, self._words_at)

    def _count(self, style: Style, offset: int) -> None:
        self._values += 1
        if self._values > 1 and style.kind in _SAID_AS_ONE:
            raise MarkupError("this <say-as> holds several values; give each one its own", offset)


def _hole(source: str, offset: int) -> Hole:
    value, _, how = source.partition("|")
    kind, _, currency = (part.strip() for part in how.partition(":"))
    if kind and kind not in KINDS:
        raise ExprError(f"'{kind}' is not a way to say a value; there are: {', '.join(KINDS)}", offset + len(value) + 1)
    try:
        parsed = expr.parse(value)
        parsed_currency = expr.parse(currency) if currency else None
    except ExprError as error:
        raise ExprError(f"{{{source}}}: {error}", offset + error.offset) from None
    return Hole(parsed, kind or "text", parsed_currency, offset)
