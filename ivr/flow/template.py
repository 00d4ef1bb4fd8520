"""Texts with slots in them: `Your balance is {bill.balance|money}, due {bill.due_on|date}.`

`{expression|kind}` names how the value is said (see `ivr.prompts.parts`); without a kind it is plain text. Money
takes the company's currency, or another: `{total|money:bill.currency}`. A brace itself is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ivr.flow import expr
from ivr.flow.expr import Expr, ExprError
from ivr.prompts.parts import KINDS, Kind, Part

MAX_LENGTH = 4000
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Hole:
    """One `{...}`: what to say there and how. `offset` is where its expression starts in the text."""

    value: Expr
    kind: Kind
    currency: Expr | None
    offset: int

    def fill(self, slots: Mapping[str, Any], currency: str) -> Part:
        value = self.value.evaluate(slots)
        if self.kind == "money" and self.currency:
            currency = str(self.currency.evaluate(slots) or currency)
        if value is None or isinstance(value, dict | list | bool):
            value = "" if value is None else str(value).lower()
            return Part("text", value)
        return Part(self.kind, value, currency if self.kind == "money" else "")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: literal strings and holes in order."""

    pieces: tuple[str | Hole, ...]

    @property
    def holes(self) -> Iterator[Hole]:
        return (piece for piece in self.pieces if isinstance(piece, Hole))

    def fill(self, slots: Mapping[str, Any], currency: str = "USD") -> tuple[Part, ...]:
        """The parts to be said. Raises `ExprError` if an expression can't be evaluated."""
        parts: list[Part] = []
        for piece in self.pieces:
            part = Part("text", piece) if isinstance(piece, str) else piece.fill(slots, currency)
            if part.kind == "text" and parts and parts[-1].kind == "text":
                part = Part("text", str(parts.pop().value) + str(part.value))
            parts.append(part)
        return tuple(parts)


@lru_cache(maxsize=4096)
def parse(text: str) -> Template:
    """Parse a text. Raises `ExprError` with the offset of the mistake."""
    if len(text) > MAX_LENGTH:
        raise ExprError(f"a text may have {MAX_LENGTH} characters; split it over several steps", MAX_LENGTH)
    pieces: list[str | Hole] = []
    literal, end = "", 0
    for found in _PIECE.finditer(text):
        literal += text[end : found.start()]
        end = found.end()
        if found[0] in ("{{", "}}"):
            literal += found[0][0]
        elif found[1] is None:
            raise ExprError(f"a '{found[0]}' without its partner; write it twice for a brace", found.start())
        else:
            if literal:
                pieces.append(literal)
                literal = ""
            pieces.append(_hole(found[1], found.start() + 1))
    literal += text[end:]
    if literal:
        pieces.append(literal)
    return Template(tuple(pieces))


def _hole(source: str, offset: int) -> Hole:
    value, _, how = source.partition("|")
    kind, _, currency = (part.strip() for part in how.partition(":"))
    if kind and kind not in KINDS:
        raise ExprError(f"'{kind}' is no way to say a value; there are: {', '.join(KINDS)}", offset + len(value) + 1)
    try:
        parsed = expr.parse(value)
        parsed_currency = expr.parse(currency) if currency else None
    except ExprError as error:
        raise ExprError(f"{{{source}}}: {error}", offset + error.offset) from None
    return Hole(parsed, kind or "text", parsed_currency, offset)
