"""Scripted calls: YAML files in `flows/calls/`, read with the place of every line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from ivr.flow.inputs import Announcement, Earlier
from ivr.flow.load import validated
from ivr.flow.model import FlowSet, Model, Seconds
from ivr.flow.problems import FlowError, Mark, Problem, nearest
from ivr.flow.yaml_source import Node, read

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
    earlier: EarlierCall | None = Field(None, description="a conversation of before that may be gone on with")
    script: list[Annotated[Line, BeforeValidator(_line)]] = Field(min_length=1)
    expect: Expect = Expect()
    text: TextVariant | None = Field(None, description="how it goes in messages, where that is different")


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


def read_scripts(folder: Path, flows: FlowSet) -> tuple[list[Script], list[Problem]]:
    """All scripted calls of a folder, and every mistake in them."""
    scripts, problems = [], []
    for path in sorted(path for path in folder.glob("*.y*ml") if path.suffix in (".yaml", ".yml")):
        try:
            scripts.append(read_script(path, flows))
        except FlowError as error:
            problems += error.problems
    return scripts, problems


def read_script(path: Path, flows: FlowSet) -> Script:
    """One scripted call. Raises `FlowError` with every mistake at its place."""
    node = read(path)
    problems = list(_shape(node))
    if problems:
        raise FlowError(problems)
    call = validated(ScriptedCall, node)
    problems = list(_sense(call, node, flows))
    if problems:
        raise FlowError(problems)
    if call.text is not None and "text" not in call.channels:
        call = call.model_copy(update={"channels": [*call.channels, "text"]})
    return Script(path.stem, call, _starting(flows, call.call), node)


def _starting(flows: FlowSet, call: str | None) -> FlowSet:
    if call is None:
        return flows
    return replace(flows, company=flows.company.model_copy(update={"start": Path(call).stem, "channels": {}}))


def _shape(node: Node) -> Iterator[Problem]:
    """Each line of a script has exactly one verb; told here for the sake of better words."""
    lines = node.value.get("script") if isinstance(node.value, dict) else None
    for line in lines.value if lines is not None and isinstance(lines.value, list) else ():
        verbs = tuple(Line.model_fields)
        if isinstance(line.value, dict) and len(line.value) != 1:
            yield Problem(line.mark, "a line of a script does one thing", f"write one of: {', '.join(verbs)}", "script")
        elif isinstance(line.value, str) and line.value != "hangs_up":
            yield Problem(line.mark, f"'{line.value}' is no line of a script", "write `hears: ...`", "script")
        elif isinstance(line.value, dict) and (verb := next(iter(line.value))) not in verbs:
            yield Problem(line.keys[verb], f"a script has no '{verb}'", nearest(verb, verbs), "script")


def _sense(call: ScriptedCall, node: Node, flows: FlowSet) -> Iterator[Problem]:
    if call.call is not None and Path(call.call).stem not in flows.flows:
        fix = nearest(Path(call.call).stem, flows.flows)
        yield Problem(node.at(("call",)), f"there is no flow '{call.call}'", fix, "unknown_flow")
    if call.language is not None and call.language not in flows.company.languages:
        fix = nearest(call.language, flows.company.languages)
        yield Problem(node.at(("language",)), f"'{call.language}' is not the company's", fix, "unknown_language")
    yield from _announced(call, node, flows)
    if call.assisted is not None and flows.company.payment is None:
        fix = "name the flow by which agents take payments under `payment` in company.yaml"
        yield Problem(node.at(("assisted",)), "agents take no payments here", fix, "no_payment")
    for name, results in call.actions.items():
        spec = flows.actions.get(name)
        if spec is None:
            mark = node.at(("actions", name))
            yield Problem(mark, f"there is no action '{name}'", nearest(name, flows.actions), "unknown_action")
            continue
        for index, result in enumerate(results):
            exits = (*spec.exits, "failed")
            if result.exit not in exits:
                mark = node.at(("actions", name, index, "exit"))
                yield Problem(mark, f"{name} has no exit '{result.exit}'", nearest(result.exit, exits), "bad_exit")
            for key in result.data:
                if key not in spec.returns:
                    mark = node.at(("actions", name, index, "data", key))
                    yield Problem(mark, f"{name} returns no '{key}'", nearest(key, spec.returns), "unknown_slot")
    for index, question in enumerate([call.earlier.dropped_at, *call.earlier.asked] if call.earlier else ()):
        at = ("earlier", "dropped_at") if not index else ("earlier", "asked", index - 1)
        for name in question:
            flow, _, step = name.partition(".")
            if flow not in flows.flows or step not in flows.flows[flow].steps:
                places = [f"{known}.{one}" for known, found in flows.flows.items() for one in found.steps]
                yield Problem(node.at(at), f"there is no step '{name}'", nearest(name, places), "unknown_step")
    if call.earlier is not None and call.earlier.handed_over:
        flow, _, step = call.earlier.dropped_at[-1].partition(".")
        found = flows.flows[flow].steps.get(step) if flow in flows.flows else None
        exits = found.ways_out(flows) if found is not None else ()
        if found is not None and call.earlier.handed_over not in exits:
            what = f"'{flow}.{step}' has no exit '{call.earlier.handed_over}'"
            fix = nearest(call.earlier.handed_over, exits)
            yield Problem(node.at(("earlier", "handed_over")), what, fix, "bad_exit")
    known = {id for texts in flows.texts.values() for id in texts}
    for index, line in enumerate(call.script):
        for word in line.hears or ():
            yield from _heard(word, node.at(("script", index, "hears")), known)
    for index, word in enumerate(call.expect.not_heard):
        yield from _heard(word, node.at(("expect", "not_heard", index)), known)
    if call.text is not None:
        for index, line in enumerate(call.text.script):
            for word in line.hears or ():
                yield from _heard(word, node.at(("text", "script", index, "hears")), known)
        for index, word in enumerate(call.text.expect.not_heard):
            yield from _heard(word, node.at(("text", "expect", "not_heard", index)), known)


def _announced(call: ScriptedCall, node: Node, flows: FlowSet) -> Iterator[Problem]:
    """An emergency says something, in languages that the company speaks."""
    given = call.emergency
    if given is not None and bool(given.words) == bool(given.prompt):
        fix = "write `words: {en: ...}`, or `prompt: emergency.NAME`"
        yield Problem(node.at(("emergency",)), "an emergency has words or a prompt", fix, "script")
    elif given is not None and not given.as_input(flows).words:
        fix = nearest(given.prompt, {id for texts in flows.texts.values() for id in texts})
        yield Problem(node.at(("emergency", "prompt")), f"there is no prompt '{given.prompt}'", fix, "unknown_prompt")
    waiting = call.agents.announced if call.agents is not None else None
    for path, words in (
        (("emergency", "words"), given.words if given is not None else {}),
        (("agents", "announced", "words"), waiting.words if waiting is not None else {}),
    ):
        for language in words:
            if language not in flows.company.languages:
                what, fix = f"'{language}' is not the company's", nearest(language, flows.company.languages)
                yield Problem(node.at((*path, language)), what, fix, "unknown_language")


def _heard(word: str, mark: Mark, known: set[str]) -> Iterator[Problem]:
    """Words with a dot and no space name a prompt, so a misspelt one is found here rather than never heard."""
    if is_id(word) and word not in known:
        yield Problem(mark, f"there is no prompt '{word}'", nearest(word, known), "unknown_prompt")


def is_id(word: str) -> bool:
    """Whether `hears` names a prompt rather than words: it has a dot inside and no space."""
    return "." in word.strip(".") and " " not in word and word.islower()


def data_matches(expected: Any, found: Any) -> bool:
    """Whether a value is as expected; of a mapping, only the expected parts count."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        return all(key in found and data_matches(value, found[key]) for key, value in expected.items())
    return bool(expected == found) and isinstance(expected, bool) == isinstance(found, bool)
