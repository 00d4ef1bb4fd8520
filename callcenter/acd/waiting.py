"""Those who wait, indexed so that matching looks at the heads of groups and never at all of them.

A group holds entries that agents see alike (same queue, medium, priority, skills, language), in the order of joining.
How far skills are relaxed grows with the time waited, so that each stage is one stretch of the group, found by
bisection. An entry whose `queued_at` isn't its `joined_at` (moved, transferred) is in a group with its like only.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from callcenter.acd.model import Entry


class GroupKey(NamedTuple):
    queue: str
    medium: str
    priority: int
    skills: tuple[tuple[str, int], ...]
    language: str
    last_agent: str
    moved_at: float
    """`queued_at` where it isn't `joined_at`, else 0."""


def _joined(entry: Entry) -> tuple[float, str]:
    return entry.joined_at, entry.contact_id


@dataclass(slots=True)
class Group:
    """`memo` is for `match`, which computes what follows from the key once."""

    key: GroupKey
    entries: list[Entry] = field(default_factory=list)
    memo: Any = None

    def since(self, queued_at: float) -> int:
        """The number of entries that came to this queue at that time or before."""
        if self.key.moved_at:
            return len(self.entries) if self.key.moved_at <= queued_at else 0
        return bisect_left(self.entries, (queued_at, "\U0010ffff"), key=_joined)


class Waiting:
    """Entries in the state `waiting`, by contact id. Adding and removing take O(log n), besides moving list items."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: dict[str, Entry] = {}
        self._groups: dict[GroupKey, Group] = {}
        self._later: list[tuple[float, str]] = []
        self._sizes: dict[str, int] = {}
        for entry in entries:
            self.add(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __contains__(self, contact_id: str) -> bool:
        return contact_id in self._entries

    def get(self, contact_id: str) -> Entry | None:
        return self._entries.get(contact_id)

    def size(self, queue: str) -> int:
        return self._sizes.get(queue, 0)

    def sizes(self) -> dict[str, int]:
        return {name: size for name, size in self._sizes.items() if size}

    def in_order(self, queue: str) -> list[Entry]:
        """A queue's entries in the order of serving."""
        found = [entry for key, group in self._groups.items() if key.queue == queue for entry in group.entries]
        return sorted(found, key=lambda entry: entry.rank)

    def add(self, entry: Entry) -> bool:
        """Add an entry; one of the same contact is replaced. False if it was there already."""
        known = self._entries.get(entry.contact_id)
        if known == entry:
            return False
        if known is not None:
            self.remove(entry.contact_id)
        self._entries[entry.contact_id] = entry
        self._sizes[entry.queue] = self._sizes.get(entry.queue, 0) + 1
        if entry.not_before:
            heapq.heappush(self._later, (entry.not_before, entry.contact_id))
        else:
            self._place(entry)
        return True

    def remove(self, contact_id: str) -> None:
        """Take an entry out, if it is there."""
        entry = self._entries.pop(contact_id, None)
        if entry is None:
            return
        self._sizes[entry.queue] -= 1
        group = self._groups.get(_key(entry))
        if group is None:
            return
        at = bisect_left(group.entries, _joined(entry), key=_joined)
        if at < len(group.entries) and group.entries[at].contact_id == contact_id:
            del group.entries[at]
            if not group.entries:
                del self._groups[group.key]

    def groups(self, now: float) -> Iterable[Group]:
        """All groups, those entries included whose time has come."""
        while self._later and self._later[0][0] <= now:
            not_before, contact_id = heapq.heappop(self._later)
            entry = self._entries.get(contact_id)
            if entry is not None and entry.not_before == not_before:
                self._place(entry)
        return self._groups.values()

    def next_due(self) -> float | None:
        """When the next entry's time comes; it may have been taken out meanwhile."""
        return self._later[0][0] if self._later else None

    def _place(self, entry: Entry) -> None:
        key = _key(entry)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key)
        at = bisect_left(group.entries, _joined(entry), key=_joined)
        if at == len(group.entries) or group.entries[at].contact_id != entry.contact_id:
            insort(group.entries, entry, key=_joined)


def _key(entry: Entry) -> GroupKey:
    moved_at = entry.queued_at if entry.queued_at != entry.joined_at else 0.0
    return GroupKey(entry.queue, entry.medium, entry.priority, entry.skills, entry.language, entry.last_agent, moved_at)
