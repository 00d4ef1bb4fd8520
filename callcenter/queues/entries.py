"""Entries: joining, leaving, the place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Unpack, cast

from callcenter.acd.announce import Announced
from callcenter.acd.estimate import Staff, estimate
from callcenter.acd.model import EntryState, Estimate, Place
from callcenter.queues.base import MAX_PRIORITY, Base, estimate_json
from callcenter.queues.described import Described
from callcenter.queues.redis_hash import Hash, entry_fields, moment, text
from callcenter.queues.scripts import entries as scripts

STALE_STAFF = 60.0
"""What the router knew of the agents so many seconds ago is no ground for an estimate."""


class Entries(Base):
    def join(
        self,
        contact_id: str,
        queue: str,
        *,
        channel: str,
        joined_at: float | None = None,
        last_agent: str = "",
        holder: str = "",
        **described: Unpack[Described],
    ) -> Place:
        """Put a contact into a queue; one that is in a queue already stays where it is. `holder` is the process that
        has its leg and will `keep` it. `joined_at` is given when it had joined before. The place's state is `full`, and
        nothing was stored, where a queue of `max_size` has no room. Raises `UnknownQueue`, and ValueError for a
        priority that is none."""
        configured = self.queue(queue)
        priority = described.get("priority")
        described["priority"] = _priority(configured.priority if priority is None else priority)
        at = self.clock() if joined_at is None else joined_at
        fields = entry_fields(described, channel=channel, joined_at=at, last_agent=last_agent, holder=holder)
        # Who was in already isn't turned away.
        most = "" if configured.max_size is None or joined_at is not None else configured.max_size
        state = self._join(contact_id, queue, fields, most)
        if state == "full":
            size = int(self.client.zcard(f"cw:queue:{queue}"))
            return Place(0, size, None, "full", queue, float(fields["joined_at"]))
        return self.place(contact_id) or Place(0, 0, None, cast(EntryState, state), queue)

    def _join(self, contact_id: str, queue: str, fields: Hash, most: object = "") -> str:
        return str(self.run(scripts.JOIN, self.now(), contact_id, queue, most, json.dumps(fields)))

    def place(self, contact_id: str) -> Place | None:
        """Where a contact stands; `None` for one that was never in a queue, or a day ago."""
        found = self.run(scripts.PLACE, contact_id)
        if not found[0]:
            return None
        state, queue, position, waiting, joined_at, leg = found
        told = None
        if position != "0" and state == "waiting":
            told = self.estimate(queue, int(position))
        configured = self.config.queues.get(queue)
        waited = self.clock() - float(joined_at)
        most = configured.max_wait if configured else None
        too_long = state == "waiting" and leg != "absent" and most is not None and waited > most
        return Place(
            int(position), int(waiting), told, cast(EntryState, state), queue, float(joined_at), too_long=too_long
        )

    def estimate(self, queue: str, position: int) -> Estimate | None:
        """How long whoever is at this position waits; `None` while nobody serves the queue."""
        return self.estimates({queue: position})[queue]

    def estimates(self, positions: Mapping[str, int]) -> dict[str, Estimate | None]:
        """The same for a position in each of several queues, in one round trip."""
        if not positions:
            return {}
        stored: Any = self.client.hmget("cw:staff", list(positions))
        told = {}
        for (queue, position), found in zip(positions.items(), stored, strict=True):
            staff = None if found is None else Staff(**json.loads(text(found)))
            fresh = staff is not None and self.clock() - staff.at <= STALE_STAFF
            told[queue] = estimate(position, staff) if staff is not None and fresh else None
        return told

    def entry(self, contact_id: str) -> Hash:
        """All that is stored of an entry, as text; empty for an unknown one. For screen pops and the desk."""
        return self.read(f"cw:entry:{contact_id}")

    def keep(self, holder: str, contact_ids: Iterable[str], offers: Mapping[str, str] | None = None) -> list[str]:
        """Say that this process has the legs of these contacts, waiting or connected, or is dialling them; `offers` has
        those by which contacts are in conversation, or being dialled. Gives those that the store doesn't know, or knows
        without that offer: `join` them again with their original `joined_at`, `reconnect` them, or `restore_dial`. Once
        every 5 seconds; a call that isn't kept for 20 is lost."""
        given = [part for contact in contact_ids for part in (contact, (offers or {}).get(contact, ""))]
        if not given:
            return []
        return list(self.run(scripts.KEEP, self.now(), holder, self.timing.dial, *given, key="cw:kept"))

    def leave(self, contact_id: str, reason: str) -> bool:
        """Take a contact out of its queue: `abandoned`, `voicemail`, `callback`, `flow`, `ended`. False if it isn't in
        one, being connected already."""
        return bool(self.run(scripts.LEAVE, self.now(), contact_id, reason, "", "0") != "no")

    def leave_unkept(self, contact_id: str) -> bool:
        """The router's: a call is lost unless its process has spoken meanwhile."""
        since = moment(self.clock() - self.timing.kept)
        return bool(self.run(scripts.LEAVE, self.now(), contact_id, "lost", "1", since) == "left")

    def pause(self, contact_id: str) -> bool:
        """The contact does something else for a while: it keeps its place and isn't offered, until `resume`. False if
        it isn't waiting, or an agent has accepted it."""
        return bool(self.run(scripts.PAUSE, self.now(), contact_id, "1") == "yes")

    def resume(self, contact_id: str) -> bool:
        """It may be offered again. False if it isn't waiting."""
        return bool(self.run(scripts.PAUSE, self.now(), contact_id, "") == "yes")

    def set_priority(self, contact_id: str, priority: int) -> bool:
        """0 to 100, the highest first. False for a contact that isn't in a queue; ValueError beyond."""
        return bool(self.run(scripts.SET_PRIORITY, self.now(), contact_id, _priority(priority)) != "no")

    def move(self, contact_id: str, queue: str, *, why: str = "asked", from_: str = "") -> bool:
        """To another queue, with its `joined_at`. False if it isn't waiting (in `from_`). Raises `UnknownQueue`."""
        self.queue(queue)
        return bool(self.run(scripts.MOVE, self.now(), contact_id, queue, why, from_) != "no")

    def announced(self, contact_id: str) -> Announced | None:
        """What the contact was told last (see `callcenter.acd.announce`)."""
        entry = self.entry(contact_id)
        if not entry.get("announced_at"):
            return None
        said = json.loads(entry["announced_estimate"])["seconds"] if entry.get("announced_estimate") else None
        return Announced(float(entry["announced_at"]), int(entry["announced_position"]), said)

    def announce(self, contact_id: str, position: int, told: Estimate | None) -> bool:
        """Note that this was said. An estimate is stored as promised. False if the contact isn't in a queue."""
        said = estimate_json(told) if told else ""
        return bool(self.run(scripts.PROMISE, self.now(), contact_id, position, said) == "said")


def _priority(value: int) -> int:
    if not 0 <= value <= MAX_PRIORITY:
        raise ValueError(f"a priority is 0 to {MAX_PRIORITY}, not {value}")
    return int(value)
