"""What a scripted call is: what it may say, and a `Script` of it on the flows that it runs on. `reading` reads them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from ivr.flow.inputs import Announcement, Earlier
from ivr.flow.model import FlowSet, Model, Seconds
from ivr.flow.problems import Mark
from ivr.flow.yaml_source import Node

Channel = Literal["voice", "text"]
Thread = Literal["text", "sms", "email", "chat", "whatsapp", "messenger"]


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _written(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _line(value: Any) -> Any:
    return {value: True} if value == "hangs_up" else value


Words = Annotated[str, BeforeValidator(_written), Field(min_length=1)]


class Line(Model):
    """One line of a script: what the caller hears or does. Exactly one of these."""

    hears: Annotated[list[Words], BeforeValidator(_several)] | None = None
    presses: Annotated[str, BeforeValidator(_written), Field(pattern=r"^[0-9*#]+$")] | None = None
    says: Words | None = None
    waits: Seconds | None = None
    hangs_up: Literal[True] | None = None

    @property
    def verb(self) -> str:
        return next(iter(self.model_fields_set), "")


class Result(Model):
    """What an action comes to: its exit, what it returns, and the time that it takes."""

    exit: str
    data: dict[str, Any] = Field(default_factory=dict)
    takes: Seconds = 0


class Emergency(Model):
    """What a supervisor has callers told: words by language, or a prompt."""

    words: dict[str, Words] = Field(default_factory=dict)
    prompt: str = ""
    then: Literal["continue", "hang_up", "voicemail"] = "continue"

    def as_input(self, flows: FlowSet) -> Announcement:
        texts = {language: found[self.prompt] for language, found in flows.texts.items() if self.prompt in found}
        return Announcement("rehearsal", dict(self.words) or texts, self.prompt, self.then)


class WhileWaiting(Model):
    """What a supervisor has those told who wait."""

    after: Seconds = Field(description="how long the caller has waited then")
    words: dict[str, Words] = Field(min_length=1)


class WaitingCallback(Model):
    """A callback that the caller waits for already."""

    number: Words
    at: dt.datetime | None = Field(None, description="the chosen time, on the company's clock; by default in turn")


class Agents(Model):
    """What comes of waiting for an agent. Where a script has none, nobody has signed in."""

    refused: Literal["closed", "full", "nobody", "max_wait", "failed"] | None = Field(
        None, description="why there is no place"
    )
    position: int | None = Field(None, ge=1, description="the place in the queue that is told first")
    wait: list[Seconds] | None = Field(None, min_length=2, max_length=2, description="the estimate: from, to")
    again_after: Seconds | None = Field(None, description="when the caller is told again that the wait goes on")
    answers_after: Seconds | None = Field(None, description="how long until an agent answers; by default none does")
    waiting: int | None = Field(None, ge=1, description="how many are in the queue; by default as `position` says")
    waited: Seconds = Field(0, description="how long the caller has been waiting before, in another queue")
    callback: WaitingCallback | None = Field(None, description="a callback that the caller waits for already")
    announced: WhileWaiting | None = Field(None, description="what is announced while the caller waits")
    gives_back: bool = Field(False, description="whether the agent gives the caller back to the flow in the end")


class EarlierCall(Model):
    """An earlier conversation of the same customer, which was cut off."""

    dropped_at: Annotated[list[str], BeforeValidator(_several)] = Field(
        min_length=1,
        description="the step where it was, most often a question: flow.step, before it the steps that call that flow",
    )
    asked: list[Annotated[list[str], BeforeValidator(_several)]] = Field(
        default_factory=list, description="the questions before, each written in the same way"
    )
    slots: dict[str, Any] = Field(default_factory=dict, description="what was given until then")
    handed_over: str = Field(
        "", description="the exit of the step `dropped_at` by which this conversation goes on, where a link led to it"
    )

    def as_input(self) -> Earlier:
        def places(names: list[str]) -> tuple[tuple[str, str], ...]:
            return tuple((name.partition(".")[0], name.partition(".")[2]) for name in names)

        return Earlier(
            session="earlier",
            contact="earlier",
            stack=places(self.dropped_at),
            trail=tuple(places(question) for question in self.asked),
            slots=dict(self.slots),
            answered=tuple(self.slots),
            exit=self.handed_over,
        )


class Message(Model):
    """A message that must have been sent; `body` and `subject` are words contained in it."""

    channel: Literal["sms", "email", "whatsapp"] | None = None
    to: str | None = None
    body: str | None = None
    subject: str | None = None


class Expect(Model):
    """What must hold when the call is over. `slots` may name only some; of a mapping, only some of its parts."""

    slots: dict[str, Any] = Field(default_factory=dict)
    outcome: str | None = None
    language: str | None = None
    actions: list[str] | None = None
    messages: list[Message] = Field(default_factory=list)
    not_heard: Annotated[list[Words], BeforeValidator(_several)] = Field(default_factory=list)


class TextVariant(Model):
    """The same matter in a thread of messages: what is heard and written there, and what comes of it."""

    script: list[Annotated[Line, BeforeValidator(_line)]] = Field(min_length=1)
    expect: Expect = Expect()


class ScriptedCall(Model):
    """A whole call: who calls when, what actions come to, what is heard and done, and what is expected at the end."""

    call: str | None = Field(None, description="the flow's file; by default the company's start")
    note: str | None = None
    channels: list[Channel] = Field(["voice"], min_length=1)
    thread: Thread = Field("text", description="what `channel` is for the flow where the call runs in messages")
    at: dt.datetime = Field(dt.datetime(2026, 1, 5, 10, 0), description="when, on the company's clock")
    caller: str = "+15550100"
    called: str = "+15550199"
    attestation: Literal["", "A", "B", "C", "passed", "failed", "none"] = Field(
        "", description="how far the network vouches for the caller's number"
    )
    language: str | None = None
    speech: bool = Field(False, description="whether what is said on the telephone is recognised")
    sandbox: bool = Field(False, description="run actions that have no results here for real, on sandbox data")
    actions: dict[str, list[Result]] = Field(default_factory=dict, description="results of actions, by name, in order")
    transfers: list[Literal["answered", "busy", "no_answer", "failed"]] = Field(default_factory=list)
    agents: Agents | None = None
    emergency: Emergency | None = Field(None, description="what is announced to all who call")
    assisted: dict[str, Any] | None = Field(
        None, description="an agent on the line has begun the company's payment flow; the slots that both agreed on"
    )
    campaign: dict[str, Words] | None = Field(
        None, description="we call, by a campaign whose calls run the flow of `call`; what its list says, by column"
    )
    earlier: EarlierCall | None = Field(None, description="a conversation of before that may be gone on with")
    script: list[Annotated[Line, BeforeValidator(_line)]] = Field(min_length=1)
    expect: Expect = Expect()
    text: TextVariant | None = Field(None, description="how it goes in messages, where that is different")

    @property
    def begun_by_us(self) -> bool:
        """Whether it isn't the customer who calls or writes."""
        return self.assisted is not None or self.campaign is not None


