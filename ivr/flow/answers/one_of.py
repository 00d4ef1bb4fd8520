"""one_of: a choice from a list, of hundreds perhaps (towns, products, colleagues). The value is the option as listed.

Up to nine options also have keys, in their order. A longer list needs words: speech or text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, Meaning, Shape, answer
from ivr.flow.effects import Choice
from ivr.flow.options import names, options
from ivr.prompts.parts import Part, Prompt

if TYPE_CHECKING:
    from ivr.flow.turn import Turn

MOST_KEYS = 9


@answer
class OneOf(AnswerType):
    name: ClassVar[str] = "one_of"
    end_silence: ClassVar[float] = 0.55
    max_seconds: ClassVar[float] = 10.0

    def needs(self, step: Shape) -> frozenset[str]:
        keyed = step.options is not None and not isinstance(step.options, str) and len(step.options) <= MOST_KEYS
        return frozenset() if keyed else frozenset({"words"})

    def keys(self, step: Shape) -> tuple[int, int]:
        return (1, 1)

    def choices(self, step: Shape, turn: Turn) -> tuple[Choice, ...]:
        known = options(step.options, turn.flows)
        if len(known) > MOST_KEYS:
            return ()
        return tuple(
            Choice(str(place), Prompt((Part("text", value),), turn.language), (value, *others))
            for place, (value, others) in enumerate(known.items(), 1)
        )

    def phrases(self, step: Shape, turn: Turn) -> tuple[str, ...]:
        known = options(step.options, turn.flows)
        return tuple(dict.fromkeys(text for value, others in known.items() for text in (value, *others)))

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        found = [choice.words[0] for choice in self.choices(step, turn) if choice.key == keys]
        if not found:
            raise Invalid("not_understood")
        return found[0]

    def meanings(self, words: str, step: Shape, turn: Turn) -> list[Meaning]:
        if words.strip().isdecimal():
            return [Meaning(self.from_keys(words.strip(), step, turn))]
        found = names(step.options, turn.flows, turn.language).find(words)
        if not found:
            raise Invalid("not_understood")
        return [Meaning(name.value, name.sure) for name in found]

    def find(self, words: str, step: Shape, turn: Turn) -> Any:
        found = names(step.options, turn.flows, turn.language).find(words)
        return found[0].value if found and found[0].sure >= 0.8 else None
