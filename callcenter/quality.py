"""Evaluation forms: what `flows/quality.yaml` says, and the score of what was answered. Pure.

The score of a question lies between 0 and 1: yes is 1, no is 0, a scale goes evenly from its lowest value to its
highest. A form's score is the mean of its questions weighted by `weight`; questions that weren't applicable, and those
of kind text, count for nothing. A critical question that is answered with no, or with the lowest value of its scale,
makes the whole score 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, WithJsonSchema, model_validator

from callcenter.acd.config import medium
from callcenter.acd.fields import Model, Name
from callcenter.db import compact

FILE: Final = "quality"
NOT_APPLICABLE: Final = "na"
LONGEST_TEXT: Final = 2000
"""Characters of an answer to a question of kind text."""
MEDIA: Final = ("voice", "chat", "sms", "whatsapp", "messenger", "email")
Medium = Literal["voice", "chat", "sms", "whatsapp", "messenger", "email"]
_Line = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]


def _by_language(value: Any) -> Any:
    return {"": value} if isinstance(value, str) else value


_SCHEMA: Final = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}
Text = Annotated[dict[str, _Line], BeforeValidator(_by_language), Field(min_length=1), WithJsonSchema(_SCHEMA)]
"""Words by language, {en: Greeting, es: Saludo}, or the same for all: Greeting."""
Answer = str | int
"""yes, no, na, a value of a scale, or words."""


class Question(Model):
    """One question of a form."""

    ask: Text
    kind: Literal["yes_no", "scale", "text"] = "yes_no"
    weight: Annotated[int, Field(ge=1, le=100)] = 1
    critical: bool = Field(False, description="answered with no, or the lowest value, the whole evaluation scores 0")
    lowest: Annotated[int, Field(ge=0, le=10)] = Field(1, description="of a scale")
    highest: Annotated[int, Field(ge=1, le=10)] = Field(5, description="of a scale")
    not_applicable: bool = Field(True, description="may be answered so, and then counts for nothing")

    @model_validator(mode="after")
    def _fits(self) -> Question:
        given = self.model_fields_set
        if self.kind != "scale" and given & {"lowest", "highest"}:
            raise ValueError("only a question of `kind: scale` has `lowest` and `highest`")
        if self.kind == "scale" and self.lowest >= self.highest:
            raise ValueError(f"a scale goes up: its lowest value, {self.lowest}, is not below {self.highest}")
        if self.kind == "text" and given & {"weight", "critical"}:
            raise ValueError("a question of `kind: text` has no score: leave out `weight` and `critical`")
        return self

    @property
    def choices(self) -> list[Answer]:
        """What may be answered, the best last; empty where words are."""
        if self.kind == "text":
            return []
        found: list[Answer] = ["no", "yes"] if self.kind == "yes_no" else [*range(self.lowest, self.highest + 1)]
        return [*found, NOT_APPLICABLE] if self.not_applicable else found

    def points(self, answer: Answer) -> float | None:
        """From 0 to 1; None for what has no score."""
        if self.kind == "text" or answer == NOT_APPLICABLE:
            return None
        if self.kind == "yes_no":
            return float(answer == "yes")
        return (int(answer) - self.lowest) / (self.highest - self.lowest)


class Section(Model):
    """Questions that belong together."""

    title: Text
    questions: Annotated[dict[Name, Question], Field(min_length=1)]


class Form(Model):
    """An evaluation form, and the conversations that it is for."""

    title: Text
    queues: list[Name] = Field(default_factory=list, description="by default every queue")
    channels: list[Medium] = Field(default_factory=list, description="by default every channel; voice for calls")
    sections: Annotated[dict[Name, Section], Field(min_length=1)]

    @model_validator(mode="after")
    def _questions(self) -> Form:
        seen: set[str] = set()
        for name, _ in self.questions():
            if name in seen:
                raise ValueError(f"two questions are called '{name}': names of questions are unique in a form")
            seen.add(name)
        if all(one.kind == "text" for _, one in self.questions()):
            raise ValueError("no question has a score: a form has at least one of `kind: yes_no` or `scale`")
        return self

    def questions(self) -> Iterator[tuple[str, Question]]:
        for section in self.sections.values():
            yield from section.questions.items()

    def fits(self, queue: str, channel: str) -> bool:
        """Whether it is for a conversation of this queue ("" for none) and channel."""
        return (not self.queues or queue in self.queues) and (not self.channels or medium(channel) in self.channels)

    @property
    def hash(self) -> str:
        """Names this content: an evaluation keeps the form that it was made with."""
        return hashlib.sha256(compact(self.model_dump(mode="json")).encode()).hexdigest()[:16]


class Sample(Model):
    """How many conversations are drawn at random for evaluation."""

    per_agent: Annotated[int, Field(ge=0, le=100)] = Field(2, description="of each agent and week")


class QualityFile(Model):
    """quality.yaml."""

    sample: Sample = Sample()
    forms: Annotated[dict[Name, Form], Field(min_length=1)]


def from_data(data: object) -> QualityFile | None:
    """The file of a set of flows; None where there is none, or it can't be read (the check tells of it)."""
    try:
        return None if data is None else QualityFile.model_validate(data)
    except ValidationError:
        return None


def said(text: Mapping[str, str], language: str) -> str:
    """Words in a language, else in the first that they are written in."""
    return text.get(language) or next(iter(text.values()))


class WrongAnswers(ValueError):
    """Answers that a form doesn't take; `questions` are the names of those that are missing or wrong."""

    def __init__(self, questions: list[str]) -> None:
        super().__init__(", ".join(questions))
        self.questions = questions


@dataclass(frozen=True, slots=True)
class Score:
    """From 0 to 1; None where nothing was applicable. `failed` are the critical questions that were answered badly:
    they make the `total` 0, and leave the sections as they are."""

    total: float | None
    sections: Mapping[str, float | None]
    failed: list[str] = field(default_factory=list)


def read(form: Form, given: Mapping[str, str], *, complete: bool) -> dict[str, Answer]:
    """The answers in what was sent, by question; empty ones are left out. Raises `WrongAnswers`, for questions with a
    score that are missing only where all must be there (`complete`)."""
    found: dict[str, Answer] = {}
    wrong = []
    for name, question in form.questions():
        text = given.get(name, "").strip()
        if question.kind == "text":
            if text:
                found[name] = text
            if len(text) > LONGEST_TEXT:
                wrong.append(name)
            continue
        answer = next((one for one in question.choices if str(one) == text), None)
        if answer is not None:
            found[name] = answer
        elif text or complete:
            wrong.append(name)
    if wrong:
        raise WrongAnswers(wrong)
    return found


def score(form: Form, answers: Mapping[str, Answer]) -> Score:
    """Of answers that `read` took; those that are missing count as not applicable."""
    sections: dict[str, float | None] = {}
    failed: list[str] = []
    points = weights = 0.0
    for title, section in form.sections.items():
        of_section = weight_of_section = 0.0
        for name, question in section.questions.items():
            got = question.points(answers.get(name, NOT_APPLICABLE))
            if got is None:
                continue
            of_section += got * question.weight
            weight_of_section += question.weight
            if question.critical and got == 0:
                failed.append(name)
        sections[title] = of_section / weight_of_section if weight_of_section else None
        points, weights = points + of_section, weights + weight_of_section
    total = None if not weights else 0.0 if failed else points / weights
    return Score(total, sections, failed)
