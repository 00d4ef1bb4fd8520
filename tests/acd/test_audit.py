"""The audit finds each fault that it is there for, and nothing in what is in order."""

from __future__ import annotations

from typing import Any

import pytest

from callcenter.acd.audit import Audit
from callcenter.queues.journal import Fact

Line = tuple[str, str, str, str] | tuple[str, str, str, str, dict[str, Any]]

JOIN: Line = ("queue.joined", "c", "", "")
MADE: Line = ("offer.made", "c", "ana", "o1", {"medium": "voice", "capacity": 1})
SECOND: Line = ("offer.made", "d", "ana", "o2", {"medium": "voice", "capacity": 1})
ACCEPTED: Line = ("offer.accepted", "c", "ana", "o1")
CONNECTED: Line = ("offer.connected", "c", "ana", "o1")
DONE: Line = ("offer.done", "c", "ana", "o1")
WRAP: Line = ("wrap_up.started", "c", "ana", "o1")
WRAPPED: Line = ("wrap_up.done", "c", "ana", "o1")
LEFT: Line = ("queue.left", "c", "", "")
ASKED: Line = ("callback.requested", "c", "", "")
DUE: Line = ("callback.due", "c", "ana", "o1", {"medium": "voice", "capacity": 1})
BEHIND: Line = ("queue.store_behind", "", "", "")
LOST: Line = ("queue.store_lost", "", "", "")
DIALS: Line = ("callback.restored", "c", "ana", "o1", {"state": "accepted"})
WHOLE = [JOIN, MADE, ACCEPTED, CONNECTED, DONE, WRAP, WRAPPED]


def found(*lines: Line, patience: float = 100) -> list[str]:
    audit = Audit()
    facts = []
    for number, line in enumerate(lines):
        kind, contact, agent, offer, *data = line
        facts.append(Fact(str(number), kind, float(number), contact, "q", agent, offer, dict(data[0]) if data else {}))
    audit.take(facts)
    return [f"{one.who} {one.what}" for one in audit.findings(1000.0, patience)]


@pytest.mark.parametrize(
    "lines",
    [
        WHOLE,
        [JOIN, LEFT],
        [JOIN, LEFT, *WHOLE],
        [JOIN, MADE, ("offer.refused", "c", "ana", "o1"), LEFT],
        [JOIN, MADE, ("offer.withdrawn", "c", "ana", "o1"), LEFT],
        [JOIN, ASKED, DUE, CONNECTED, ("callback.done", "c", "ana", "o1"), DONE, WRAP, WRAPPED],
        [JOIN, ASKED, DUE, ("callback.tried", "c", "ana", "o1"), ("callback.failed", "c", "", "o1"), LEFT],
        [JOIN, ASKED, ("callback.cancelled", "c", "", ""), LEFT],
        [JOIN, MADE, CONNECTED, DONE, ("queue.joined", "c", "", "", {"transferred": "o1"}), WRAP, WRAPPED, LEFT],
        [JOIN, MADE, LOST, JOIN, LEFT],
        [JOIN, MADE, CONNECTED, LOST, ("offer.restored", "c", "ana", "o1"), DONE],
        [JOIN, ASKED, DUE, DIALS, LOST, JOIN, DIALS, CONNECTED, ("callback.done", "c", "ana", "o1"), DONE],
        [JOIN, MADE, CONNECTED, BEHIND, MADE, LOST, ("offer.restored", "c", "ana", "o1"), DONE],
    ],
)
def test_what_is_in_order(lines: list[Line]) -> None:
    assert found(*lines) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([JOIN], "c has been waiting since"),
        ([JOIN, MADE, CONNECTED], "c has been connected since"),
        ([JOIN, MADE, LEFT], "o1 ana was offered c, without an end"),
        ([JOIN, MADE, CONNECTED, DONE, WRAP], "o1 ana has been wrapping up"),
        ([*WHOLE, ("offer.made", "c", "ben", "o2")], "c was offered while done"),
        ([JOIN, MADE, CONNECTED, ("offer.connected", "c", "ben", "o2"), DONE], "c was served twice"),
        ([JOIN, MADE, CONNECTED, BEHIND, ("offer.made", "c", "ben", "o2"), ("offer.connected", "c", "ben", "o2"), LOST],
         "c was served twice"),
        ([JOIN, MADE, ("offer.made", "c", "ben", "o2"), ACCEPTED, ("offer.accepted", "c", "ben", "o2")],
         "c was accepted twice"),
        ([JOIN, MADE, ("queue.joined", "d", "", ""), ("offer.made", "d", "ana", "o2")], "ana was asked for d while"),
        ([*WHOLE[:4], ("queue.joined", "d", "", ""), SECOND, ("offer.connected", "d", "ana", "o2")],
         "ana has 2 contacts by voice, and 1 is the most"),
        ([JOIN, ASKED, LEFT], "c is over, but its callback was never closed"),
        ([JOIN, ASKED, ("callback.done", "c", "", ""), ("callback.done", "c", "", "")], "callback.done while"),
        ([JOIN, ASKED, ("callback.cancelled", "c", "", ""), DUE], "to be called back while its callback was cancelled"),
        ([LEFT], "c queue.left while unknown"),
        ([JOIN, JOIN], "c joined while waiting"),
        ([JOIN, ("offer.accepted", "c", "ana", "o9")], "o9 offer.accepted of an offer that was never made"),
    ],
)  # fmt: skip
def test_each_fault_is_named(lines: list[Line], said: str) -> None:
    assert any(said in line for line in found(*lines)), found(*lines)


def test_what_is_still_on_is_in_order() -> None:
    assert found(JOIN, MADE, patience=10_000) == []
