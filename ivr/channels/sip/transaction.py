"""The four transaction state machines of RFC 3261 section 17, as amended by RFC 6026 for 2xx to INVITE.

Pure: each takes a message, a timer that fired or a transport error and returns what to do. Nobody here knows a
socket or a clock. Timer names are the RFC's letters; "trying" is the 200 ms of section 17.2.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Timers:
    """Base values in seconds (section 17.1.1.1, table 4)."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def timeout(self) -> float:
        """64*T1: timers B, F, H, J, L and M, and the wait for an ACK."""
        return 64 * self.t1


class State(Enum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Send:
    data: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand the message to the transaction user."""

    message: Any


@dataclass(frozen=True, slots=True)
class Start:
    timer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    timer: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer, no ACK, or a transport error: the transaction user is to know."""

    why: Literal["timeout", "transport"]


@dataclass(frozen=True, slots=True)
class Done:
    """The transaction is over; its timers are to be stopped and it is to be forgotten."""


Action = Send | Deliver | Start | Stop | Failed | Done
TRYING_SECONDS = 0.2


class InviteServer:
    """Section 17.2.1 with RFC 6026's Accepted state. `trying` makes the bytes of a 100."""

    def __init__(self, reliable: bool, timers: Timers, trying: Callable[[], bytes]) -> None:
        self.state = State.PROCEEDING
        self._reliable, self._timers, self._trying = reliable, timers, trying
        self._last: bytes | None = None
        self._interval = timers.t1

    def start(self) -> list[Action]:
        return [Start("trying", TRYING_SECONDS)]

    def request(self) -> list[Action]:
        """The same INVITE again."""
        if self.state in (State.PROCEEDING, State.COMPLETED) and self._last is not None:
            return [Send(self._last)]
        return []

    def ack(self, message: Any) -> list[Action]:
        if self.state is State.COMPLETED:
            self.state = State.CONFIRMED
            return [Stop("G"), Stop("H"), *self._finish("I", self._timers.t4)]
        if self.state is State.ACCEPTED:
            return [Deliver(message)]
        return []

    def respond(self, status: int, data: bytes) -> list[Action]:
        """The transaction user's response. Only a repeated 2xx may follow a final one."""
        if self.state is State.ACCEPTED and 200 <= status < 300:
            return [Send(data)]
        if self.state is not State.PROCEEDING:
            return []
        self._last = data
        actions: list[Action] = [Stop("trying"), Send(data)]
        if 200 <= status < 300:
            self.state = State.ACCEPTED
            actions.append(Start("L", self._timers.timeout))
        elif status >= 300:
            self.state = State.COMPLETED
            actions.append(Start("H", self._timers.timeout))
            if not self._reliable:
                actions.append(Start("G", self._interval))
        return actions

    def timer(self, name: str) -> list[Action]:
        if name == "trying" and self.state is State.PROCEEDING and self._last is None:
            self._last = self._trying()
            return [Send(self._last)]
        if name == "G" and self.state is State.COMPLETED and self._last is not None:
            self._interval = min(2 * self._interval, self._timers.t2)
            return [Send(self._last), Start("G", self._interval)]
        if name == "H" and self.state is State.COMPLETED:
            self.state = State.TERMINATED
            return [Failed("timeout"), Done()]
        if (name, self.state) in (("I", State.CONFIRMED), ("L", State.ACCEPTED)):
            self.state = State.TERMINATED
            return [Done()]
        return []

    def transport_error(self) -> list[Action]:
        # In Accepted the 2xx is the UAS core's to send again, perhaps over a new connection (RFC 6026 section 7.1).
        if self.state not in (State.PROCEEDING, State.COMPLETED):
            return []
        self.state = State.TERMINATED
        return [Failed("transport"), Done()]

    def _finish(self, timer: str, seconds: float) -> list[Action]:
        if self._reliable:
            self.state = State.TERMINATED
            return [Done()]
        return [Start(timer, seconds)]


class NonInviteServer:
    """Section 17.2.2."""

    def __init__(self, reliable: bool, timers: Timers) -> None:
        self.state = State.TRYING
        self._reliable, self._timers = reliable, timers
        self._last: bytes | None = None

    def start(self) -> list[Action]:
        return []

    def request(self) -> list[Action]:
        over = self.state is State.TERMINATED
        return [Send(self._last)] if self._last is not None and not over else []

    def respond(self, status: int, data: bytes) -> list[Action]:
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []
        self._last = data
        if status < 200:
            self.state = State.PROCEEDING
            return [Send(data)]
        if self._reliable:
            self.state = State.TERMINATED
            return [Send(data), Done()]
        self.state = State.COMPLETED
        return [Send(data), Start("J", self._timers.timeout)]

    def timer(self, name: str) -> list[Action]:
        if name != "J" or self.state is not State.COMPLETED:
            return []
        self.state = State.TERMINATED
        return [Done()]

    def transport_error(self) -> list[Action]:
        if self.state is State.TERMINATED:
            return []
        self.state = State.TERMINATED
        return [Failed("transport"), Done()]


class InviteClient:
    """Section 17.1.1 with RFC 6026's Accepted state. `make_ack` makes the ACK for a non-2xx response (17.1.1.3)."""

    def __init__(self, data: bytes, reliable: bool, timers: Timers, make_ack: Callable[[Any], bytes]) -> None:
        self.state = State.CALLING
        self._data, self._reliable, self._timers, self._make_ack = data, reliable, timers, make_ack
        self._interval = timers.t1
        self._ack = b""

    def start(self) -> list[Action]:
        actions: list[Action] = [Send(self._data), Start("B", self._timers.timeout)]
        if not self._reliable:
            actions.append(Start("A", self._interval))
        return actions

    def response(self, status: int, message: Any) -> list[Action]:
        if self.state in (State.CALLING, State.PROCEEDING):
            stop: list[Action] = [Stop("A"), Stop("B")] if self.state is State.CALLING else []
            if status < 200:
                self.state = State.PROCEEDING
                return [*stop, Deliver(message)]
            if status < 300:
                self.state = State.ACCEPTED
                return [*stop, Deliver(message), Start("M", self._timers.timeout)]
            self.state = State.COMPLETED
            self._ack = self._make_ack(message)
            if self._reliable:
                self.state = State.TERMINATED
                return [*stop, Send(self._ack), Deliver(message), Done()]
            # D is "at least 32 seconds" and is 64*T1 here, so that slower links lengthen it.
            return [*stop, Send(self._ack), Deliver(message), Start("D", self._timers.timeout)]
        if self.state is State.COMPLETED and status >= 300:
            return [Send(self._ack)]
        if self.state is State.ACCEPTED and 200 <= status < 300:
            return [Deliver(message)]
        return []

    def timer(self, name: str) -> list[Action]:
        if name == "A" and self.state is State.CALLING:
            self._interval *= 2
            return [Send(self._data), Start("A", self._interval)]
        if name == "B" and self.state is State.CALLING:
            self.state = State.TERMINATED
            return [Failed("timeout"), Done()]
        if (name, self.state) in (("D", State.COMPLETED), ("M", State.ACCEPTED)):
            self.state = State.TERMINATED
            return [Done()]
        return []

    def transport_error(self) -> list[Action]:
        if self.state in (State.TERMINATED, State.ACCEPTED):
            return []
        self.state = State.TERMINATED
        return [Failed("transport"), Done()]


class NonInviteClient:
    """Section 17.1.2."""

    def __init__(self, data: bytes, reliable: bool, timers: Timers) -> None:
        self.state = State.TRYING
        self._data, self._reliable, self._timers = data, reliable, timers
        self._interval = timers.t1

    def start(self) -> list[Action]:
        actions: list[Action] = [Send(self._data), Start("F", self._timers.timeout)]
        if not self._reliable:
            actions.append(Start("E", self._interval))
        return actions

    def response(self, status: int, message: Any) -> list[Action]:
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []
        if status < 200:
            self.state = State.PROCEEDING
            return [Deliver(message)]
        stop: list[Action] = [Stop("E"), Stop("F"), Deliver(message)]
        if self._reliable:
            self.state = State.TERMINATED
            return [*stop, Done()]
        self.state = State.COMPLETED
        return [*stop, Start("K", self._timers.t4)]

    def timer(self, name: str) -> list[Action]:
        if name == "E" and self.state in (State.TRYING, State.PROCEEDING):
            again = self.state is State.TRYING
            self._interval = min(2 * self._interval, self._timers.t2) if again else self._timers.t2
            return [Send(self._data), Start("E", self._interval)]
        if name == "F" and self.state in (State.TRYING, State.PROCEEDING):
            self.state = State.TERMINATED
            return [Failed("timeout"), Done()]
        if name == "K" and self.state is State.COMPLETED:
            self.state = State.TERMINATED
            return [Done()]
        return []

    def transport_error(self) -> list[Action]:
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []  # it has its answer
        self.state = State.TERMINATED
        return [Failed("transport"), Done()]


ServerMachine = InviteServer | NonInviteServer
ClientMachine = InviteClient | NonInviteClient
