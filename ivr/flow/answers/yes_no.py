"""yes_no: 1 is yes, 2 is no; the exits are `yes` and `no`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, answer
from ivr.flow.answering import normal
from ivr.flow.inputs import Keys, Words

if TYPE_CHECKING:
    from ivr.flow.turn import Turn
    from ivr.flow.verbs.ask import Ask


@answer
class YesNo(AnswerType):
    name: ClassVar[str] = "yes_no"
    exits: ClassVar[tuple[str, ...]] = ("yes", "no")

    def keys(self, step: Ask) -> tuple[int, int]:
        return (1, 1)

    def from_keys(self, keys: str, step: Ask, turn: Turn) -> Any:
        return self.meant(turn, Keys(keys))

    def from_words(self, words: str, step: Ask, turn: Turn) -> Any:
        return self.meant(turn, Words(words))

    def meant(self, turn: Turn, given: Keys | Words) -> bool:
        found = meaning(turn, given)
        if found is None:
            raise Invalid("not_understood")
        return found

    def exit(self, value: Any) -> str:
        return "yes" if value else "no"


def meaning(turn: Turn, given: Keys | Words) -> bool | None:
    """True for yes, False for no, None for neither. The words are the catalogue's `system.words.yes` and `.no`."""
    if isinstance(given, Keys):
        return {"1": True, "2": False}.get(given.digits)
    said = normal(given.text)
    if said in ("1", "2"):
        return said == "1"
    yes, no = (said in turn.words(f"system.words.{word}") for word in ("yes", "no"))
    return None if yes == no else yes
