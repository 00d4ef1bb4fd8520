"""The four state machines of RFC 3261 section 17 against its figures 5 to 8, with RFC 6026's Accepted.

Each case of a table is (state, event) -> (actions, next state), written down from the figures. `S` sends, `D` delivers
to the transaction user, `F` tells it of a failure, `+X` and `-X` start and stop timer X, `.` ends the transaction.
"""

from __future__ import annotations

import pytest

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
from tests.channels.sip.machines import EVENTS, Machine, happen, make


def short(actions: list[Action]) -> str:
    def one(action: Action) -> str:
        match action:
            case Send(data):
                return f"S{data.decode()}"
            case Deliver(message):
                return f"D{message}"
            case Start(timer):
                return f"+{timer}"
            case Stop(timer):
                return f"-{timer}"
            case Failed(why):
                return f"F{why}"
            case Done():
                return "."
        raise AssertionError(action)

    return " ".join(map(one, actions))


PATHS: dict[type[Machine], dict[State, list[str]]] = {
    InviteClient: {
        State.CALLING: [],
        State.PROCEEDING: ["180"],
        State.COMPLETED: ["486"],
        State.ACCEPTED: ["200"],
        State.TERMINATED: ["B"],
    },
    NonInviteClient: {
        State.TRYING: [],
        State.PROCEEDING: ["100"],
        State.COMPLETED: ["200"],
        State.TERMINATED: ["F"],
    },
    InviteServer: {
        State.PROCEEDING: ["180"],
        State.COMPLETED: ["486"],
        State.CONFIRMED: ["486", "ack"],
        State.ACCEPTED: ["200"],
        State.TERMINATED: ["!"],
    },
    NonInviteServer: {
        State.TRYING: [],
        State.PROCEEDING: ["180"],
        State.COMPLETED: ["200"],
        State.TERMINATED: ["!"],
    },
}
"""How each state is reached."""

Rows = dict[tuple[State, str], tuple[str, State]]
C, P, X, A, T = State.CALLING, State.PROCEEDING, State.COMPLETED, State.ACCEPTED, State.TERMINATED
TRY, CONF = State.TRYING, State.CONFIRMED
FIGURES: dict[type[Machine], Rows] = {
    InviteClient: {  # figure 5; RFC 6026 figure 5 for Accepted
        (C, "A"): ("SINVITE +A", C),
        (C, "B"): ("Ftimeout .", T),
        (C, "180"): ("-A -B D180", P),
        (C, "200"): ("-A -B D200 +M", A),
        (C, "486"): ("-A -B SACK D486 +D", X),
        (C, "!"): ("Ftransport .", T),
        (P, "180"): ("D180", P),
        (P, "200"): ("D200 +M", A),
        (P, "486"): ("SACK D486 +D", X),
        (P, "!"): ("Ftransport .", T),
        (X, "486"): ("SACK", X),
        (X, "D"): (".", T),
        (X, "!"): ("Ftransport .", T),
        (A, "200"): ("D200", A),
        (A, "M"): (".", T),
    },
    NonInviteClient: {  # figure 6
        (TRY, "E"): ("SOPTIONS +E", TRY),
        (TRY, "F"): ("Ftimeout .", T),
        (TRY, "100"): ("D100", P),
        (TRY, "200"): ("-E -F D200 +K", X),
        (TRY, "486"): ("-E -F D486 +K", X),
        (TRY, "!"): ("Ftransport .", T),
        (P, "E"): ("SOPTIONS +E", P),
        (P, "F"): ("Ftimeout .", T),
        (P, "100"): ("D100", P),
        (P, "200"): ("-E -F D200 +K", X),
        (P, "!"): ("Ftransport .", T),
        (X, "K"): (".", T),
    },
    InviteServer: {  # figure 7; RFC 6026 figure 7 for Accepted
        (P, "again"): ("S180", P),
        (P, "183"): ("-trying S183", P),
        (P, "200"): ("-trying S200 +L", A),
        (P, "486"): ("-trying S486 +H +G", X),
        (P, "!"): ("Ftransport .", T),
        (X, "again"): ("S486", X),
        (X, "G"): ("S486 +G", X),
        (X, "H"): ("Ftimeout .", T),
        (X, "ack"): ("-G -H +I", CONF),
        (X, "!"): ("Ftransport .", T),
        (CONF, "I"): (".", T),
        (A, "200"): ("S200", A),
        (A, "ack"): ("Dack", A),
        (A, "L"): (".", T),
    },
    NonInviteServer: {  # figure 8
        (TRY, "183"): ("S183", P),
        (TRY, "200"): ("S200 +J", X),
        (TRY, "!"): ("Ftransport .", T),
        (P, "again"): ("S180", P),
        (P, "183"): ("S183", P),
        (P, "200"): ("S200 +J", X),
        (P, "!"): ("Ftransport .", T),
        (X, "again"): ("S200", X),
        (X, "J"): (".", T),
        (X, "!"): ("Ftransport .", T),
    },
}
ALIKE = {(InviteClient, "100"): "180", (NonInviteClient, "486"): "200"}
EVERY = [(kind, state, event) for kind in PATHS for state in PATHS[kind] for event in EVENTS[kind]]


@pytest.mark.parametrize(("kind", "state", "event"), EVERY, ids=lambda v: getattr(v, "__name__", None) or str(v))
def test_every_event_in_every_state(kind: type[Machine], state: State, event: str) -> None:
    """What a figure shows happens, and what it does not show does nothing."""
    machine = make(kind)
    machine.start()
    for step in PATHS[kind][state]:
        happen(machine, step)
    assert machine.state is state
    row = FIGURES[kind].get((state, event))
    if row is None and (kind, event) in ALIKE:
        row = FIGURES[kind].get((state, ALIKE[kind, event]))
        row = row and (row[0].replace(ALIKE[kind, event], event), row[1])
    actions, after = row or ("", state)
    said = short(happen(machine, event))
    assert sorted(said.split()) == sorted(actions.split())
    assert machine.state is after


@pytest.mark.parametrize(
    ("kind", "event", "actions"),
    [
        (InviteClient, "486", "-A -B SACK D486 ."),
        (NonInviteClient, "200", "-E -F D200 ."),
        (NonInviteServer, "200", "S200 ."),
    ],
)
def test_timers_that_are_zero_over_a_reliable_transport(kind: type[Machine], event: str, actions: str) -> None:
    """D, J and K are zero, A, E and G never start (table 4)."""
    machine = make(kind, reliable=True)
    assert not any(isinstance(action, Start) and action.timer in "AE" for action in machine.start())
    assert short(happen(machine, event)) == actions
    assert machine.state is State.TERMINATED


def test_a_refused_invite_over_a_reliable_transport() -> None:
    machine = make(InviteServer, reliable=True)
    machine.start()
    assert short(happen(machine, "486")) == "-trying S486 +H"
    assert short(happen(machine, "ack")) == "-G -H ."