@dataclass(frozen=True)
class Script:
    """A scripted call with the flows that it runs on. `name` is its file's, without `.yaml`."""

    name: str
    call: ScriptedCall
    flows: FlowSet
    node: Node
    within: tuple[str, ...] = ()

    def mark(self, *path: Any) -> Mark:
        return self.node.at((*self.within, *path) if path[:1] in (("script",), ("expect",)) else path)

    def on(self, channel: Channel) -> Script:
        """The script as it goes on this channel."""
        variant = self.call.text
        if channel != "text" or variant is None or self.within:
            return self
        call = self.call.model_copy(update={"script": variant.script, "expect": variant.expect})
        return replace(self, call=call, within=("text",))

    @property
    def begin(self) -> dt.datetime:
        """When the call begins: an aware datetime."""
        zone = ZoneInfo(self.flows.company.timezone)
        return self.call.at.replace(tzinfo=zone) if self.call.at.tzinfo is None else self.call.at.astimezone(zone)


def is_id(word: str) -> bool:
    """Whether `hears` names a prompt rather than words: it has a dot inside and no space."""
    return "." in word.strip(".") and " " not in word and word.islower()


def data_matches(expected: Any, found: Any) -> bool:
    """Whether a value is as expected; of a mapping, only the expected parts count."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        return all(key in found and data_matches(value, found[key]) for key, value in expected.items())
    return bool(expected == found) and isinstance(expected, bool) == isinstance(found, bool)
