"""Running a scripted call on a `Phone`: any channel's. Offline, `rehearse` makes the phone too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from ivr.flow.effects import RunAction, Transfer
from ivr.flow.inputs import ActionDone, TransferEnded
from ivr.flow.problems import Mark, Problem
from ivr.flow.session import Session
from ivr.rehearsal.actions import ActionRunner, Answer
from ivr.rehearsal.phone import Facts, Heard, Phone, Sent
from ivr.rehearsal.script import Channel, Line, Message, Script, data_matches, is_id
from ivr.rehearsal.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the transcript: who, and what."""

    who: str
    what: str
    at: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What came of a scripted call. `problems` is empty when it went as written; otherwise it names script lines."""

    script: Script
    channel: Channel
    problems: list[Problem] = field(default_factory=list)
    transcript: list[Said] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)
    rest: str = ""
    """What follows in the prompt that a script's line was heard in: the next line may be there too."""

    @property
    def passed(self) -> bool:
        return not self.problems


class ScriptedActions:
    """Actions that come to what the script says, in order; the last result stands for all further runs. Without any,
    `sandbox` runs the action if the script allows it. `missing` lists those that neither could answer."""

    def __init__(self, script: Script, sandbox: ActionRunner | None = None) -> None:
        self._results = {name: list(results) for name, results in script.call.actions.items()}
        self._sandbox = sandbox if script.call.sandbox else None
        self.missing: list[str] = []

    def __call__(self, action: RunAction, session: Session, now: dt.datetime) -> Answer:
        results = self._results.get(action.name)
        if results:
            result = results.pop(0) if len(results) > 1 else results[0]
            return ActionDone(action.call, result.exit, dict(result.data)), result.takes
        if self._sandbox is not None:
            return self._sandbox(action, session, now)
        self.missing.append(action.name)
        return ActionDone(action.call, "failed"), 0.0


def scripted_transfers(script: Script) -> Callable[[Transfer], TransferEnded]:
    """Transfers that end as the script says, in order; answered, if it doesn't say."""
    results = list(script.call.transfers)
    return lambda transfer: TransferEnded(results.pop(0) if results else "answered")


def rehearse(script: Script, channel: Channel, sandbox: ActionRunner | None = None) -> Outcome:
    """Run a scripted call offline, on a simulated clock."""
    script = script.on(channel)
    actions = ScriptedActions(script, sandbox)
    phone = Simulator(
        script.flows,
        actions,
        begin=script.begin,
        speech=script.call.speech,
        text=channel == "text",
        thread=script.call.thread,
        caller=script.call.caller,
        called=script.call.called,
        attestation=script.call.attestation,
        language=script.call.language,
        transfers=scripted_transfers(script),
        agents=script.call.agents,
        assisted=script.call.assisted,
        campaign=script.call.campaign,
        earlier=script.call.earlier.as_input() if script.call.earlier else None,
        announcement=script.call.emergency.as_input(script.flows) if script.call.emergency else None,
    )
    outcome = perform(script, channel, phone.start())
    for name in dict.fromkeys(actions.missing):
        what = f"the flow runs the action {name}, but the script has no result for it"
        fix = f"add `actions: {{{name}: [{{exit: ...}}]}}`, or `sandbox: true`"
        outcome.problems.insert(0, Problem(script.mark("actions"), what, fix, "no_result"))
    return outcome


def perform(script: Script, channel: Channel, phone: Phone) -> Outcome:
    """Play the caller's part on a phone that is connected, up to the first mismatch; then look at the facts."""
    script = script.on(channel)
    outcome = Outcome(script, channel)
    for index, line in enumerate(script.call.script):
        problem = _do(line, phone, outcome, script.mark("script", index, line.verb))
        if problem is not None:
            outcome.problems.append(problem)
            break
    else:
        _listen(phone, outcome, lambda heard: False)
    outcome.facts = phone.facts()
    if outcome.passed:
        outcome.problems.extend(_expectations(script, outcome))
    return outcome


