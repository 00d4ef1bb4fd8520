"""Answer types: what `ask` can ask for. One file each in `ivr/flow/answers/`, registered by `answer`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ivr.flow.effects import Choice
from ivr.flow.understand.digits import digits
from ivr.flow.understand.lexicon import Lexicon, lexicon
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn


class Invalid(Exception):
    """An answer that was understood but can't be right. `reason` is a short name: `too_short`, `check_digit`; the
    caller hears `system.retry.<type>.<reason>`, or the step's own words for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Shape(Protocol):
    """What a step, or an intent's slot, says of the answer that it wants."""

    @property
    def length(self) -> int | None: ...
    @property
    def at_least(self) -> int | None: ...
    @property
    def at_most(self) -> int | None: ...
    @property
    def options(self) -> str | list[str] | Mapping[str, list[str]] | None: ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """A value that words may mean, and how sure that is (0 to 1), given that the words are right."""

    value: Any
    sure: float = 1.0


class AnswerType(ABC):
    """One kind of answer. `reasons` lists all that `Invalid` may say; `kind` is how a value is read back; `secret`
    values never land anywhere; `point` is the key for a decimal point; `open` answers need words, keys can't say them.

    A `checked` value carries its own proof (a check digit), so that one which passes is believed though it was not
    the recogniser's first choice. `end_silence` and `max_seconds` are speech's (see `ivr.flow.effects.Collect`).
    """

    name: ClassVar[str]
    kind: ClassVar[Kind] = "text"
    secret: ClassVar[bool] = False
    open: ClassVar[bool] = False
    checked: ClassVar[bool] = False
    point: ClassVar[str] = ""
    reasons: ClassVar[tuple[str, ...]] = ()
    exits: ClassVar[tuple[str, ...]] = ("done",)
    end_silence: ClassVar[float] = 1.2
    max_seconds: ClassVar[float] = 20.0

    def needs(self, step: Shape) -> frozenset[str]:
        """The capabilities that the question takes."""
        return frozenset({"text"}) if self.open else frozenset({"secret"}) if self.secret else frozenset()

    @abstractmethod
    def keys(self, step: Shape) -> tuple[int, int]:
        """How many keys an answer has: at least, at most."""

    def choices(self, step: Shape, turn: Turn) -> tuple[Choice, ...]:
        """The answers, where they are few: each with its key and its words."""
        return ()

    def phrases(self, step: Shape, turn: Turn) -> tuple[str, ...]:
        """All that can be said here, where that can be listed; otherwise the channel goes by the type's name."""
        return tuple(dict.fromkeys(word for choice in self.choices(step, turn) for word in choice.words))

    @abstractmethod
    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        """The value (JSON) that these keys mean. Raises `Invalid`."""

    def readings(self, words: str, step: Shape, turn: Turn) -> Iterable[str]:
        """The keys that words may stand for, the likeliest first: by default, their digits."""
        return digits(words, lexicon(turn.language))

    def meanings(self, words: str, step: Shape, turn: Turn) -> list[Meaning]:
        """The values that words may mean, the likeliest first, at least one. Raises `Invalid`: what is wrong with the
        likeliest."""
        found: list[Meaning] = []
        wrong: Invalid | None = None
        for keys in self.readings(words, step, turn):
            try:
                found.append(Meaning(self.from_keys(keys, step, turn)))
            except Invalid as invalid:
                wrong = wrong or invalid
        if not found:
            raise wrong or Invalid("not_understood")
        return found

    def find(self, words: str, step: Shape, turn: Turn) -> Any:
        """The value that free speech holds beside other things ("pay fifty dollars by friday"); `None` if there is
        none. Never a secret."""
        return None

    def exit(self, value: Any) -> str:
        """The exit that a value leaves by."""
        return "done"


def tongue(turn: Turn) -> Lexicon:
    """The lexicon of the caller's language."""
    return lexicon(turn.language)


ANSWERS: dict[str, AnswerType] = {}


def answer(kind: type[AnswerType]) -> type[AnswerType]:
    """Register an answer type under its `name`."""
    ANSWERS[kind.name] = kind()
    return kind
