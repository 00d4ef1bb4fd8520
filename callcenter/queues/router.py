"""The router: matches who waits with who is free, as soon as either changes; ends what is over; calls back.

Any number may run at once. A router that dies leaves nothing behind: all that it knows is in the store, and another
one, or the same one started again, goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import redis
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter.acd.match import match
from callcenter.acd.model import Proposal
from callcenter.acd.overflow import overflows
from callcenter.queues import identifying, journal, projection, reaper
from callcenter.queues.base import UnknownQueue
from callcenter.queues.journal import Fact
from callcenter.queues.mirror import Mirror
from callcenter.queues.restore import restore
from callcenter.queues.staffing import Staffing
from callcenter.queues.store import Queues

logger = logging.getLogger(__name__)

WAIT = 0.25
"""Seconds between looks at what changes by time alone: skills that relax, agents whose delay is over."""
RARELY = 1.0
BATCH = 50
"""Proposals claimed in one round trip."""
STEP = 10
"""Contacts moved before a look at what has happened."""
AGAIN = 0.2
"""Seconds before another try, where the store or the database doesn't answer."""


class Router:
    """One thread's router. `engine` is for putting back what the store lost; without it nothing is put back.
    `reload` brings `queues.config` up to date. `on_facts` is called with all that happened, `on_start` after a look at
    the whole store; both must be quick."""

    def __init__(
        self,
        queues: Queues,
        engine: Engine | None = None,
        *,
        reload: Callable[[], None] | None = None,
        on_facts: Callable[[list[Fact]], None] | None = None,
        on_start: Callable[[], None] | None = None,
    ) -> None:
        self.queues = queues
        self.engine = engine
        self.staffing = Staffing()
        self._reload = reload
        self._on_facts = on_facts
        self._on_start = on_start
        self._mirror: Mirror | None = None
        self._rarely_at = self._matched_at = 0.0
        self._chores: Iterator[None] | None = None
        self._epoch = ""
        self._patient_until = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Until `stopping` is set. Errors are told and tried again."""
        while not stopping.is_set():
            try:
                self.once(WAIT)
            except (redis.RedisError, SQLAlchemyError) as error:
                logger.warning("the router waits: %s: %s", type(error).__name__, str(error).splitlines()[0:1])
                self.forget()
                stopping.wait(AGAIN)
            except Exception:
                logger.exception("the router begins anew")
                self.forget()
                stopping.wait(AGAIN)

    def forget(self) -> None:
        """Read all anew the next time. Nobody could keep a leg while the store was away, so legs get time for it."""
        self._mirror = self._chores = None

    def once(self, block: float | None = None) -> int:
        """One round; waits up to `block` seconds for something to happen. Gives the number of offers made."""
        if self._mirror is None:
            self._begin()
        assert self._mirror is not None
        facts = self._mirror.update(None if self._chores is not None else self._until_timer(block))
        timer = self._mirror.next_timer
        if timer is not None and timer <= self.queues.clock() and reaper.reap_timers(self.queues):
            facts += self._mirror.update()
        if facts:
            self.staffing.note(facts)
            if self._on_facts is not None:
                self._on_facts(facts)
        made = self._offer()
        self._go_on(finish=block is None)
        return made

    def _begin(self) -> None:
        self._patient_until = self.queues.clock() + self.queues.timing.kept
        self._look_for_loss()
        self._mirror = Mirror(self.queues)
        if self._on_start is not None:
            self._on_start()
        self._rarely_at = 0.0

    def _look_for_loss(self) -> None:
        if self.queues.epoch() == self._epoch:
            return
        if self.engine is not None:
            # First the drain takes note of the loss, so that what is put back comes after it.
            journal.drain(self.engine, self.queues)
        epoch = self.queues.epoch()
        if self.engine is not None and (restored := restore(self.engine, self.queues)):
            logger.warning("put back into the queues: %d", restored)
        self._epoch = epoch
        self._patient_until = self.queues.clock() + self.queues.timing.kept

    def _until_timer(self, block: float | None) -> float | None:
        timer = self._mirror.next_timer if self._mirror is not None else None
        if block is None or timer is None:
            return block
        return min(block, max(0.001, timer - self.queues.clock()))

    def _offer(self) -> int:
        mirror = self._mirror
        assert mirror is not None
        now = self.queues.clock()
        # A clock that was set back doesn't stop it.
        if not mirror.promising and 0 <= now - self._matched_at < WAIT:
            return 0
        mirror.promising, self._matched_at = False, now
        proposals = [proposal for proposal in match(mirror.snapshot, now) if self._in_hours(proposal, now)]
        made = 0
        for start in range(0, len(proposals), BATCH):
            batch = proposals[start : start + BATCH]
            for proposal, offers in zip(batch, self.queues.claim_all(batch), strict=True):
                mirror.claimed(proposal, offers)
                made += len(offers)
        return made

    def _in_hours(self, proposal: Proposal, now: float) -> bool:
        """Nobody is called back while the queue is closed."""
        if not proposal.absent or self.queues.open_at(proposal.queue, now):
            return True
        hours = self.queues.queue(proposal.queue).callback_hours
        opens = self.queues.hours.next_open(hours or "", now)
        self.queues.postpone(proposal.contact_id, now + 3600 if opens is None else opens, "closed")
        return False

    def _go_on(self, *, finish: bool) -> None:
        """One step of what is done rarely, or all that are left."""
        now = self.queues.clock()
        # A clock that was set back doesn't stop it.
        if self._chores is None and not 0 <= now - self._rarely_at < RARELY:
            self._rarely_at, self._chores = now, self._rarely(now)
        if self._chores is not None:
            for _ in self._chores:
                if not finish:
                    return
            self._chores = None

    def _rarely(self, now: float) -> Iterator[None]:
        """In steps, so that an offer need not wait for more than one of them."""
        self._look_for_loss()
        yield
        if self._reload is not None:
            self._reload()
            yield
        if now >= self._patient_until:
            reaper.reap_legs(self.queues)
            yield
            reaper.reap_desks(self.queues)
            yield
        assert self._mirror is not None
        snapshot = self._mirror.snapshot
        yield from self.staffing.publish(self.queues, snapshot)
        for number, move in enumerate(overflows(snapshot, now, self.staffing.current), 1):
            self.queues.move(move.contact_id, move.to, why=move.why, from_=move.from_queue)
            if number % STEP == 0:
                yield
        self._rehome()

    def _rehome(self) -> None:
        """Contacts of queues that aren't configured any longer go to the first one."""
        assert self._mirror is not None
        to = self.queues.config.default
        for name in self._mirror.waiting.sizes():
            if to and name not in self.queues.config.queues:
                for entry in self._mirror.waiting.in_order(name):
                    try:
                        self.queues.move(entry.contact_id, to, why="no_such_queue")
                    except UnknownQueue:
                        return


class Drain:
    """Brings the journal into the database, and who contacts turn out to be from there into the store; in a thread of
    its own: a slow database delays no offer."""

    def __init__(self, engine: Engine, queues: Queues, messages: projection.Messages | None = None) -> None:
        self.engine, self.queues, self.messages = engine, queues, messages
        self._trimmed_at = time.monotonic()

    def once(self) -> int:
        """What is there; gives how many entries."""
        done = journal.drain(self.engine, self.queues, self.messages)
        identifying.follow(self.engine, self.queues)
        if time.monotonic() - self._trimmed_at > journal.KEPT / 10:
            journal.trim(self.engine, self.queues.client)
            self._trimmed_at = time.monotonic()
        return done

    def run(self, stopping: threading.Event, pause: float = 0.2) -> None:
        """Until `stopping` is set, and once more."""
        while True:
            last = stopping.is_set()
            try:
                self.once()
            except (redis.RedisError, SQLAlchemyError) as error:
                logger.warning("the journal waits: %s: %s", type(error).__name__, str(error).splitlines()[0:1])
            except Exception:
                logger.exception("the journal can't be drained")
            if last:
                return
            stopping.wait(pause)
