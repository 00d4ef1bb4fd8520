"""What all steps share that ask the caller something: menu, ask and listen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import BeforeValidator, Field

from ivr.flow.model import Confidence, PromptRef, Seconds, StepModel

if TYPE_CHECKING:
    from ivr.flow.effects import Collect
    from ivr.flow.turn import Turn


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Bands(NamedTuple):
    """Words are taken from `accept` on, confirmed from `confirm` on, and not believed below (0 to 1)."""

    accept: float
    confirm: float


class Question(StepModel):
    """The options of every question."""

    asks: ClassVar[bool] = True
    waits: ClassVar[bool] = True
    timeout: Seconds | None = Field(None, description="how long to wait for the first key or word")
    between_keys: Seconds | None = Field(None, description="how long to wait for the next key")
    attempts: int | None = Field(None, ge=1, le=10, description="how often to ask before no_input or no_match")
    barge_in: bool | None = Field(None, description="whether a key cuts the prompt short")
    voice_barge_in: bool | None = Field(None, description="whether the caller's voice cuts the prompt short")
    speech: bool | None = Field(None, description="whether the caller may speak; keys always work")
    end_silence: Seconds | None = Field(None, description="the silence after which the caller has finished speaking")
    max_speech: Seconds | None = Field(None, description="how long one answer may take to say")
    confidence: Confidence | None = None
    again: Annotated[list[PromptRef], BeforeValidator(_several)] = Field(
        default_factory=list, description="what to ask instead after the first failed attempt, the second, and so on"
    )

    @property
    @abstractmethod
    def asking(self) -> str:
        """The question's prompt."""

    @abstractmethod
    def collect(self, turn: Turn) -> Collect:
        """The question as it stands now, after `turn.tries` attempts."""

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        for index, ref in enumerate(self.again):
            yield ("again", index), ref

    def system_prompts(self) -> Iterable[str]:
        return ("system.no_input", "system.no_match", "system.try_again", "system.keys_only", "system.yes", "system.no")

    def attempts_in(self, turn: Turn) -> int:
        return self.attempts or turn.company.defaults.attempts

    def bands(self, turn: Turn) -> Bands:
        return bands(turn, self.confidence)

    def question(self, turn: Turn) -> str:
        """What to ask with, after so many failed attempts."""
        failed = turn.tries.get("no_input", 0) + turn.tries.get("no_match", 0)
        return self.again[min(failed, len(self.again)) - 1] if failed and self.again else self.asking

    def keys_only(self, turn: Turn) -> bool:
        """Whether speech has failed so often here that only keys are left."""
        failed = turn.tries.get("speech", 0)
        return turn.can("keys") and self.keyed(turn) and failed >= turn.company.defaults.keys_only_after

    def keyed(self, turn: Turn) -> bool:
        """Whether keys can answer."""
        return True

    def manner(self, turn: Turn, end_silence: float, max_seconds: float) -> dict[str, Any]:
        """How a `Collect` is timed and what cuts it short: the step's own, else the company's. The last two are the
        usual ones for this kind of answer, in seconds."""
        own = {
            "first_timeout": self.timeout,
            "between_keys": self.between_keys,
            "barge_in": self.barge_in,
            "voice_barge_in": self.voice_barge_in,
            "end_silence": self.end_silence,
            "max_seconds": self.max_speech,
        }
        usual = manner(turn, end_silence, max_seconds, speech=self.speech)
        speech = usual["speech"] and not self.keys_only(turn)
        return {**usual, **{name: value for name, value in own.items() if value is not None}, "speech": speech}


def bands(turn: Turn, own: Confidence | None = None) -> Bands:
    """A step's own bands, else the company's."""
    usual, own = turn.company.defaults.confidence, own or Confidence(accept=None, confirm=None)
    accept = next(value for value in (own.accept, usual.accept, 0.75) if value is not None)
    confirm = next(value for value in (own.confirm, usual.confirm, 0.4) if value is not None)
    return Bands(accept, min(accept, confirm))


def manner(turn: Turn, end_silence: float, max_seconds: float, *, speech: bool | None = None) -> dict[str, Any]:
    """How the company times a `Collect` and what cuts it short; whether the caller may speak is the step's to say
    first. `end_silence` and `max_seconds` are the usual ones for this kind of answer."""
    defaults = turn.company.defaults
    wanted = defaults.speech if speech is None else speech
    return {
        "first_timeout": defaults.timeout,
        "between_keys": defaults.between_keys,
        "barge_in": defaults.barge_in,
        "voice_barge_in": defaults.voice_barge_in,
        "speech": wanted and turn.can("words") and not turn.hushed,
        "end_silence": end_silence,
        "max_seconds": max_seconds,
        "language": turn.language,
    }
