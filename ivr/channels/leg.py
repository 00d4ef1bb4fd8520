"""A call leg: one party's connection to a call, whatever stack carries it.

Every telephone stack (our own SIP engine, pyVoIP) hides behind `CallLeg`, so that the flow driver and
the queue's bridge know one small interface. A leg owns no logic: it takes commands and gives events.

Audio is G.711 at 8 kHz in the leg's own codec: `Clip` is encoded once, long before it is played, so that
nothing is synthesised or decoded on the media path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

FRAME_BYTES = 160
"""20 ms of G.711 (RFC 3551: 8000 samples a second, one byte each)."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Audio ready to send: mu-law bytes at 8 kHz, padded with silence to whole 20 ms frames.

    The media process translates to A-law by a 256-byte table where the leg negotiated PCMA. `key` names the
    content (a hash), so that the media process loads each clip once for all calls.
    """

    key: str
    ulaw: bytes = field(repr=False)

    @property
    def seconds(self) -> float:
        return len(self.ulaw) / 8000


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed: one of 0-9 * # A-D. `at` is the leg's monotonic clock in seconds."""

    digit: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class PlayEnded:
    """The play with this number ended: `done` after its last frame, `stopped` by `stop()` or by the next play."""

    play: int
    reason: Literal["done", "stopped"]
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """A recording ended and its file is complete. `seconds` of audio; `reason` tells what ended it; `lost`: who made it
    died, and another may be begun at once."""

    path: Path
    seconds: float
    reason: Literal["stopped", "key", "silence", "max", "hangup", "error", "lost"]


@dataclass(frozen=True, slots=True)
class ReferEnded:
    """The outcome of `refer()`: the final SIP status of the referred call (200 is success, RFC 3515 2.4.5)."""

    status: int


@dataclass(frozen=True, slots=True)
class Answered:
    """An outgoing leg was answered."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The leg is over, for whatever reason; always the last event. `by` is who ended it."""

    by: Literal["peer", "us", "error"]
    reason: str = ""


LegEvent = Digit | PlayEnded | RecordingEnded | ReferEnded | Answered | HungUp


class CallLeg(Protocol):
    """Commands never block on the network and may be called in any state: on a leg that is over they do nothing."""

    id: str
    """The SIP Call-ID or the stack's own identifier; it stands in every log line of the call."""
    caller: str
    """Who calls: a phone number in E.164 where it is one, otherwise the SIP URI."""
    called: str
    """The number or user part that was dialled."""
    attestation: str
    """How far the network vouches for the caller's number (`callcenter.attestation`)."""
    headers: Mapping[str, str]

    async def answer(self) -> None: ...

    async def reject(self, status: int, reason: str = "") -> None: ...

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        """Play clips back to back in place of what is playing; returns the play's number for `PlayEnded`."""
        ...

    def stop(self) -> None:
        """Stop playing at the next frame; silence follows."""
        ...

    def record(
        self, path: Path, *, max_seconds: float, finish_on: str = "", silence_seconds: float | None = None
    ) -> None:
        """Record what the peer says to `path` (WAV, 16-bit, 8 kHz, mono), until a key of `finish_on`, that much
        silence, the maximum, `stop_recording()` or hang-up. Keys pressed meanwhile are still reported."""
        ...

    def stop_recording(self) -> None: ...

    def pause_recording(self, paused: bool) -> None:
        """While paused, silence is written: what is said and keyed as a secret never lands in a file."""
        ...

    def listen(self, on_frames: Callable[[bytes], None] | None) -> None:
        """Hand over what the peer says, as it arrives: whole 20 ms frames of mu-law; `None` ends that."""
        ...

    def refer(self, target: str) -> None:
        """Ask the peer to call `target`, a number or a SIP URI, instead (RFC 3515); `ReferEnded` tells the outcome.

        Raises ValueError for a target that is neither."""
        ...

    def hang_up(self) -> None: ...

    async def next_event(self) -> LegEvent:
        """The next event, in order; after `HungUp` it raises `LegOver`."""
        ...


class BridgeLeg(CallLeg, Protocol):
    """A leg that can be put together with others of its kind. Our own SIP engine's can."""

    def hear(self, others: Iterable[BridgeLeg], *, digits: bool = True) -> None:
        """From now on this leg's party hears what the parties of `others` say, summed, and nobody else; () ends it.

        One direction only: both legs of a call hear each other. What is played goes first, and what is said comes back
        when the play ends or is stopped. `digits`: keys that the others press are pressed towards this party as well
        (RFC 4733, or tones where it takes no events); they are `Digit` events of the leg that pressed them anyway.
        """
        ...

    def record_both(self, path: Path, *, max_seconds: float) -> None:
        """Record a conversation to `path` (WAV, 16-bit, 8 kHz, stereo): left what this party says, right what it hears,
        until `stop_recording()`, the maximum or hang-up; `RecordingEnded` has this path. `pause_recording` writes
        silence to both channels. It may run beside `record`."""
        ...

    def send_digits(self, digits: str) -> None:
        """Press keys towards the party."""
        ...


class LegOver(Exception):
    """The leg has ended and all its events have been taken."""
