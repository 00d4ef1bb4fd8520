"""Who goes on to another queue: after a wait, behind so many, or when the predicted wait or service level is too bad.

An entry never comes back to a queue that it was in, so that two queues can't throw it to and fro."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callcenter.acd import estimate as estimates
from callcenter.acd.config import Overflow, Queue
from callcenter.acd.estimate import Staff
from callcenter.acd.model import Entry, Snapshot


@dataclass(frozen=True, slots=True)
class Move:
    contact_id: str
    from_queue: str
    to: str
    why: str


def overflows(snapshot: Snapshot, now: float, staff: Mapping[str, Staff]) -> list[Move]:
    """Every move that is due. Callbacks for a chosen time stay."""
    moves = []
    for name, queue in snapshot.queues.items():
        if queue.overflow and snapshot.waiting.size(name):
            moves += list(_of_queue(name, queue, snapshot, now, staff.get(name)))
    return moves


def _of_queue(name: str, queue: Queue, snapshot: Snapshot, now: float, staff: Staff | None) -> Iterator[Move]:
    for number, entry in enumerate(snapshot.waiting.in_order(name), 1):
        if entry.not_before > now or entry.priority < 0:  # a campaign's is for the agents of its queue
            continue
        for rule in queue.overflow:
            if rule.to in snapshot.queues and rule.to != name and rule.to not in entry.visited:
                why = _why(rule, queue, entry, number, now, staff)
                if why:
                    yield Move(entry.contact_id, name, rule.to, why)
                    break


def _why(rule: Overflow, queue: Queue, entry: Entry, number: int, now: float, staff: Staff | None) -> str:
    if rule.after_wait is not None and now - entry.queued_at >= rule.after_wait:
        return "wait"
    if rule.when_size is not None and number > rule.when_size:
        return "size"
    if rule.when_predicted_wait is not None:
        told = estimates.estimate(number, staff) if staff else None
        # Where nobody serves the queue the wait has no end.
        if told is None or told.seconds > rule.when_predicted_wait:
            return "predicted_wait"
    if rule.when_predicted_level is not None:
        left = queue.service_level.seconds - (now - entry.joined_at)
        chance = estimates.level(number, staff, left) if staff else 0.0
        if chance * 100 < rule.when_predicted_level:
            return "predicted_level"
    return ""
