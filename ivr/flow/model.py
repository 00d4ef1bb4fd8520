"""The shape of the admin's files. Pydantic models: they validate, and the editors' JSON Schema is made from them.

A step is one verb: the class with that `verb` in `ivr/flow/verbs/`. What is common to all steps is here.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from ivr.flow.problems import Mark
from ivr.flow.spec import ActionSpec
from ivr.flow.yaml_source import Node

if TYPE_CHECKING:
    from ivr.flow.inputs import Input
    from ivr.flow.intents import Intents
    from ivr.flow.knowledge.articles import Articles
    from ivr.flow.knowledge.library import Knowledge
    from ivr.flow.turn import Leave, Turn

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
PROMPT_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z")


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|h)?", value.strip())
        if not found:
            raise ValueError("is not a duration; write seconds or minutes: 6s, 2m")
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600, None: 1}[found[2]]
    return value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Seconds = Annotated[
    float,
    BeforeValidator(_duration),
    Field(ge=0, le=86_400),
    WithJsonSchema({"type": ["number", "string"], "description": "seconds, or 6s, 2m, 1h"}),
]
Key = Annotated[
    str,
    BeforeValidator(_text),
    Field(pattern=r"^[0-9*#]{1,4}$"),
    WithJsonSchema({"type": ["string", "integer"], "description": "the key or keys to press: 1, 12, '*'"}),
]
Target = Annotated[
    str,
    Field(pattern=r"^(return [a-z][a-z0-9_]*|[a-z][a-z0-9_]*)$"),
    WithJsonSchema(
        {"type": "string", "description": "a step of this flow, or: end, person, back, return, return NAME"}
    ),
]
PromptRef = Annotated[
    str, BeforeValidator(_text), Field(min_length=1, max_length=4000, description="a prompt's id, or the text itself")
]
Expression = Annotated[
    str | int | float | bool,
    Field(description="an expression over slots: bill.balance > 0, account, 'text'", union_mode="left_to_right"),
]
SlotName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="the slot to fill")]

SPECIAL = ("end", "person", "back", "return")
"""Targets that are no steps: let go, the route to a person, the question before, back to the calling flow."""

FALLBACK = {"no_input": "person", "no_match": "person", "failed": "person"}
"""Where exits lead that a step doesn't name."""


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class StepModel(Model, ABC):
    """What every step may have besides its verb.

    A verb's class says what it needs of a channel (`needs`), which exits it has (`ways_out`), what it says and
    reads and fills (for the check), and what happens: `enter` when the call arrives at the step and `resume` with
    the Input that it waited for. Both give the exit that the call leaves by, or what `turn` gave them to wait.
    """

    verb: ClassVar[str]
    asks: ClassVar[bool] = False
    """Whether callers answer here: `#` goes back to such steps."""
    parts: ClassVar[frozenset[str]] = frozenset()
    """The names after the dot of the slots that it fills: none for plain values."""
    waits: ClassVar[bool] = False
    """Whether it takes the caller's time: a loop that holds no such step would run for ever."""

    next: Target | None = Field(None, description="where to go from here (the exit `done`)")
    exits: dict[str, Target] = Field(default_factory=dict, description="where each exit leads")
    note: str | None = Field(None, description="a remark for whoever reads this file")

    def needs(self) -> frozenset[str]:
        """The capabilities without which a channel takes the exit `unsupported` (see `ivr.flow.session`)."""
        return frozenset()

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        """The exits that this step can take, `unsupported` left out."""
        return ("done",)

    def targets(self) -> Iterator[tuple[tuple[Any, ...], str, str]]:
        """Every (path within the step, exit, target) that is written in it."""
        if self.next is not None:
            yield ("next",), "done", self.next
        for name, target in self.exits.items():
            yield ("exits", name), name, target

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        """Every (path, prompt reference) that it may say."""
        yield from ()

    def system_prompts(self) -> Iterable[str]:
        """The ids under `system.` that it may say."""
        return ()

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        """Every (path, expression) that it evaluates, prompts left out."""
        yield from ()

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        """The slots that it fills, each with the exits on which that slot is filled for sure."""
        return {}

    def fills_secret(self) -> frozenset[str]:
        """Those of its slots that are secret."""
        return frozenset()

    def target(self, exit: str) -> str | None:
        """Where an exit leads, defaults included; `None` if nowhere."""
        for _, name, target in self.targets():
            if name == exit:
                return target
        return FALLBACK.get(exit)

    @abstractmethod
    def enter(self, turn: Turn) -> Leave:
        """The call arrives at this step."""

    def resume(self, turn: Turn, given: Input) -> Leave:
        """The Input that this step waited for has come. Verbs that wait for something say what then."""
        raise TypeError(f"{self.verb!r} waits for nothing")


class GlobalKeys(Model):
    """Keys that work wherever the caller answers, unless the step uses them itself."""

    person: Key = "0"
    repeat: Key = "*"
    back: Key = "#"


class Confidence(Model):
    """How sure (0 to 1) words must be: taken from `accept` on, confirmed with the caller from `confirm` on, otherwise
    not believed. What a step leaves out is the company's."""

    accept: float | None = Field(None, ge=0, le=1, description="taken without asking, by default 0.75")
    confirm: float | None = Field(None, ge=0, le=1, description="taken if the caller confirms, by default 0.4")


