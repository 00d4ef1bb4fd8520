"""ask: ask for a value, check it, read it back, keep it in a slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.answer import AnswerType, Invalid
from ivr.flow.answering import SYSTEM, ask, ask_again, global_answer, nothing, timing
from ivr.flow.effects import Choice, Collect
from ivr.flow.inputs import Input, Keys, Words
from ivr.flow.model import Expression, FlowSet, Model, PromptRef, Seconds, SlotName, StepModel
from ivr.flow.secret import Secret
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.verb import verb
from ivr.prompts.parts import Part, Prompt


class Check(Model):
    """A condition that an answer must meet (it is `answer` in the expression), and what to say if it doesn't."""

    if_: Expression = Field(alias="if")
    otherwise: PromptRef


@verb
class Ask(StepModel):
    """Ask for a value of some type: digits, money, a date, a card ... and keep it in a slot."""

    verb: ClassVar[str] = "ask"
    asks: ClassVar[bool] = True
    waits: ClassVar[bool] = True
    ask: PromptRef
    as_: str = Field(alias="as", description="the type of the answer: digits, yes_no, money, date, card ...")
    into: SlotName | None = Field(None, description="the slot for the answer; by default the step's name")
    length: int | None = Field(None, ge=1, le=40, description="exactly so many digits")
    at_least: int | None = Field(None, ge=1, le=40, description="at least so many digits")
    at_most: int | None = Field(None, ge=1, le=40, description="at most so many digits")
    secret: bool = Field(False, description="never to be written or read back anywhere")
    check: Check | None = None
    confirm: bool | PromptRef = Field(False, description="read the answer back; true for the usual words")
    retry: dict[str, PromptRef] = Field(default_factory=dict, description="own words for a reason: check_digit: ...")
    timeout: Seconds | None = None
    between_keys: Seconds | None = None
    attempts: int | None = Field(None, ge=1, le=10)
    barge_in: bool | None = None

    @property
    def type(self) -> AnswerType:
        from ivr.flow.registry import answers

        return answers()[self.as_]

    @property
    def is_secret(self) -> bool:
        return self.secret or self.type.secret

    def needs(self) -> frozenset[str]:
        if self.type.open:
            return frozenset({"text"})
        return frozenset({"secret"}) if self.is_secret else frozenset()

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return (*self.type.exits, "no_input", "no_match")

    def targets(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        yield from super().targets()

    def target(self, exit: str) -> str | None:
        found = super().target(exit)
        return self.next if found is None and exit in self.type.exits else found

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("ask",), self.ask
        if self.check is not None:
            yield ("check", "otherwise"), self.check.otherwise
        if isinstance(self.confirm, str):
            yield ("confirm",), self.confirm
        for reason, ref in self.retry.items():
            yield ("retry", reason), ref

    def system_prompts(self) -> Iterable[str]:
        confirm = ("system.confirm", "system.yes", "system.no") if self.confirm is not False else ()
        reasons = (f"system.retry.{self.as_}.{reason}" for reason in self.type.reasons if reason not in self.retry)
        return (*SYSTEM, *confirm, *reasons)

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        if self.check is not None:
            yield ("check", "if"), str(self.check.if_)

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        return {self.into: frozenset(self.type.exits)} if self.into else {}

    def fills_secret(self) -> frozenset[str]:
        return frozenset({self.into}) if self.into and self.is_secret else frozenset()

    def collect(self, turn: Turn) -> Collect:
        at_least, at_most = self.type.keys(self)
        yes_no = self.as_ == "yes_no"
        return Collect(
            prompts=(turn.prompt(self.ask),),
            kind=self.as_,
            accept=(*_YES_NO, *_globals(turn)) if yes_no else (),
            at_least=at_least,
            at_most=at_most,
            point=self.type.point,
            secret=self.is_secret,
            choices=_yes_no_choices(turn) if yes_no else (),
            **timing(turn, self),
        )

    def confirmation(self, turn: Turn, value: Any) -> Collect:
        """The read-back: say the value, and wait for yes or no."""
        ref = self.confirm if isinstance(self.confirm, str) else "system.confirm"
        part = Part(self.type.kind, value, turn.company.currency if self.type.kind == "money" else "")
        prompt = turn.prompt(ref, {"answer": _HERE})
        prompt = Prompt(_splice(prompt.parts, part), prompt.language, prompt.id)
        accept = (*_YES_NO, *_globals(turn))
        return Collect((prompt,), "yes_no", accept, choices=_yes_no_choices(turn), **timing(turn, self))

    def enter(self, turn: Turn) -> Leave:
        return ask(turn, self.collect(turn))

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, Keys | Words)
        attempts = self.attempts or turn.company.defaults.attempts
        asked = None if nothing(given) else global_answer(turn, given, _YES_NO if self.as_ == "yes_no" else ())
        if isinstance(asked, Goto):
            return asked
        if "answer" in turn.state:
            return self.confirmed(turn, given, turn.state["answer"], attempts, repeat=asked == "repeat")
        if asked == "repeat":
            return ask(turn, self.collect(turn))
        if nothing(given):
            return ask_again(turn, self.collect(turn), "no_input", attempts, "system.no_input", {})
        try:
            value = self.understood(turn, given)
        except Invalid as invalid:
            why = self.retry.get(invalid.reason) or f"system.retry.{self.as_}.{invalid.reason}"
            if invalid.reason == "not_understood" and invalid.reason not in self.retry:
                why = "system.no_match"
            turn.event("invalid", step=turn.stack[-1][1], reason=invalid.reason)
            return ask_again(turn, self.collect(turn), "no_match", attempts, why, {})
        if self.check is not None and not self.holds(turn, value):
            return ask_again(turn, self.collect(turn), "no_match", attempts, self.check.otherwise, {"answer": value})
        if self.confirm is not False:
            return ask(turn, self.confirmation(turn, value), answer=value)
        return self.keep(turn, value)

    def understood(self, turn: Turn, given: Keys | Words) -> Any:
        if isinstance(given, Keys):
            if not set(given.digits) <= _KEYPAD:
                raise Invalid("not_understood")
            return self.type.from_keys(given.digits, self, turn)
        return self.type.from_words(given.text, self, turn)

    def holds(self, turn: Turn, value: Any) -> bool:
        from ivr.flow import expr

        assert self.check is not None
        source = str(self.check.if_)
        return bool(expr.parse(source).evaluate(turn.names({"answer": value})))

    def confirmed(self, turn: Turn, given: Keys | Words, value: Any, attempts: int, repeat: bool) -> Leave:
        from ivr.flow.answers.yes_no import meaning

        yes = None if repeat or nothing(given) else meaning(turn, given)
        if yes:
            return self.keep(turn, value)
        if yes is False:
            turn.event("corrected", step=turn.stack[-1][1])
            return ask(turn, self.collect(turn))
        if repeat:
            return ask(turn, self.confirmation(turn, value), answer=value)
        kind = "no_input" if nothing(given) else "no_match"
        again = ask_again(turn, self.confirmation(turn, value), kind, attempts, f"system.{kind}", {})
        if isinstance(again, str):
            return again
        return turn.wait("Keys", "Words", answer=value)

    def keep(self, turn: Turn, value: Any) -> Leave:
        slot = self.into or turn.stack[-1][1]
        turn.fill(slot, Secret(value) if self.is_secret else value)
        return self.type.exit(value)


_YES_NO = ("1", "2")
_KEYPAD = frozenset("0123456789*#")
_HERE = "\N{OBJECT REPLACEMENT CHARACTER}"


def _globals(turn: Turn) -> tuple[str, ...]:
    keys = turn.company.keys
    return tuple(key for key in (keys.person, keys.repeat, keys.back) if key not in _YES_NO)


def _yes_no_choices(turn: Turn) -> tuple[Choice, ...]:
    return tuple(
        Choice(key, turn.prompt(f"system.{word}"), turn.words(f"system.words.{word}"))
        for key, word in (("1", "yes"), ("2", "no"))
    )


def _splice(parts: tuple[Part, ...], value: Part) -> tuple[Part, ...]:
    """Put the answer, said as its type is said, where `{answer}` stands in the read-back prompt."""
    out: list[Part] = []
    for part in parts:
        if part.kind != "text" or _HERE not in str(part.value):
            out.append(part)
            continue
        before, _, after = str(part.value).partition(_HERE)
        out.extend(Part("text", text) if text is not value.value else value for text in (before,) if text)
        out.append(value)
        if after:
            out.append(Part("text", after))
    return tuple(out)
