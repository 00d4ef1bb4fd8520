"""menu: offer choices and go where the caller chooses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.answering import SYSTEM, ask, ask_again, global_answer, normal, nothing, timing
from ivr.flow.effects import Choice as Offered
from ivr.flow.effects import Collect
from ivr.flow.inputs import Input, Keys, Words
from ivr.flow.model import FlowSet, Key, Model, PromptRef, Seconds, StepModel, Target
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.verb import verb
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written


class Choice(Model):
    """One choice: the key to press, what it is for, and where it leads."""

    key: Key
    label: PromptRef = Field(description="what it is for, as in 'to ..., press 1': pay a bill")
    words: list[str] = Field(default_factory=list, description="other words for it, in text and speech")
    go: Target
    announce: bool = Field(True, description="whether the menu speaks of it")


@verb
class Menu(StepModel):
    """Offer choices. The keys are announced by themselves, in the caller's language, after the prompt."""

    verb: ClassVar[str] = "menu"
    asks: ClassVar[bool] = True
    waits: ClassVar[bool] = True
    menu: PromptRef
    choices: list[Choice] = Field(min_length=1)
    timeout: Seconds | None = None
    between_keys: Seconds | None = None
    attempts: int | None = Field(None, ge=1, le=10)
    barge_in: bool | None = None

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return (*(choice.key for choice in self.choices), "no_input", "no_match")

    def targets(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        for index, choice in enumerate(self.choices):
            yield ("choices", index, "go"), choice.key, choice.go
        yield from super().targets()

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("menu",), self.menu
        for index, choice in enumerate(self.choices):
            yield ("choices", index, "label"), choice.label

    def system_prompts(self) -> Iterable[str]:
        return (*SYSTEM, "system.menu_choice")

    def spoken(self, turn: Turn) -> tuple[Prompt, ...]:
        """All that a voice says: the prompt, then each choice with its key."""
        said = [turn.prompt(self.menu)]
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
        keys = turn.company.keys
        own = tuple(choice.key for choice in self.choices)
        return Collect(
            prompts=self.spoken(turn) if turn.can("voice") else (turn.prompt(self.menu),),
            kind="menu",
            accept=(*own, *(key for key in (keys.person, keys.repeat, keys.back) if key not in own)),
            finish_on="",
            choices=tuple(
                Offered(choice.key, turn.prompt(choice.label), tuple(choice.words)) for choice in self.choices
            ),
            hints=tuple(word for choice in self.choices for word in choice.words),
            **timing(turn, self),
        )

    def enter(self, turn: Turn) -> Leave:
        return ask(turn, self.collect(turn))

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, Keys | Words)
        attempts = self.attempts or turn.company.defaults.attempts
        if nothing(given):
            return ask_again(turn, self.collect(turn), "no_input", attempts, "system.no_input", {})
        chosen = self.choose(turn, given)
        if chosen is not None:
            turn.event("chose", step=turn.stack[-1][1], key=chosen)
            return chosen
        asked = global_answer(turn, given)
        if isinstance(asked, Goto):
            return asked
        if asked == "repeat":
            return ask(turn, self.collect(turn))
        return ask_again(turn, self.collect(turn), "no_match", attempts, "system.no_match", {})

    def choose(self, turn: Turn, given: Keys | Words) -> str | None:
        """The key of the choice that was meant: by its key, its words, or the only label that the words hold."""
        if isinstance(given, Keys):
            return given.digits if any(choice.key == given.digits for choice in self.choices) else None
        said = normal(given.text)
        found = set()
        for choice in self.choices:
            if said == choice.key:
                return choice.key
            for phrase in (written(turn.prompt(choice.label)), *choice.words):
                if said == normal(phrase):
                    return choice.key
                if f" {normal(phrase)} " in f" {said} ":
                    found.add(choice.key)
        return found.pop() if len(found) == 1 else None
