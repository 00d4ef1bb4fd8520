"""menu: offer choices and go where the caller chooses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.answering import ask, ask_again, global_answer, global_keys, global_phrases
from ivr.flow.effects import Choice as Offered
from ivr.flow.effects import Collect
from ivr.flow.inputs import Keys, Words
from ivr.flow.model import FlowSet, Key, Model, PromptRef, Target
from ivr.flow.open_question import OpenQuestion, Wish
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.understand.digits import digits
from ivr.flow.understand.lexicon import lexicon
from ivr.flow.understand.names import Names
from ivr.flow.understand.tokens import tokens
from ivr.flow.verb import verb
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written

SHORT = 4
"""Words in a command; what is longer is a sentence, and a word of it may have been meant otherwise."""
END_SILENCE, MAX_SECONDS = 0.5, 12.0


class Choice(Model):
    """One choice: the key to press, what it is for, and where it leads."""

    key: Key
    label: PromptRef = Field(description="what it is for, as in 'to ..., press 1': pay a bill")
    words: list[str] = Field(default_factory=list, description="other words for it, in text and speech")
    go: Target
    announce: bool = Field(True, description="whether the menu speaks of it")


@verb
class Menu(OpenQuestion):
    """Offer choices. The keys are announced by themselves, in the caller's language, after the prompt."""

    verb: ClassVar[str] = "menu"
    menu: PromptRef
    choices: list[Choice] = Field(min_length=1)
    intents: dict[str, Target] = Field(
        default_factory=dict, description="where intents lead, for words that fit no choice"
    )

    @property
    def asking(self) -> str:
        return self.menu

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return (*(choice.key for choice in self.choices), *self.wishes, "no_input", "no_match")

    def targets(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        for index, choice in enumerate(self.choices):
            yield ("choices", index, "go"), choice.key, choice.go
        yield from super().targets()

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("menu",), self.menu
        yield from super().says()
        for index, choice in enumerate(self.choices):
            yield ("choices", index, "label"), choice.label

    def system_prompts(self) -> Iterable[str]:
        return (*super().system_prompts(), "system.menu_choice")

    def spoken(self, turn: Turn) -> tuple[Prompt, ...]:
        """All that a voice says: the prompt, then each choice with its key."""
        said = [turn.prompt(self.question(turn))]
        for choice in self.choices:
            if choice.announce:
                label = written(turn.prompt(choice.label))
                key = {
                    "*": turn.flows.text(turn.language, "system.star"),
                    "#": turn.flows.text(turn.language, "system.hash"),
                }
                said.append(
                    turn.prompt("system.menu_choice", {"label": label, "key": key.get(choice.key) or choice.key})
                )
        return tuple(said)

    def collect(self, turn: Turn) -> Collect:
        """Made once, if its words are the same for every caller."""
        question = self.question(turn)
        memo, capabilities = turn.flows.memo, turn.before.capabilities
        key = ("menu", *turn.stack[-1], turn.language, capabilities, question, self.keys_only(turn))
        made: Collect | None = memo.get(key)
        if made is None:
            made = self.made(turn)
            if all(turn.constant(ref) for ref in (question, *(choice.label for choice in self.choices))):
                memo[key] = made
        return made

    def made(self, turn: Turn) -> Collect:
        own = tuple(choice.key for choice in self.choices)
        phrases = [phrase for said in self.phrases(turn).values() for phrase in said]
        return Collect(
            prompts=self.spoken(turn) if turn.can("voice") else (turn.prompt(self.question(turn)),),
            kind="menu",
            accept=(*own, *global_keys(turn, own)),
            finish_on="",
            choices=tuple(
                Offered(choice.key, turn.prompt(choice.label), tuple(choice.words)) for choice in self.choices
            ),
            hints=(*(word for choice in self.choices for word in choice.words), *self.hints(turn)),
            phrases=tuple(dict.fromkeys((*phrases, *self.key_phrases(turn), *global_phrases(turn)))),
            open=bool(self.wishes),
            **self.manner(turn, END_SILENCE, MAX_SECONDS),
        )

    def phrases(self, turn: Turn) -> Mapping[str, tuple[str, ...]]:
        """What can be said for each key: the choice's label and words."""
        return {choice.key: (written(turn.prompt(choice.label)), *choice.words) for choice in self.choices}

    def key_phrases(self, turn: Turn) -> Iterator[str]:
        """The keys as words: one, two."""
        small = lexicon(turn.language).small
        keys = {choice.key for choice in self.choices}
        yield from (word for word, value in small.items() if str(value) in keys)

    def answer(self, turn: Turn, given: Keys | Words) -> Leave:
        if isinstance(given, Keys):
            if any(choice.key == given.digits for choice in self.choices):
                return self.go(turn, Wish(given.digits))
            asked = global_answer(turn, given)
            if asked == "repeat":
                return ask(turn, self.collect(turn))
            return asked if isinstance(asked, Goto) else ask_again(turn, self, "no_match", given=given)
        return self.wished(turn, given)

    def wish(self, turn: Turn, words: str) -> Wish | None:
        """A choice by its words, else an intent. A sentence that an intent fits surely is that intent, although a
        word of it may be a choice's."""
        chosen = self.choose(turn, words)
        if chosen is not None and (chosen.exact or not self.wishes):
            return chosen
        intent = super().wish(turn, words)
        if intent is None or (chosen is not None and intent.sure < self.bands(turn).accept):
            return chosen
        return intent

    def choose(self, turn: Turn, words: str) -> Wish | None:
        return choose(turn, self.phrases(turn), words)

    def label(self, turn: Turn, wish: Wish) -> str:
        for choice in self.choices:
            if choice.key == wish.exit:
                return written(turn.prompt(choice.label))
        return super().label(turn, wish)


def choose(turn: Turn, phrases: Mapping[str, tuple[str, ...]], words: str) -> Wish | None:
    """The choice that was meant: by its key, its words, or the only one whose words these hold or sound like.
    `phrases` are what can be said for each key."""
    tongue = lexicon(turn.language)
    keys = digits(words, tongue) if all(part in tongue.noise | tongue.number_words for part in tokens(words)) else []
    for said in (words.strip(), *keys[:1]):
        if said in phrases:
            return Wish(said, exact=True)
    found = _names(tuple(phrases.items()), turn.language).find(words)
    if not found:
        return None
    if found[0].sure == 1.0 and len(found) == 1:
        return Wish(found[0].value, exact=True)
    short = len(tongue.plain(words).split()) <= SHORT
    alone = len(found) == 1 and (found[0].sure >= 0.9 or short)
    clear = len(found) > 1 and found[0].sure > 0.6 and short
    return Wish(found[0].value, found[0].sure) if alone or clear else None


@lru_cache(1024)
def _names(phrases: tuple[tuple[str, tuple[str, ...]], ...], language: str) -> Names:
    return Names(dict(phrases), lexicon(language))