class Defaults(Model):
    """Defaults for every step; a step may override each."""

    timeout: Seconds = Field(6, description="how long to wait for the first key")
    between_keys: Seconds = Field(3, description="how long to wait for the next key")
    attempts: int = Field(3, ge=1, le=10, description="how often to ask before the exit no_input or no_match")
    barge_in: bool = Field(True, description="whether a key cuts the prompt short")
    speech: bool = Field(True, description="whether callers may speak, where the channel understands speech")
    voice_barge_in: bool = Field(True, description="whether the caller's voice cuts the prompt short")
    confidence: Confidence = Confidence(accept=0.75, confirm=0.4)
    keys_only_after: int = Field(2, ge=1, le=10, description="answers not understood before only keys are taken")
    filler_after: Seconds = Field(2, description="when to say system.filler during a slow action")


class Limits(Model):
    """What `callwright check` accepts."""

    menu_seconds: float = Field(25, gt=0, description="speech in one menu")
    menu_choices: int = Field(6, ge=1)
    menu_depth: int = Field(3, ge=1, description="menus between the start and any step")


class Resume(Model):
    """Whoever was cut off, and calls back or writes, is offered to go on where they were."""

    window: Seconds = Field(3600, description="how long after: 30m, 2h")
    offer: PromptRef = Field("system.resume", description="what to ask; the answer is yes or no")


QuietHours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
"""From when until when on the customer's clock: 21:00-08:00."""


class Company(Model):
    """flows/company.yaml: what holds for all flows."""

    name: str
    timezone: str = "UTC"
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    country: str = Field("US", pattern=r"^[A-Z]{2}$", description="for telephone numbers written without a country")
    dial_countries: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] = Field(
        default_factory=list,
        description="the countries where customers may be called back at numbers they gave: [US, CA]; by default that "
        "of `country`",
    )
    languages: list[str] = Field(default_factory=lambda: ["en"], min_length=1, description="the first is the default")
    start: str = Field("main", description="the flow that answers")
    channels: dict[Literal["voice", "text"], str] = Field(
        default_factory=dict, description="another start for some channels"
    )
    person: str | None = Field(None, description="the flow that leads to a person: key 0, and where faults go")
    voicemail: str | None = Field(None, description="the flow that takes a message after an emergency announcement")
    payment: str | None = Field(None, description="the flow by which an agent on the line takes a payment")
    keys: GlobalKeys = GlobalKeys()
    defaults: Defaults = Defaults()
    limits: Limits = Limits()
    resume: Resume | None = Field(None, description="going on after being cut off; by default nobody is asked")
    quiet_hours: dict[Literal["sms", "whatsapp", "messenger", "email", "chat"], QuietHours] = Field(
        default_factory=dict, description="when customers get no notices and reminders, by channel: sms: 21:00-08:00"
    )

    def start_for(self, capabilities: frozenset[str]) -> str:
        if "assisted" in capabilities and self.payment is not None:
            return self.payment
        return self.channels.get("voice" if "voice" in capabilities else "text", self.start)


@dataclass(frozen=True)
class Flow:
    """One flow file. `node` keeps the places of all of it for messages."""

    name: str
    start: str
    steps: Mapping[str, StepModel]
    file: str
    node: Node

    def mark(self, step: str, path: tuple[Any, ...] = ()) -> Mark:
        return self.node.at(("steps", step, *path))


@dataclass(frozen=True)
class FlowSet:
    """All of an admin's files, loaded: what a session is pinned to by `hash`."""

    company: Company
    flows: Mapping[str, Flow]
    texts: Mapping[str, Mapping[str, str]]
    """Prompt texts by language and id."""
    marks: Mapping[tuple[str, str], Mark]
    """Where each (language, id) stands."""
    actions: Mapping[str, ActionSpec]
    files: Mapping[str, Any] = field(default_factory=dict)
    """Data files that are no flows, by name without `.yaml` (business_hours)."""
    nodes: Mapping[str, Node] = field(default_factory=dict)
    """What those files and company.yaml hold, with places, by name."""
    hash: str = ""
    articles: Articles = field(default_factory=dict)
    """The knowledge base's articles by language and name."""

    @cached_property
    def knowledge(self) -> Knowledge:
        """What finds articles by somebody's words. Its indexes are made when they are first used."""
        from ivr.flow.knowledge.library import Knowledge

        return Knowledge(self)

    @cached_property
    def intents(self) -> Intents:
        """What intents.yaml holds. Its classifiers are trained when they are first used, or by `intents.train()`."""
        from ivr.flow.intents import Intents

        return Intents(self)

    @cached_property
    def memo(self) -> dict[Any, Any]:
        """What others have computed from these files, to be computed once."""
        return {}

    @cached_property
    def default_language(self) -> str:
        return self.company.languages[0]

    def text(self, language: str, id: str) -> str | None:
        """A prompt's text in that language, else in the default language, else `None`."""
        for tongue in (language, self.default_language):
            found = self.texts.get(tongue, {}).get(id)
            if found is not None:
                return found
        return None
