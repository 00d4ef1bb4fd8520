"""flows/intents.yaml: what callers may want, told by examples in each language.

Trained when flows are checked or published, or when first used: a set of flows keeps its classifiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from ivr.flow.model import FlowSet, Model, PromptRef, SlotName
from ivr.flow.understand.classifier import Classifier, Match, Nearest, classifiers
from ivr.flow.understand.lexicon import Lexicon, lexicon
from ivr.flow.understand.tokens import tokens

if TYPE_CHECKING:
    from ivr.flow.turn import Turn

FILE = "intents"
MAX_EXAMPLES = 3000
MAX_HINTS = 100
SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def _type(value: Any) -> Any:
    return {"as": value} if isinstance(value, str) else value


class SlotSpec(Model):
    """A value that callers may say along with what they want: an answer type and its limits."""

    as_: str = Field(alias="as", description="the answer type: money, date, number, digits, phone, one_of")
    length: int | None = Field(None, ge=1, le=40, description="exactly so many digits")
    at_least: int | None = Field(None, ge=1, le=40)
    at_most: int | None = Field(None, ge=1, le=40)
    options: str | list[str] | dict[str, list[str]] | None = Field(
        None, description="for one_of: the list, or the data file that holds it"
    )


class Intent(Model):
    """One thing that callers want. `{slot}` in an example stands for a value of that slot."""

    label: PromptRef | None = Field(None, description="what it is, as in 'would you like to ...?': pay a bill")
    slots: dict[SlotName, Annotated[SlotSpec, BeforeValidator(_type)]] = Field(default_factory=dict)
    examples: dict[str, list[str]] = Field(description="by language, what callers say when they want it")


class IntentsFile(Model):
    """flows/intents.yaml"""

    intents: dict[SlotName, Intent] = Field(default_factory=dict)
    out_of_scope: dict[str, list[str]] = Field(
        default_factory=dict, description="by language, what callers say that none of the intents is meant by"
    )
    classifier: str = Field("ridge", description="which classifier learns the examples")
    note: str | None = None


class Intents:
    """The intents of a set of flows. Without the file, or with one that can't be read, nothing is ever understood."""

    def __init__(self, flows: FlowSet) -> None:
        self._flows = flows
        self.file = IntentsFile()
        if isinstance(flows.files.get(FILE), Mapping):
            with suppress(ValidationError):  # the check tells of it
                self.file = IntentsFile.model_validate(flows.files[FILE])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.file.intents)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have examples."""
        return tuple(dict.fromkeys(tag for intent in self.file.intents.values() for tag in intent.examples))

    def train(self) -> None:
        """Train the classifiers of all languages now: publishing does, so that no caller has to wait for it."""
        for language in self.languages:
            self.classifier(language)

    def classifier(self, language: str) -> Classifier | None:
        """The classifier of a language; `None` if it has no examples."""
        key = ("classifier", language)
        if key not in self._flows.memo:
            examples = {
                name: list(self._spelt_out(intent, language))[:MAX_EXAMPLES]
                for name, intent in self.file.intents.items()
            }
            train = classifiers().get(self.file.classifier) or classifiers()["ridge"]
            outside = self.file.out_of_scope.get(language, [])[:MAX_EXAMPLES]
            trained = train(examples, outside, lexicon(language)) if any(examples.values()) else None
            self._flows.memo[key] = trained
        found: Classifier | None = self._flows.memo[key]
        return found

    def match(self, words: str, language: str) -> Match | None:
        """The likeliest intent of words, or of one of several wishes in them; `None` if none can be known."""
        found = self.classifier(language) or self.classifier(self._flows.default_language)
        if found is None or not tokens(words):
            return None
        whole = found.classify(words)
        parts = [found.classify(part) for part in _clauses(words, lexicon(language))] if whole.sure < 0.75 else []
        best = max(parts, key=lambda match: match.sure, default=whole)
        return best if best.sure > max(whole.sure, 0.75) else whole

    def slots(self, intent: str) -> Mapping[str, SlotSpec]:
        found = self.file.intents.get(intent)
        return found.slots if found else {}

    def label(self, intent: str) -> str | None:
        found = self.file.intents.get(intent)
        return found.label if found else None

    def fill(self, intent: str, words: str, turn: Turn) -> dict[str, Any]:
        """The values of an intent's slots that words hold."""
        from ivr.flow.registry import answers

        out = {}
        for slot, spec in self.slots(intent).items():
            kind = answers().get(spec.as_)
            value = None if kind is None or kind.secret else kind.find(words, spec, turn)
            if value is not None:
                out[slot] = value
        return out

    def hints(self, language: str, intents: Iterable[str]) -> tuple[str, ...]:
        """Words that callers are likely to say for these intents, the commonest first."""
        key = ("hints", language, *intents)
        if key not in self._flows.memo:
            known = [self.file.intents[name] for name in intents if name in self.file.intents]
            noise = lexicon(language).noise
            counts: dict[str, int] = {}
            for intent in known:
                for word in {word for text in self._spelt_out(intent, language) for word in tokens(text)}:
                    if word not in noise and len(word) > 2:
                        counts[word] = counts.get(word, 0) + 1
            self._flows.memo[key] = tuple(sorted(counts, key=lambda word: (-counts[word], word))[:MAX_HINTS])
        found: tuple[str, ...] = self._flows.memo[key]
        return found

    def _spelt_out(self, intent: Intent, language: str) -> Iterator[str]:
        """The examples, with a likely value in place of each {slot}."""
        for example in intent.examples.get(language, ()):
            yield SLOT.sub(lambda found: self._sample(intent.slots.get(found[1]), language), example)

    def _sample(self, spec: SlotSpec | None, language: str) -> str:
        if spec is None:
            return ""
        if spec.as_ == "money":
            from ivr.flow.understand.money import units

            names = [name for name in units(self._flows.company.currency, lexicon(language)) if name.isalpha()]
            return f"20 {max(sorted(names), key=len, default='')}"
        if spec.as_ == "one_of":
            from ivr.flow.options import options

            return next(iter(options(spec.options, self._flows)), "")
        if spec.as_ == "date":
            return next((word for word, days in lexicon(language).relative_days.items() if days == 1), "")
        return "20"


def _clauses(words: str, tongue: Lexicon) -> Sequence[str]:
    """The parts of a sentence that says several things: "I moved house and want to pay my last bill"."""
    joiners = "|".join(map(re.escape, sorted(tongue.joiners))) or r"(?!)"
    parts = re.split(rf"[.,;:!?]+\s|\s(?:{joiners})\s", words)
    return [part for part in parts if len(tokens(part)) > 1] if len(parts) > 1 else []


__all__ = ["Intents", "IntentsFile", "Match", "Nearest", "SlotSpec"]
