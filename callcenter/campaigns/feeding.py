"""Puts people of lists into queues: as many as agents of the queue have nothing else to do, behind all inbound callers.

Any number may run at once. A person is leased in the database first, with the id of the contact; the queue takes each
contact once. A process that dies in between leaves a lease, and whoever runs next joins the same contact again.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import redis
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter import locks
from callcenter.campaigns import calls, deciding, people
from callcenter.campaigns.config import BY_AGENTS, Campaign
from callcenter.campaigns.deciding import Lists
from callcenter.campaigns.people import Person
from callcenter.db import reading
from callcenter.queues import closing
from callcenter.queues.callbacks import known_as
from callcenter.queues.redis_hash import Hash, entry_fields, moment, text
from callcenter.queues.staffing import groups_of
from callcenter.queues.store import Queues
from callcenter.tables import queue_entries

logger = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds from one look to the next."""
LOOKED_AT: Final = 50
"""People of one campaign in one transaction: short, so that nobody waits for its locks."""
LEASE: Final = timedelta(seconds=10)
"""Who hasn't joined so long after being leased is joined by whoever looks next."""
STALE: Final = 60.0
"""Seconds after which who waits in vain is taken out of the queue."""
BEHIND: Final = -1
"""The priority: inbound contacts have 0 to 100."""


class Feeder:
    """`lists` gives the campaigns as they are published now."""

    def __init__(self, engine: Engine, queues: Queues, lists: Callable[[], Lists]) -> None:
        self.engine, self.queues, self._lists = engine, queues, lists

    def run(self, stopping: threading.Event, every: float = EVERY) -> None:
        """Until `stopping` is set; what fails is tried again."""
        while not stopping.is_set():
            try:
                self.once()
            except (redis.RedisError, SQLAlchemyError) as error:
                logger.warning("campaigns wait: %s: %s", type(error).__name__, str(error).splitlines()[0:1])
            except Exception:
                logger.exception("campaigns can't be fed")
            stopping.wait(every)

    def once(self) -> int:
        """One round; gives how many people joined a queue."""
        lists = self._lists()
        now = datetime.fromtimestamp(self.queues.clock(), UTC)
        with reading(self.engine) as conn:
            there = people.queued(conn)
            due = [name for name, one in lists.campaigns.items() if one.flow is None and people.due(conn, name, now, 1)]
        if not there and not due:
            return 0
        entries = dict(self.queues.hashes("cw:entry:", [person.contact_id for person in there]))
        self._tend(lists, there, entries, now)
        return sum(self._feed(lists, name, now) for name in due)

    def _tend(self, lists: Lists, there: Sequence[Person], entries: Mapping[str, Hash], now: datetime) -> None:
        """Whoever is in a queue and may not be called any more is taken out; what was leased and never joined joins."""
        for person in there:
            entry = entries[person.contact_id]
            if entry.get("state") == "waiting" and entry.get("leg") == "absent":
                with reading(self.engine) as conn:
                    found = deciding.hindrance(conn, lists, person, now)
                if found is not None:
                    self.queues.cancel_callback(person.contact_id, found.result or found.why)
                elif self.queues.clock() - float(entry["joined_at"]) > STALE and not self._serve(entry["queue"]):
                    self.queues.cancel_callback(person.contact_id, "no_agent")
            elif not entry and now - person.updated_at >= LEASE:
                with reading(self.engine) as conn:
                    known = conn.execute(
                        sa.select(queue_entries.c.state).where(queue_entries.c.contact_id == person.contact_id)
                    ).scalar_one_or_none()
                campaign = lists.campaigns.get(person.campaign)
                if known is None and campaign is not None:  # else the store has lost it, and the router puts it back
                    self._join(lists, person, campaign)
                elif known is None:
                    with self.engine.begin() as conn:
                        people.again(conn, person, now, now)

    def _feed(self, lists: Lists, name: str, now: datetime) -> int:
        campaign = lists.campaigns[name]
        if campaign.queue not in self.queues.config.queues or not self.queues.open_at(campaign.queue, now.timestamp()):
            return 0
        idle = self._idle(campaign.queue)
        if not idle:
            return 0
        leased: list[str] = []
        with self.engine.begin() as conn:
            locks.hold(conn, f"campaign:{campaign.queue}")
            if closing.is_closed(conn, campaign.queue) or closing.is_closed(conn, closing.ALL):
                return 0
            room = self._room(conn, lists, campaign, idle)
            for person in people.due(conn, name, now, LOOKED_AT) if room > 0 else ():
                if len(leased) >= room:
                    break
                if calls.may_begin(conn, lists, person, now, self.queues.callbacks_of):
                    contact_id = calls.contact(conn, person, now)
                    if people.lease(conn, person, contact_id, now):
                        leased.append(contact_id)
            joining = people.of_contacts(conn, leased)
        for contact_id in leased:
            self._join(lists, joining[contact_id], campaign)
        return len(leased)

    def _idle(self, queue: str) -> int:
        """Agents of the queue who have nothing to do: those with the skills that it requires, or where there is none,
        those who will do once they are relaxed."""
        now, configured = self.queues.clock(), self.queues.queue(queue)
        serving = groups_of(self.queues.config, queue)
        idle = [
            agent
            for agent in self.queues.agents().values()
            if not agent.groups.isdisjoint(serving) and agent.state == "idle" and agent.blocked_until <= now
        ]
        for skills in (configured.skills, *(stage.skills for stage in configured.relax)):
            able = sum(all(agent.skills.get(name, 0) >= level for name, level in skills.items()) for agent in idle)
            if able:
                return able
        return 0

    def _serve(self, queue: str) -> bool:
        return queue in self.queues.config.queues and self._idle(queue) > 0

    def _room(self, conn: Connection, lists: Lists, campaign: Campaign, idle: int) -> int:
        """How many more may join: one for each idle agent whom nobody waits for already."""
        mine = [
            person.contact_id
            for person in people.queued(conn)
            if person.campaign in lists.campaigns and lists.campaigns[person.campaign].queue == campaign.queue
        ]
        inside = [text(item) for item in self.queues.client.zrange(f"cw:queue:{campaign.queue}", 0, idle + len(mine))]
        entries = dict(self.queues.hashes("cw:entry:", {*mine, *inside}))
        # Who was leased a moment ago and hasn't joined yet waits for an agent as well.
        waiting = sum(
            not entry or (entry.get("state") == "waiting" and float(entry["not_before"]) <= self.queues.clock())
            for entry in entries.values()
        )
        return min(idle - waiting, campaign.at_once - len(mine))

    def _join(self, lists: Lists, person: Person, campaign: Campaign) -> None:
        """Once for each contact, however often it is called."""
        with reading(self.engine) as conn:
            language, keys = calls.language_of(conn, person) or lists.language, known_as(conn, person.customer_id)
        now = self.queues.clock()
        settings = calls.settings_of(lists, person, campaign, language)
        data = {"slots": calls.slots_of(person), BY_AGENTS: settings}
        fields = entry_fields(
            {"customer_id": person.customer_id, "language": language, "priority": BEHIND,
             "data": data, "known_as": keys},
            channel=calls.CHANNEL, joined_at=now, number=person.number, attempts=0, requested_at=moment(now), once="1",
        )  # fmt: skip
        self.queues._join(person.contact_id, campaign.queue, fields)


def of_entry(entry: Hash) -> Mapping[str, Any]:
    """What a queue's entry says of its campaign (see `calls.settings_of`); empty for an inbound contact."""
    found: Mapping[str, Any] = json.loads(entry.get("data") or "{}").get(BY_AGENTS) or {}
    return found
