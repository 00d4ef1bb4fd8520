"""What a scripted call needs of a channel: one caller with a telephone, or with messages.

`ivr.rehearsal.simulator` is the offline one. The same scripts run on other channels (TwiML, SIP) through other
implementations of `Phone`; the runner (`ivr.rehearsal.run`) knows nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that was said to the caller: its prompt's id ("" for plain text) and its words as written text.

    A channel that can only tell recordings apart gives the id of the prompt that the audio was rendered from.
    """

    id: str
    text: str
    at: float = 0.0
    """Seconds since the call began."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that the flow sent."""

    channel: str
    to: str
    body: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is on record about a call once it is over. `slots` hold dots for secrets; `actions` are names in order;
    `steps` are (flow, step) in order and `exits` (flow, step, exit), for coverage."""

    slots: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = ""
    language: str = ""
    actions: Sequence[str] = ()
    messages: Sequence[Sent] = ()
    steps: Sequence[tuple[str, str]] = ()
    exits: Sequence[tuple[str, str, str]] = ()


class Phone(Protocol):
    """A call that is connected. Methods block until they are done, in whatever time the channel lives in."""

    @property
    def ended(self) -> bool:
        """Whether the call is over, by whoever's doing."""
        ...

    def listen(self, until: Callable[[Heard], bool], *, patient: bool = True) -> Sequence[Heard]:
        """What is said, from where the last `listen` stopped up to the first that `until` accepts.

        Gives up, with all that was heard, when nothing more will be said before the caller does something (or, in
        real time, after a budget of the channel's own). Lets a question's pause between keys pass if keys have been
        pressed, but not the time for a first key: silence is `wait`'s to keep. Unless `patient`, no time passes at all.
        """
        ...

    def press(self, keys: str) -> None:
        """Press keys, one after the other, at once: over what is being said. A text channel sends them as a message."""
        ...

    def say(self, words: str) -> None:
        """Say words (a message, on a text channel). Talking to a recorder fills the recording."""
        ...

    def wait(self, seconds: float) -> None:
        """Stay silent: let what is being said end, then this many seconds. Nothing to do on a text channel."""
        ...

    def hang_up(self) -> None: ...

    def facts(self) -> Facts:
        """What is on record. Hangs up first if the call isn't over."""
        ...
