"""What a channel, a timer or a finished job does to a flow. Frozen, and JSON through `to_json`/`from_json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args


@dataclass(frozen=True, slots=True)
class Earlier:
    """A conversation that the same customer left before its end: where it stood (`stack`, innermost last; `trail` are
    the questions before), the slots given without secrets, and whose it was. `answered` names all that the customer
    has answered lately, in this or other conversations. With an `exit` the other conversation has been handed over to
    this one: it goes on without a question, by that exit of the step where it stood."""

    session: str = ""
    contact: str = ""
    language: str = ""
    stack: tuple[Any, ...] = ()
    trail: tuple[Any, ...] = ()
    slots: dict[str, Any] = field(default_factory=dict, repr=False)
    answered: tuple[str, ...] = ()
    exit: str = ""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What callers are told before anything else, because a supervisor said so: `words` by language, exactly as they
    stand; `prompt` is the prompt that they are taken from, if it is one. `then` is what comes after it for whoever
    isn't waiting for an agent. A session hears one `id` once."""

    id: str
    words: dict[str, str]
    prompt: str = ""
    then: Literal["continue", "hang_up", "voicemail"] = "continue"


@dataclass(frozen=True, slots=True)
class Started:
    """The caller is connected (or the first text message came). `earlier` is what they may go on with, `announcement`
    what they hear first. `flow` begins instead of the company's, for those whom we have called."""

    earlier: Earlier | None = None
    announcement: Announcement | None = None
    flow: str = ""


@dataclass(frozen=True, slots=True)
class Announced:
    """Something is announced to a contact that is there already: one that waits for an agent, or a thread of messages.
    The other channels of a flow tell it to newcomers only."""

    announcement: Announcement


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that answered a `Collect`; empty means that the caller pressed nothing in time.

    `*` alone asks to hear it again, `#` alone to go back; a finishing `#` is not part of `digits`.
    """

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Words:
    """Words that answered a `Collect`: a text message, or recognised speech with its confidence (0 to 1).

    `unheard`: the caller spoke, but no recogniser could be asked what; it is not the caller's fault.
    """

    text: str = field(repr=False)
    confidence: float = 1.0
    alternatives: tuple[str, ...] = field(default=(), repr=False)
    unheard: bool = False


@dataclass(frozen=True, slots=True)
class ActionDone:
    """An action ended: the exit it took and what it returned. `call` is the number of the `RunAction` it answers."""

    call: int
    exit: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording ended. `reference` names it in storage, "" if nothing could be kept."""

    reference: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TransferEnded:
    result: Literal["answered", "busy", "no_answer", "failed"]


@dataclass(frozen=True, slots=True)
class Queued:
    """The contact waits, and here is what may be told of that: `position` counts from 1, the wait is between `low` and
    `high` seconds; `None` is not to be said. The first one answers `Enqueue`; more may follow while it waits.
    `announcement`: what callers of this queue are told. `callback`: the queue's rule says to offer one now."""

    position: int | None = None
    low: float | None = None
    high: float | None = None
    announcement: Announcement | None = None
    callback: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The contact can't wait there (any longer). `nobody`: no agent of the queue has signed in. `announcement`: what
    callers of this queue are told. `callback`: the person waits for one already, to be made to `number` and `at` that
    time (2026-01-31T15:00 on the company's clock, "" when the turn comes)."""

    why: Literal["closed", "full", "nobody", "max_wait", "callback", "failed"]
    announcement: Announcement | None = None
    at: str = ""
    number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Served:
    """An agent has served the contact, which is still there: given back to the flow."""

    agent: str = ""


@dataclass(frozen=True, slots=True)
class CallbackBooked:
    """Whether the callback was booked, or given up; `why` not: bad_number, closed, too_far, none (there was none to
    give up), failed. `at` is when it will be made, after `closed` the next possible time, after `too_far` the last:
    2026-01-31T15:00 on the company's clock, "" when the turn comes or where there is no such time."""

    booked: bool
    why: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller is gone. `lost`: nobody told us, but nothing has been heard of the call for hours."""

    lost: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """The channel could not do what the flow asked for; the caller must hear something else."""

    what: str


Input = (
    Started
    | Announced
    | Keys
    | Words
    | ActionDone
    | Recorded
    | TransferEnded
    | Queued
    | Refused
    | Served
    | CallbackBooked
    | HungUp
    | Fault
)
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Input)}


def to_json(given: Input) -> dict[str, Any]:
    return {"input": type(given).__name__, **asdict(given)}


def from_json(data: dict[str, Any]) -> Input:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key != "input"
    }
    if fields.get("earlier") is not None:
        fields["earlier"] = Earlier(**fields["earlier"])
    if fields.get("announcement") is not None:
        fields["announcement"] = Announcement(**fields["announcement"])
    given: Input = _KINDS[data["input"]](**fields)
    return given
