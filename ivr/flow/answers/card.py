"""card, expiry and security_code: what a payment needs. All secret."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow import cards
from ivr.flow.answer import AnswerType, Invalid, Shape, answer, tongue
from ivr.flow.understand.dates import expiries

if TYPE_CHECKING:
    from ivr.flow.turn import Turn


@answer
class Card(AnswerType):
    """A card number: 12 to 19 digits whose last is the Luhn check digit (ISO/IEC 7812-1)."""

    name: ClassVar[str] = "card"
    secret: ClassVar[bool] = True
    checked: ClassVar[bool] = True
    reasons: ClassVar[tuple[str, ...]] = ("wrong_length", "check_digit")
    # People read a card in groups, and look at it between them.
    end_silence: ClassVar[float] = 1.6
    max_seconds: ClassVar[float] = 40.0

    def keys(self, step: Shape) -> tuple[int, int]:
        return (12, 19)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        if not keys.isdecimal():
            raise Invalid("not_understood")
        if not 12 <= len(keys) <= 19:
            raise Invalid("wrong_length")
        if not cards.luhn(keys):
            raise Invalid("check_digit")
        return keys


@answer
class Expiry(AnswerType):
    """The month and year that a card is valid through: MMYY."""

    name: ClassVar[str] = "expiry"
    secret: ClassVar[bool] = True
    reasons: ClassVar[tuple[str, ...]] = ("bad_month", "expired")

    def keys(self, step: Shape) -> tuple[int, int]:
        return (4, 4)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        if len(keys) != 4 or not keys.isdecimal() or not 1 <= int(keys[:2]) <= 12:
            raise Invalid("bad_month")
        if cards.expired(keys, turn.now.date()):
            raise Invalid("expired")
        return keys

    def readings(self, words: str, step: Shape, turn: Turn) -> Iterable[str]:
        return expiries(words, turn.now.date(), tongue(turn)) or super().readings(words, step, turn)


@answer
class SecurityCode(AnswerType):
    """The three digits on the back of a card, or the four on the front of an American Express card."""

    name: ClassVar[str] = "security_code"
    secret: ClassVar[bool] = True
    reasons: ClassVar[tuple[str, ...]] = ("wrong_length",)

    def keys(self, step: Shape) -> tuple[int, int]:
        return (step.length or 3, step.length or 4)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        at_least, at_most = self.keys(step)
        if not keys.isdecimal() or not at_least <= len(keys) <= at_most:
            raise Invalid("wrong_length")
        return keys
