"""Questions that the caller may answer in words of their own: listen, and menus with `intents`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.answering import ask, ask_again, confirm, confirm_again, global_answer, heard, nothing, unheard
from ivr.flow.answers.yes_no import meaning
from ivr.flow.inputs import Input, Keys, Words
from ivr.flow.intents import Match
from ivr.flow.knowledge.library import for_the_record
from ivr.flow.model import FlowSet, Target
from ivr.flow.question import Question
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.understand.tokens import tokens
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants: the exit that it leads to, how sure that is, and the slots that the words filled. Where it
    `asks` leads to a step that asks the caller itself if it isn't sure."""

    exit: str
    sure: float = 1.0
    slots: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False
    asks: bool = False


KNOWLEDGE, QUESTION = "knowledge", "question"
"""The exit for words that an article answers, and the slot that they are kept in."""
SENTENCE = 4
"""Words from which on something that means nothing else may be a question."""


class OpenQuestion(Question):
    """Answers are exits of the step; intents among them."""

    intents: dict[str, Target]
    knowledge: Target | None = Field(
        None, description="where words lead that mean nothing else but that an article answers; kept in `question`"
    )
    asks: ClassVar[bool] = True

    @property
    def wishes(self) -> tuple[str, ...]:
        """The exits that words of the caller's own lead to."""
        return (*self.intents, *((KNOWLEDGE,) if self.knowledge is not None else ()))

    def targets(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        for name, target in self.intents.items():
            yield ("intents", name), name, target
        if self.knowledge is not None:
            yield (KNOWLEDGE,), KNOWLEDGE, self.knowledge
        yield from super().targets()

    def system_prompts(self) -> Iterable[str]:
        asked = () if self.knowledge is None else ("system.is_it_about",)
        return (*super().system_prompts(), "system.did_you_want", *asked)

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        # Never for sure: the caller may not have said them.
        said = {slot: frozenset[str]() for name in self.intents for slot in flows.intents.slots(name)}
        return said if self.knowledge is None else {**said, QUESTION: frozenset({KNOWLEDGE})}

    def hints(self, turn: Turn) -> tuple[str, ...]:
        """Words that are likely to come."""
        return turn.flows.intents.hints(turn.language, self.intents)

    def enter(self, turn: Turn) -> Leave:
        # The question is asked anew: what was said last time is no answer to it.
        for slot in self.fills(turn.flows):
            turn.slots.pop(slot, None)
        return ask(turn, self.collect(turn))

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, Keys | Words)
        if isinstance(given, Words) and given.unheard:
            return unheard(turn, self)
        heard(turn, given)
        if "wish" in turn.state:
            return self.confirmed(turn, given, Wish(**turn.state["wish"]))
        if nothing(given):
            return ask_again(turn, self, "no_input")
        return self.answer(turn, given)

    @abstractmethod
    def answer(self, turn: Turn, given: Keys | Words) -> Leave:
        """Follow an answer that isn't empty."""

    def wished(self, turn: Turn, given: Words) -> Leave:
        """Follow what words mean, as surely as the bands want it; the alternatives count if the first means nothing."""
        bands = self.bands(turn)
        if given.confidence < bands.confirm:
            return ask_again(turn, self, "no_match", given=given)
        for place, text in enumerate((given.text, *given.alternatives)):
            found = self.wish(turn, text)
            if found is None or not found.exact:
                asked = global_answer(turn, Words(text))
                if asked == "repeat":
                    return ask(turn, self.collect(turn))
                if isinstance(asked, Goto):
                    return asked
            if found is None:
                continue
            sure = given.confidence if found.asks else min(given.confidence, found.sure)
            if place:  # not what was recognised first
                sure = min(sure, (bands.accept + bands.confirm) / 2)
            if sure >= bands.accept:
                return self.go(turn, found)
            if sure >= bands.confirm:
                return self.ask_whether(turn, found)
        if self.knowledge is not None and len(tokens(given.text)) >= SENTENCE:
            asked = for_the_record(given.text, turn.language)
            turn.event("answer_unknown", step=turn.stack[-1][1], language=turn.language, question=asked)
        return ask_again(turn, self, "no_match", given=given)

    def wish(self, turn: Turn, words: str) -> Wish | None:
        """What words mean; `None` if nothing that leads anywhere from here. Words that fit an intent less well than an
        article are a question."""
        intent = self._intent(turn, words)
        bands = self.bands(turn)
        if self.knowledge is None or (intent is not None and intent.sure >= bands.accept):
            return intent
        article = next(iter(turn.flows.knowledge.find(words, turn.language, turn.now.date(), limit=1)), None)
        wanted = bands.accept if intent is not None and intent.sure >= bands.confirm else bands.confirm
        if article is None or article.sure < max(wanted, intent.sure if intent is not None else 0.0):
            return intent
        asked = {QUESTION: for_the_record(words, turn.language)}
        return Wish(KNOWLEDGE, article.sure, asked, asks=True)

    def _intent(self, turn: Turn, words: str) -> Wish | None:
        found: Match | None = turn.flows.intents.match(words, turn.language) if self.intents else None
        if found is None:
            return None
        scores = {name: round(score, 3) for name, score in list(found.scores.items())[:3]}
        turn.event("intent", step=turn.stack[-1][1], intent=found.intent, sure=round(found.sure, 3), scores=scores)
        if found.intent not in self.intents:
            return None
        return Wish(found.intent, found.sure, turn.flows.intents.fill(found.intent, words, turn))

    def go(self, turn: Turn, wish: Wish) -> Leave:
        turn.event("chose", step=turn.stack[-1][1], **{"intent" if wish.exit in self.intents else "key": wish.exit})
        for slot, value in wish.slots.items():
            turn.fill(slot, value)
        return wish.exit

    def label(self, turn: Turn, wish: Wish) -> str:
        """What a wish is called, as in "would you like to ...?"."""
        label = turn.flows.intents.label(wish.exit)
        return written(turn.prompt(label)) if label else wish.exit.replace("_", " ")

    def whether(self, turn: Turn, wish: Wish) -> Prompt:
        if wish.exit == KNOWLEDGE:
            return turn.prompt("system.is_it_about", {"title": wish.slots[QUESTION]})
        return turn.prompt("system.did_you_want", {"label": self.label(turn, wish)})

    def ask_whether(self, turn: Turn, wish: Wish) -> Leave:
        state = {"exit": wish.exit, "slots": dict(wish.slots)}
        return confirm(turn, self, self.whether(turn, wish), wish=state)

    def confirmed(self, turn: Turn, given: Keys | Words, wish: Wish) -> Leave:
        asked = None if nothing(given) else global_answer(turn, given, ("1", "2"))
        if isinstance(asked, Goto):
            return asked
        if asked == "repeat":
            return self.ask_whether(turn, wish)
        sure = isinstance(given, Keys) or given.confidence >= self.bands(turn).confirm
        yes = None if nothing(given) or not sure else meaning(turn, given)
        if yes:
            return self.go(turn, wish)
        turn.event("corrected", step=turn.stack[-1][1])
        if isinstance(given, Words) and sure and not nothing(given):
            other = self.wish(turn, given.text)  # no, the opening hours
            if other is not None and other.exit != wish.exit and other.sure >= self.bands(turn).confirm:
                return self.go(turn, other) if other.sure >= self.bands(turn).accept else self.ask_whether(turn, other)
        if yes is None:
            return confirm_again(turn, self, given, self.whether(turn, wish), wish=turn.state["wish"])
        return ask_again(turn, self, "no_match", "system.try_again", {}, Words(""))