def _do(line: Line, phone: Phone, outcome: Outcome, mark: Mark) -> Problem | None:
    for wanted in line.hears or ():
        if not is_id(wanted) and (found := outcome.rest.find(_plain(wanted))) >= 0:
            outcome.rest = outcome.rest[found + len(_plain(wanted)) :]
            continue
        heard = _listen(phone, outcome, partial(matches, wanted))
        if not heard or not matches(wanted, heard[-1]):
            got = "; ".join(_shown(one) for one in heard) or "nothing more"
            over = " and the call is over" if phone.ended else ""
            what = f"expected to hear '{wanted}', but heard: {got}{over}"
            return Problem(mark, what, "compare the script with the flow at this point", "not_heard")
        said = _plain(heard[-1].text)
        outcome.rest = said if is_id(wanted) else said.partition(_plain(wanted))[2]
    if line.verb in ("presses", "says", "waits") and phone.ended:
        return Problem(mark, "the call is over already", "remove this line, or see why the flow let go", "ended")
    if line.hears is None:
        outcome.rest = ""
    if line.verb in ("presses", "says"):
        # What was said until now is no answer to this: a later `hears` must not find it.
        _listen(phone, outcome, lambda heard: False, patient=False)
    if line.verb != "hears":
        shown = {"presses": line.presses, "says": line.says, "waits": f"{line.waits or 0:g} s"}.get(line.verb) or ""
        outcome.transcript.append(Said("caller", f"{line.verb.replace('_', ' ')} {shown}".strip()))
    if line.presses is not None:
        phone.press(line.presses)
    elif line.says is not None:
        phone.say(line.says)
    elif line.waits is not None:
        phone.wait(line.waits)
    elif line.hangs_up:
        phone.hang_up()
    return None


def _listen(phone: Phone, outcome: Outcome, until: Callable[[Heard], bool], *, patient: bool = True) -> Sequence[Heard]:
    heard = phone.listen(until, patient=patient)
    outcome.transcript.extend(Said("flow", _shown(one), one.at) for one in heard)
    return heard


def _shown(heard: Heard) -> str:
    return f"[{heard.id}] {heard.text}" if heard.id else heard.text


def matches(wanted: str, heard: Heard) -> bool:
    """Whether this was heard: by the prompt's id, its variants included, or by words contained in it."""
    if is_id(wanted):
        return heard.id in (wanted, f"{wanted}_text", f"{wanted}_speech")
    return _plain(wanted) in _plain(heard.text)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _expectations(script: Script, outcome: Outcome) -> Iterator[Problem]:
    expect, facts = script.call.expect, outcome.facts

    def problem(what: str, *path: object) -> Problem:
        return Problem(script.mark("expect", *path), what, "correct the flow or the expectation", "expectation")

    for slot, value in expect.slots.items():
        found = facts.slots.get(slot)
        if not data_matches(value, found):
            yield problem(f"the slot '{slot}' is {found!r}, not {value!r}", "slots", slot)
    for name in ("outcome", "language"):
        wanted, found = getattr(expect, name), getattr(facts, name)
        if wanted is not None and wanted != found:
            yield problem(f"the {name} is '{found}', not '{wanted}'", name)
    if expect.actions is not None and list(facts.actions) != expect.actions:
        yield problem(f"the actions were [{', '.join(facts.actions)}]", "actions")
    for index, message in enumerate(expect.messages):
        if not any(_same(message, sent) for sent in facts.messages):
            sent_ = "; ".join(f"{sent.channel} to {sent.to}: {sent.body}" for sent in facts.messages) or "none"
            yield problem(f"no such message was sent; there was: {sent_}", "messages", index)
    for index, unwanted in enumerate(expect.not_heard):
        for said in outcome.transcript:
            if said.who == "flow" and _unwanted(unwanted, said.what):
                yield problem(f"this was heard: {said.what}", "not_heard", index)
                break


def _unwanted(word: str, shown: str) -> bool:
    if is_id(word):
        return shown.startswith((f"[{word}]", f"[{word}_text]"))
    return _plain(word) in _plain(shown.partition("] ")[2] or shown)


def _same(wanted: Message, sent: Sent) -> bool:
    return (
        wanted.channel in (None, sent.channel)
        and wanted.to in (None, sent.to)
        and (wanted.body is None or _plain(wanted.body) in _plain(sent.body))
        and (wanted.subject is None or _plain(wanted.subject) in _plain(sent.subject))
    )
