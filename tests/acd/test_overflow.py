"""Who goes on to another queue."""

from __future__ import annotations

from typing import Any

import pytest

from callcenter.acd.config import Queue
from callcenter.acd.estimate import Staff
from callcenter.acd.model import Entry, Snapshot
from callcenter.acd.overflow import overflows
from callcenter.acd.waiting import Waiting

NOW = 1000.0
STAFF = {"a": Staff(agents=2, mean=100, cv2=1, measured=1000, at=NOW)}


def moved(rule: dict[str, Any], *entries: Entry, staff: dict[str, Staff] = STAFF) -> list[tuple[str, str]]:
    queues = {"a": Queue(overflow=[{"to": "b", **rule}]), "b": Queue()}
    return [(move.contact_id, move.why) for move in overflows(Snapshot(queues, {}, Waiting(entries)), NOW, staff)]


def entry(id: str, waited: float = 0, **values: Any) -> Entry:
    return Entry(id, "a", joined_at=NOW - waited, queued_at=NOW - waited, **values)


LINE = [entry(f"c{number}", 100 - number) for number in range(5)]


def test_after_a_wait() -> None:
    assert moved({"after_wait": 98}, *LINE) == [("c0", "wait"), ("c1", "wait"), ("c2", "wait")]


def test_behind_so_many() -> None:
    assert moved({"when_size": 3}, *LINE) == [("c3", "size"), ("c4", "size")]
    assert moved({"when_size": 3}, *LINE, entry("vip", priority=5))[0] == ("c2", "size")


def test_by_the_predicted_wait() -> None:
    assert moved({"when_predicted_wait": 150}, *LINE) == [("c3", "predicted_wait"), ("c4", "predicted_wait")]
    assert len(moved({"when_predicted_wait": 150}, *LINE, staff={})) == 5  # nobody is there: it would never end


def test_by_the_predicted_service_level() -> None:
    fresh = [entry(f"c{number}") for number in range(3)]
    assert moved({"when_predicted_level": 20}, *fresh) == [("c1", "predicted_level"), ("c2", "predicted_level")]


@pytest.mark.parametrize("visited", [("b",), ("x", "b")])
def test_never_back_to_where_it_was(visited: tuple[str, ...]) -> None:
    assert moved({"after_wait": 10}, entry("c0", 50, visited=visited)) == []


def test_callbacks_for_later_stay() -> None:
    assert moved({"after_wait": 10}, entry("c0", 50, not_before=NOW + 60)) == []
