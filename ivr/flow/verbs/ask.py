"""ask: ask for a value, check it, read it back, keep it in a slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow import expr
from ivr.flow.answer import AnswerType, Invalid
from ivr.flow.answering import (
    ask,
    ask_again,
    confirm,
    confirm_again,
    global_answer,
    global_keys,
    global_phrases,
    heard,
    nothing,
    unheard,
)
from ivr.flow.answers.yes_no import meaning
from ivr.flow.effects import Collect
from ivr.flow.inputs import Input, Keys, Words
from ivr.flow.model import Expression, FlowSet, Model, PromptRef, SlotName
from ivr.flow.question import Question
from ivr.flow.secret import Secret
from ivr.flow.turn import Goto, Leave, Turn
from ivr.flow.verb import verb
from ivr.prompts.parts import Part, Prompt
from ivr.prompts.written import written


class Check(Model):
    """A condition that an answer must meet (it is `answer` in the expression), and what to say if it doesn't."""

    if_: Expression = Field(alias="if")
    otherwise: PromptRef


class Unmet(Invalid):
    """The step's own condition isn't met by `value`."""

    def __init__(self, value: Any) -> None:
        super().__init__("check")
        self.value = value


@verb
class Ask(Question):
    """Ask for a value of some type: digits, money, a date, a card ... and keep it in a slot."""

    verb: ClassVar[str] = "ask"
    ask: PromptRef
    as_: str = Field(alias="as", description="the type of the answer: digits, yes_no, money, date, card ...")
    into: SlotName | None = Field(None, description="the slot for the answer; by default the step's name")
    length: int | None = Field(None, ge=1, le=40, description="exactly so many digits")
    at_least: int | None = Field(None, ge=1, le=40, description="at least so many digits")
    at_most: int | None = Field(None, ge=1, le=40, description="at most so many digits")
    options: str | list[str] | dict[str, list[str]] | None = Field(
        None, description="for one_of: the list to choose from, or the data file that holds it"
    )
    secret: bool = Field(False, description="never to be written or read back anywhere")
    check: Check | None = None
    confirm: bool | PromptRef = Field(False, description="read the answer back; true for the usual words")
    retry: dict[str, PromptRef] = Field(default_factory=dict, description="own words for a reason: check_digit: ...")

    @property
    def type(self) -> AnswerType:
        from ivr.flow.registry import answers

        return answers()[self.as_]

    @property
    def is_secret(self) -> bool:
        return self.secret or self.type.secret

    @property
    def asking(self) -> str:
        return self.ask

    def needs(self) -> frozenset[str]:
        return self.type.needs(self) | (frozenset({"secret"}) if self.is_secret else frozenset())

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return (*self.type.exits, "no_input", "no_match")

    def target(self, exit: str) -> str | None:
        found = super().target(exit)
        return self.next if found is None and exit in self.type.exits else found

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("ask",), self.ask
        yield from super().says()
        if self.check is not None:
            yield ("check", "otherwise"), self.check.otherwise
        if isinstance(self.confirm, str):
            yield ("confirm",), self.confirm
        for reason, ref in self.retry.items():
            yield ("retry", reason), ref

    def system_prompts(self) -> Iterable[str]:
        yield from super().system_prompts()
        yield from ("system.confirm",) if self.confirm is not False else ()
        yield from () if self.is_secret else ("system.did_you_say",)
        yield from ("system.option_choice",) if self.as_ == "one_of" else ()
        yield from (f"system.retry.{self.as_}.{reason}" for reason in self.type.reasons if reason not in self.retry)

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        if self.check is not None:
            yield ("check", "if"), str(self.check.if_)

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        return {self.into: frozenset(self.type.exits)} if self.into else {}

    def fills_secret(self) -> frozenset[str]:
        return frozenset({self.into}) if self.into and self.is_secret else frozenset()

    def keyed(self, turn: Turn) -> bool:
        return not self.type.open and "words" not in self.type.needs(self)

    def collect(self, turn: Turn) -> Collect:
        at_least, at_most = self.type.keys(self)
        choices = self.type.choices(self, turn)
        own = tuple(choice.key for choice in choices)
        phrases = self.type.phrases(self, turn)
        prompts = [turn.prompt(self.question(turn))]
        if turn.can("voice") and self.as_ == "one_of":
            prompts += [
                turn.prompt("system.option_choice", {"label": written(choice.label), "key": choice.key})
                for choice in choices
            ]
        return Collect(
            prompts=tuple(prompts),
            kind=self.as_,
            accept=(*own, *global_keys(turn, own)) if own else (),
            at_least=at_least,
            at_most=at_most,
            point=self.type.point,
            secret=self.is_secret,
            choices=choices,
            phrases=(*phrases, *global_phrases(turn)) if phrases else (),
            open=self.type.open,
            **self.manner(turn, self.type.end_silence, self.type.max_seconds),
        )

    def read_back(self, turn: Turn, value: Any, ref: str) -> Prompt:
        """A prompt with the answer in it, said as values of its type are said."""
        if self.type.kind == "text" and isinstance(value, bool):
            value = written(turn.prompt("system.yes" if value else "system.no"))
        part = Part(self.type.kind, value, turn.company.currency if self.type.kind == "money" else "")
        prompt = turn.prompt(ref, {"answer": _HERE})
        return Prompt(_splice(prompt.parts, part), prompt.language, prompt.id)

    def enter(self, turn: Turn) -> Leave:
        return ask(turn, self.collect(turn))

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, Keys | Words)
        if isinstance(given, Words) and given.unheard:
            return unheard(turn, self)
        heard(turn, given, self.is_secret)
        own = tuple(choice.key for choice in self.type.choices(self, turn))
        asked = None if nothing(given) else global_answer(turn, given, own)
        if isinstance(asked, Goto):
            return asked
        if "answer" in turn.state:
            return self.confirmed(turn, given, repeat=asked == "repeat", **turn.state)
        if asked == "repeat":
            return ask(turn, self.collect(turn))
        if nothing(given):
            return ask_again(turn, self, "no_input")
        try:
            value, sure = self.understood(turn, given)
        except Unmet as unmet:
            assert self.check is not None
            return ask_again(turn, self, "no_match", self.check.otherwise, {"answer": unmet.value}, given)
        except Invalid as invalid:
            turn.event("invalid", step=turn.stack[-1][1], reason=invalid.reason)
            why = self.retry.get(invalid.reason)
            if why is None and invalid.reason in self.type.reasons:
                why = f"system.retry.{self.as_}.{invalid.reason}"
            return ask_again(turn, self, "no_match", why, {}, given)
        return self.taken(turn, given, value, sure)

    def understood(self, turn: Turn, given: Keys | Words) -> tuple[Any, float]:
        """The value and how sure it is. Raises `Invalid`."""
        if isinstance(given, Words):
            return self.meant(turn, given)
        if not set(given.digits) <= _KEYPAD:
            raise Invalid("not_understood")
        value = self.type.from_keys(given.digits, self, turn)
        if not self.holds(turn, value):
            raise Unmet(value)
        return value, 1.0

    def meant(self, turn: Turn, given: Words) -> tuple[Any, float]:
        """The first meaning of what was recognised, or of its alternatives, that can be right. One that is not the
        first choice has to be confirmed, unless it proves itself by a check digit. Raises `Invalid`."""
        bands = self.bands(turn)
        if given.confidence < bands.confirm:
            raise Invalid("unsure")
        wrong: Invalid | None = None
        for text in (given.text, *given.alternatives):
            try:
                meanings = self.type.meanings(text, self, turn)
            except Invalid as invalid:
                wrong = wrong or invalid
                continue
            for found in meanings:
                sure = min(given.confidence, found.sure)
                if sure < bands.confirm:
                    wrong = wrong or Invalid("unsure")
                elif not self.holds(turn, found.value):
                    wrong = wrong or Unmet(found.value)
                else:
                    believed = wrong is None or self.type.checked
                    return found.value, sure if believed else min(sure, (bands.accept + bands.confirm) / 2)
        raise wrong or Invalid("not_understood")

    def holds(self, turn: Turn, value: Any) -> bool:
        if self.check is None:
            return True
        return bool(expr.parse(str(self.check.if_)).evaluate(turn.names({"answer": value})))

    def taken(self, turn: Turn, given: Keys | Words, value: Any, sure: float) -> Leave:
        """Keep an answer, or have it confirmed first where the step or the doubt wants that."""
        spoken = isinstance(given, Words)
        if self.confirm is not False:
            ref = self.confirm if isinstance(self.confirm, str) else "system.confirm"
        elif sure < self.bands(turn).accept:
            if self.is_secret:  # it can't be read back: it has proved itself, or is asked for again
                return self.keep(turn, value) if self.type.checked else ask_again(turn, self, "no_match", given=given)
            ref = "system.did_you_say"
        else:
            return self.keep(turn, value)
        return confirm(turn, self, self.read_back(turn, value, ref), answer=value, ref=ref, spoken=spoken)

    def confirmed(self, turn: Turn, given: Keys | Words, *, answer: Any, ref: str, spoken: bool, repeat: bool) -> Leave:
        state = {"answer": answer, "ref": ref, "spoken": spoken}
        if repeat:
            return confirm(turn, self, self.read_back(turn, answer, ref), **state)
        sure = isinstance(given, Keys) or given.confidence >= self.bands(turn).confirm
        yes = None if nothing(given) or not sure else meaning(turn, given)
        if yes:
            return self.keep(turn, answer)
        corrected = self.correction(turn, given, answer) if isinstance(given, Words) and sure else None
        if corrected is not None:
            turn.event("corrected", step=turn.stack[-1][1])
            return self.taken(turn, given, *corrected)
        if yes is None:
            return confirm_again(turn, self, given, self.read_back(turn, answer, ref), **state)
        turn.event("corrected", step=turn.stack[-1][1])
        if ref == "system.did_you_say":  # we misheard; that is an attempt
            return ask_again(turn, self, "no_match", "system.try_again", {}, Words("") if spoken else None)
        return ask(turn, self.collect(turn))

    def correction(self, turn: Turn, given: Words, answer: Any) -> tuple[Any, float] | None:
        """Another answer said instead of yes or no: "no, eighty"."""
        if self.type.open or nothing(given):
            return None
        try:
            value, sure = self.meant(turn, given)
        except Invalid:
            return None
        return (value, sure) if value != answer else None

    def keep(self, turn: Turn, value: Any) -> Leave:
        slot = self.into or turn.stack[-1][1]
        turn.fill(slot, Secret(value) if self.is_secret else value)
        return self.type.exit(value)


_KEYPAD = frozenset("0123456789*#")
_HERE = "\N{OBJECT REPLACEMENT CHARACTER}"


def _splice(parts: tuple[Part, ...], value: Part) -> tuple[Part, ...]:
    """Put the answer, said as its type is said, where `{answer}` stands in the read-back prompt."""
    out: list[Part] = []
    for part in parts:
        if part.kind != "text" or _HERE not in str(part.value):
            out.append(part)
            continue
        before, _, after = str(part.value).partition(_HERE)
        out += [replace(part, value=before)] if before else []
        out.append(replace(value, rate=part.rate, emphasis=part.emphasis))
        out += [replace(part, value=after)] if after else []
    return tuple(out)
