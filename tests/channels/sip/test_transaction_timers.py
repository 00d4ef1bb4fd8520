"""The timers of the four state machines to the millisecond (RFC 3261 table 4), and any sequence of events at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ivr.channels.sip.transaction import (
    Action,
    Deliver,
    Done,
    Failed,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Send,
    Start,
    State,
    Stop,
)
from tests.channels.sip.fakes import FakeClock, FakeHandle
from tests.channels.sip.machines import EVENTS, SERVERS, Machine, happen, make


class Bench:
    """A machine on a clock: what was sent when, and what was said."""

    def __init__(self, kind: type[Machine], reliable: bool = False) -> None:
        self.clock = FakeClock()
        self.machine = make(kind, reliable)
        self.timers: dict[str, FakeHandle] = {}
        self.sent: list[tuple[float, bytes]] = []
        self.told: list[tuple[float, str]] = []
        self.carry_out(self.machine.start())

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(data):
                    self.sent.append((round(self.clock.now, 3), data))
                case Start(timer, seconds):
                    self._stop(timer)
                    self.timers[timer] = self.clock.call_later(seconds, self._fire, timer)
                case Stop(timer):
                    self._stop(timer)
                case Deliver(message):
                    self.told.append((round(self.clock.now, 3), str(message)))
                case Failed(why):
                    self.told.append((round(self.clock.now, 3), why))
                case Done():
                    for timer in list(self.timers):
                        self._stop(timer)
                    self.told.append((round(self.clock.now, 3), "over"))

    def do(self, event: str) -> None:
        self.carry_out(happen(self.machine, event))

    def _stop(self, timer: str) -> None:
        handle = self.timers.pop(timer, None)
        if handle:
            handle.cancel()

    def _fire(self, timer: str) -> None:
        self.timers.pop(timer, None)
        self.carry_out(self.machine.timer(timer))


def times(bench: Bench) -> list[float]:
    return [at for at, _ in bench.sent]


FULL_E = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_timers_a_and_b() -> None:
    """An INVITE that nobody answers goes out seven times within 32 s (17.1.1.2)."""
    bench = Bench(InviteClient)
    bench.clock.advance(100)
    assert times(bench) == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.told == [(32, "timeout"), (32, "over")]


def test_timer_d() -> None:
    """A refusal that is repeated gets the ACK again for 32 s."""
    bench = Bench(InviteClient)
    bench.do("486")
    bench.clock.advance(31.9)
    bench.do("486")
    assert [data for _, data in bench.sent] == [b"INVITE", b"ACK", b"ACK"]
    bench.clock.advance(0.2)
    bench.do("486")
    assert len(bench.sent) == 3
    assert bench.told == [(0, "486"), (32, "over")]


def test_timers_e_and_f() -> None:
    """A request of another method goes out eleven times (17.1.2.1)."""
    bench = Bench(NonInviteClient)
    bench.clock.advance(100)
    assert times(bench) == FULL_E
    assert bench.told == [(32, "timeout"), (32, "over")]


def test_timer_e_after_a_provisional_response() -> None:
    """It then goes every T2; F still ends it (17.1.2.2)."""
    bench = Bench(NonInviteClient)
    bench.clock.advance(1)
    bench.do("100")
    bench.clock.advance(99)
    assert times(bench) == [0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert bench.told[-1] == (32, "over")


def test_timers_g_and_h() -> None:
    """A refusal is repeated until its ACK, at last every T2, for 32 s (17.2.1)."""
    bench = Bench(InviteServer)
    bench.do("486")
    bench.clock.advance(100)
    assert times(bench) == FULL_E
    assert bench.told == [(32, "timeout"), (32, "over")]


@pytest.mark.parametrize(
    ("kind", "events", "ends"),
    [
        (InviteServer, ["486", "ack"], 5),  # I is T4
        (NonInviteClient, ["200"], 5),  # K is T4
        (NonInviteServer, ["200"], 32),  # J is 64*T1
        (InviteServer, ["200"], 32),  # L is 64*T1
        (InviteClient, ["200"], 32),  # M is 64*T1
    ],
)
def test_how_long_repetitions_are_absorbed(kind: type[Machine], events: list[str], ends: float) -> None:
    bench = Bench(kind)
    for event in events:
        bench.do(event)
    bench.clock.advance(ends - 0.001)
    assert bench.machine.state is not State.TERMINATED
    bench.clock.advance(0.002)
    assert bench.told[-1] == (ends, "over")
    assert bench.clock.waiting == 0


@pytest.mark.parametrize(("after", "sent"), [(0.199, []), (0.2, [(0.2, b"100")])])
def test_trying_comes_by_itself_after_200_ms(after: float, sent: list[tuple[float, bytes]]) -> None:
    bench = Bench(InviteServer)
    bench.clock.advance(after)
    bench.do("again")
    assert bench.sent == (sent and [*sent, (0.2, b"100")])


def anything(kind: type[Machine]) -> type[RuleBasedStateMachine]:
    """Any sequence of messages, faults and times."""
    messages = [event for event in EVENTS[kind] if event.isdigit() or event in ("again", "ack", "!")]

    class Anything(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.bench = Bench(kind)
            self.end: int | None = None

        @rule(event=st.sampled_from(messages), status=st.integers(100, 699))
        def message(self, event: str, status: int) -> None:
            self.bench.do(str(status) if event.isdigit() else event)

        @rule(seconds=st.floats(0, 12))
        def wait(self, seconds: float) -> None:
            self.bench.clock.advance(seconds)

        @rule(event=st.sampled_from([event for event in EVENTS[kind] if event.isalpha() and len(event) == 1]))
        @precondition(lambda self: self.bench.machine.state is State.TERMINATED)
        def stray_timer(self, event: str) -> None:
            self.bench.do(event)

        @invariant()
        def nothing_after_the_end(self) -> None:
            over = [index for index, (_, what) in enumerate(self.bench.told) if what == "over"]
            assert len(over) <= 1
            assert bool(over) == (self.bench.machine.state is State.TERMINATED)
            if over:
                assert over[0] >= len(self.bench.told) - 1, "told after the end"
                assert not self.bench.timers
                self.end = len(self.bench.sent) if self.end is None else self.end
                assert len(self.bench.sent) == self.end, "sent after the end"

        def teardown(self) -> None:
            """The peer falls silent and the user answers: it is over within the longest timers there are."""
            if isinstance(self.bench.machine, SERVERS) and self.bench.machine.state in (State.TRYING, State.PROCEEDING):
                self.bench.do("486")
            if isinstance(self.bench.machine, InviteClient) and self.bench.machine.state is State.PROCEEDING:
                self.bench.do("487")  # an INVITE may ring for as long as it likes; CANCEL ends it
            self.bench.clock.advance(70)
            assert self.bench.machine.state is State.TERMINATED
            assert self.bench.clock.waiting == 0
            self.nothing_after_the_end()

    Anything.__name__ = f"Anything{kind.__name__}"
    return Anything


def case(kind: type[Machine]) -> Any:
    found = anything(kind).TestCase
    found.settings = settings(max_examples=60, stateful_step_count=25)
    return found


TestInviteClient = case(InviteClient)
TestNonInviteClient = case(NonInviteClient)
TestInviteServer = case(InviteServer)
TestNonInviteServer = case(NonInviteServer)
