"""yes_no: 1 is yes, 2 is no; the exits are `yes` and `no`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, Meaning, Shape, answer, tongue
from ivr.flow.effects import Choice
from ivr.flow.inputs import Keys, Words
from ivr.flow.understand.yes_no import yes_no

if TYPE_CHECKING:
    from ivr.flow.turn import Turn

KEYS = ("1", "2")


@answer
class YesNo(AnswerType):
    name: ClassVar[str] = "yes_no"
    exits: ClassVar[tuple[str, ...]] = ("yes", "no")
    end_silence: ClassVar[float] = 0.4
    max_seconds: ClassVar[float] = 6.0

    def keys(self, step: Shape) -> tuple[int, int]:
        return (1, 1)

    def choices(self, step: Shape, turn: Turn) -> tuple[Choice, ...]:
        return choices(turn)

    def phrases(self, step: Shape, turn: Turn) -> tuple[str, ...]:
        return phrases(turn)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        return self.meant(turn, Keys(keys))

    def meanings(self, words: str, step: Shape, turn: Turn) -> list[Meaning]:
        return [Meaning(self.meant(turn, Words(words)))]

    def meant(self, turn: Turn, given: Keys | Words) -> bool:
        found = meaning(turn, given)
        if found is None:
            raise Invalid("not_understood")
        return found

    def exit(self, value: Any) -> str:
        return "yes" if value else "no"


def choices(turn: Turn) -> tuple[Choice, ...]:
    """Yes and no with their keys."""
    return tuple(
        Choice(key, turn.prompt(f"system.{word}"), turn.words(f"system.words.{word}"))
        for key, word in zip(KEYS, ("yes", "no"), strict=True)
    )


def phrases(turn: Turn) -> tuple[str, ...]:
    """The ways to say yes and no: the catalogue's, then the language's."""
    lexicon = tongue(turn)
    own = [word for choice in choices(turn) for word in choice.words]
    usual = (lexicon.yes, lexicon.no, lexicon.right, lexicon.wrong)
    return tuple(dict.fromkeys((*own, *(phrase for phrases in usual for phrase in sorted(phrases) if len(phrase) > 1))))


def meaning(turn: Turn, given: Keys | Words) -> bool | None:
    """True for yes, False for no, None for neither. Besides the language's own words those in the catalogue's
    `system.words.yes` and `.no` count."""
    said = given.digits if isinstance(given, Keys) else given.text.strip()
    if said in KEYS:
        return said == KEYS[0]
    if isinstance(given, Keys):
        return None
    return yes_no(given.text, tongue(turn), turn.words("system.words.yes"), turn.words("system.words.no"))
