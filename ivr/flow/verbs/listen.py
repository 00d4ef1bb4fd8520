"""listen: ask an open question and go where the caller's own words lead, by intents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field, model_validator

from ivr.flow.answering import ask, ask_again, global_answer, global_keys, global_phrases
from ivr.flow.effects import Collect
from ivr.flow.inputs import Keys, Words
from ivr.flow.model import FlowSet, PromptRef, Target
from ivr.flow.open_question import OpenQuestion
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.verb import verb

END_SILENCE, MAX_SECONDS = 0.7, 25.0


@verb
class Listen(OpenQuestion):
    """Ask an open question: "How can we help you?" Where a channel understands no words, it leaves by `unsupported`
    (to a menu, say)."""

    verb: ClassVar[str] = "listen"
    listen: PromptRef
    intents: dict[str, Target] = Field(default_factory=dict, description="where each intent of intents.yaml leads")

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Listen:
        if not self.wishes:
            raise ValueError("leads nowhere: it needs `intents` or `knowledge`")
        return self

    @property
    def asking(self) -> str:
        return self.listen

    def needs(self) -> frozenset[str]:
        return frozenset({"words"})

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return (*self.wishes, "no_input", "no_match")

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("listen",), self.listen
        yield from super().says()

    def keyed(self, turn: Turn) -> bool:
        return False

    def collect(self, turn: Turn) -> Collect:
        return Collect(
            prompts=(turn.prompt(self.question(turn)),),
            kind="open",
            accept=global_keys(turn, ()),
            finish_on="",
            hints=self.hints(turn),
            phrases=global_phrases(turn),
            open=True,
            **self.manner(turn, END_SILENCE, MAX_SECONDS),
        )

    def answer(self, turn: Turn, given: Keys | Words) -> Leave:
        if isinstance(given, Words):
            return self.wished(turn, given)
        asked = global_answer(turn, given)
        if asked == "repeat":
            return ask(turn, self.collect(turn))
        return asked if isinstance(asked, Goto) else ask_again(turn, self, "no_match", given=given)
