"""What a flow wants of the world. Channels and the runner carry them out, after the session is committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ivr.prompts.parts import Prompt


@dataclass(frozen=True, slots=True)
class Say:
    """Say this. Keys pressed meanwhile are kept for the next `Collect`; with `barge_in` they also cut it short."""

    prompt: Prompt
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to answer: by key, or by words (text and speech). `label` is written in a numbered list."""

    key: str
    label: Prompt
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collect:
    """Say `prompts`, then wait for an answer in keys or words. Answered by `Keys` or `Words`.

    `accept` lists the complete answers of a menu (each one or more keys); empty for a number of `at_least` to
    `at_most` keys. `point` is the key that stands for a decimal point ("" for none). Times are in seconds.
    `kind` is what is asked for (the answer type's name, "menu" or "open"); `secret` answers are never logged.

    For channels that recognise speech: with `speech` words are welcome too; `phrases` are what can be said here, in
    `language`, and with `open` anything else as well. Speech has ended after `end_silence` seconds of silence, or when
    it takes `max_seconds`; `voice_barge_in` lets it cut the prompt short, as `barge_in` does for keys.
    """

    prompts: tuple[Prompt, ...]
    kind: str
    accept: tuple[str, ...] = ()
    at_least: int = 1
    at_most: int = 1
    point: str = ""
    finish_on: str = "#"
    first_timeout: float = 6.0
    between_keys: float = 3.0
    barge_in: bool = True
    secret: bool = False
    choices: tuple[Choice, ...] = ()
    hints: tuple[str, ...] = ()
    speech: bool = False
    phrases: tuple[str, ...] = ()
    open: bool = False
    language: str = ""
    end_silence: float = 0.8
    max_seconds: float = 15.0
    voice_barge_in: bool = True


@dataclass(frozen=True, slots=True)
class RunAction:
    """Run a self-service action; answered by `ActionDone(call=...)`.

    `call` numbers it within the session, so that a repeated run is recognised (the idempotency key is session and
    call). After `filler_after` seconds `filler` is said; after `budget` seconds it has failed.
    """

    call: int
    name: str
    arguments: dict[str, Any] = field(repr=False)
    budget: float = 10.0
    filler: Prompt | None = None
    filler_after: float = 2.0


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller; answered by `Recorded`."""

    max_seconds: float
    silence_seconds: float
    finish_on: str = "#"
    beep: bool = True
    kind: str = "voicemail"


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message; committed to the outbox together with the session. An answer goes out at once, a notice keeps to
    quiet hours, a reminder goes to those who agreed."""

    channel: str
    to: str
    body: str
    subject: str = ""
    key: str = ""
    purpose: Literal["answer", "notice", "reminder"] = "answer"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect the caller to somebody else; answered by `TransferEnded`."""

    target: str
    timeout: float = 25.0


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Wait in a queue for an agent. Answered by `Queued`, by `Refused`, by `Served`, or by `Keys` or `Words` that are
    one of `choices`. A contact has one place in one queue: enqueuing it again keeps the place, also after a while
    spent elsewhere in the flow. Until it is `told` that it has a place, `Queued` or `Refused` come at once.

    `skills` are levels from 1 to 10 that this contact needs besides the queue's own. `data` is what the agent is told
    of the flow: where the caller has been and the slots, without secrets. `callback` is what to do where the person
    waits for a callback already: join `beside` it, `tell` (by `Refused`), or `take` its place and be called no more.

    With `listen` the caller has just been told of the choices and may say one, until `first_timeout` seconds after what
    was said: channels that recognise speech listen for its phrases, over what they play, and answer by `Words`. What
    is none of them isn't for us.
    """

    queue: str
    told: bool = False
    skills: dict[str, int] = field(default_factory=dict)
    priority: int | None = None
    choices: tuple[Choice, ...] = ()
    music: Prompt | None = None
    data: dict[str, Any] = field(default_factory=dict, repr=False)
    callback: Literal["beside", "tell", "take"] = "beside"
    listen: Collect | None = None


@dataclass(frozen=True, slots=True)
class RequestCallback:
    """Give the line back and keep the place: `number` is called when the caller's turn comes, or at `at` (ISO 8601, on
    the company's clock unless it has an offset). `queue` is where to join if the contact waits nowhere; a callback that
    the person waits for already is moved. With `cancel` that one is given up. Answered by `CallbackBooked`."""

    queue: str
    number: str
    at: str = ""
    data: dict[str, Any] = field(default_factory=dict, repr=False)
    cancel: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """Let go of the caller. `outcome` goes to the contact's record."""

    outcome: str = "completed"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact for the event log. Never holds a secret."""

    kind: str
    data: dict[str, Any] = field(default_factory=dict)


Effect = Say | Collect | RunAction | Record | Send | Transfer | Enqueue | RequestCallback | End | Event
