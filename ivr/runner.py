"""The runner: load, step, commit, and only then tell the channel what to do.

One door for everything that happens to a session: channels, finished actions and timers all come through `feed`.
Two that come at once are put in order by the database (compare-and-set on `seq`); the later one steps again from
what the first left. An Input that isn't due, or a request that was answered before, changes nothing and gets the
stored reply.
"""

from __future__ import annotations

import contextvars
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

from callcenter.emergency import ALL
from ivr import actions, metrics
from ivr.earlier import find_earlier
from ivr.emergency import Announcements
from ivr.flow.effects import Effect, RunAction
from ivr.flow.inputs import ActionDone, Announcement, Earlier, Input, Started, Words
from ivr.flow.opening import opened
from ivr.flow.secret import Secret
from ivr.flow.session import ASSISTED, Session
from ivr.flow.step import WrongInput, step
from ivr.published import Published
from ivr.settings import Settings
from ivr.store import SessionStore, Stored, Unknown
from ivr.vault import Vault

log = structlog.get_logger("callwright.runner")

Render = Callable[[Session, Sequence[Effect]], str]
"""Makes the channel's reply from what the flow wants; it is stored with the step, before it leaves."""

Also = Callable[[sa.Connection, Session, Sequence[Effect]], None]
"""What else belongs to the transaction of a step (a message that it answers). What it raises undoes the step."""

RACES = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """What one Input led to. `fresh` is False for a repeated or late request: then `effects` is empty and `reply` is
    the stored one."""

    session: Session
    effects: tuple[Effect, ...]
    reply: str
    fresh: bool = True

    @property
    def action(self) -> RunAction | None:
        """The action that the session now waits for."""
        return next((effect for effect in self.effects if isinstance(effect, RunAction)), None)


class NoPaymentFlow(LookupError):
    """The company takes no payments with agents on the line."""


class NoFlow(LookupError):
    """The published flows have none of that name."""


class Runner:
    """Thread-safe. `settings` is handed on to actions; `clock` gives aware datetimes."""

    def __init__(
        self,
        engine: Engine,
        published: Published,
        vault: Vault,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        threads: int = 32,
    ) -> None:
        self.engine = engine
        self.published = published
        self.store = SessionStore(engine, vault)
        self.announcements = Announcements(engine)
        self._settings = settings
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="action")

    def start(
        self,
        *,
        channel: str,
        capabilities: frozenset[str],
        external_id: str,
        caller: str,
        called: str,
        attestation: str = "",
        render: Render = lambda session, effects: "",
        contact_id: str = "",
        language: str = "",
        first: Words | None = None,
        also: Also | None = None,
        earlier: Earlier | None = None,
    ) -> Turn:
        """A caller is there. A repeated start of the same call (by channel and `external_id`) gets the stored reply.

        `contact_id` is the contact, where it has been stored already. `language` is the customer's, if flows speak
        it. `first` is what the caller said to begin with: it answers the first question if that understands it.
        `earlier` is what it goes on with, where the channel knows; by default it is looked for.
        """
        flows = self.published.current()
        session = Session(
            id=uuid.uuid4().hex,
            contact_id=contact_id or uuid.uuid4().hex,
            channel=channel,
            capabilities=capabilities,
            flow_hash=flows.hash,
            language=language if language in flows.company.languages else flows.default_language,
            caller=caller,
            called=called,
            attestation=attestation,
        )
        now = self._clock()
        if earlier is None and flows.company.resume is not None:
            earlier = find_earlier(self.engine, flows.company, session, now, known=bool(contact_id))
        session, effects = opened(flows, session, Started(earlier, self.announcement(session)), first, now)
        reply = render(session, effects)
        stored_also = None if also is None else partial(_call, also, session, effects)
        if not self.store.create(session, external_id, effects, reply, now, flows.company.country,
                                 contact=not contact_id, also=stored_also):  # fmt: skip
            stored = self.store.find(channel, external_id)
            return Turn(stored.session, (), stored.reply, fresh=False)
        metrics.CONTACTS.labels(channel).inc()
        log.info("started", contact=session.contact_id, session=session.id, channel=channel, external_id=external_id)
        return Turn(session, tuple(effects), reply)

    def announcement(self, session: Session) -> Announcement | None:
        """What whoever comes in now is told first."""
        return self.announcements.now().get(ALL)

    def start_assisted(
        self,
        *,
        channel: str,
        external_id: str,
        contact_id: str,
        caller: str,
        called: str,
        language: str,
        slots: Mapping[str, Any],
        render: Render = lambda session, effects: "",
    ) -> Turn:
        """An agent begins the company's payment flow with the customer of a contact, and stays on the line; `slots`
        are what they agreed on. A session of its own; a repeated start of it gets the stored reply. Raises
        `NoPaymentFlow`."""
        if self.published.current().company.payment is None:
            raise NoPaymentFlow("company.yaml names no flow under `payment`")
        return self.start_within(
            channel=channel, capabilities=ASSISTED, external_id=external_id, contact_id=contact_id, caller=caller,
            called=called, language=language, slots=slots, render=render,
        )  # fmt: skip

    def start_within(
        self,
        *,
        channel: str,
        capabilities: frozenset[str],
        external_id: str,
        contact_id: str,
        caller: str,
        called: str,
        language: str,
        slots: Mapping[str, Any],
        flow: str = "",
        render: Render = lambda session, effects: "",
    ) -> Turn:
        """A session of a contact that is there already, and that we began: with these slots, and `flow` if that isn't
        the usual one. `caller` is the customer's address. A repeated start of it gets the stored reply. Raises
        `NoFlow`."""
        flows = self.published.current()
        if flow and flow not in flows.flows:
            raise NoFlow(f"there is no flow '{flow}' any more")
        session = Session(
            id=uuid.uuid4().hex,
            contact_id=contact_id,
            channel=channel,
            capabilities=capabilities,
            flow_hash=flows.hash,
            language=language if language in flows.company.languages else flows.default_language,
            caller=caller,
            called=called,
            slots=dict(slots),
        )
        now = self._clock()
        session, effects = step(flows, session, Started(flow=flow), now)
        reply = render(session, effects)
        if not self.store.create(session, external_id, effects, reply, now, contact=False):
            stored = self.store.find(channel, external_id)
            return Turn(stored.session, (), stored.reply, fresh=False)
        log.info("started", contact=contact_id, session=session.id, flow=flow or "its own")
        return Turn(session, tuple(effects), reply)

    def feed(
        self,
        session: Session | str,
        given: Input,
        *,
        seq: int | None = None,
        render: Render = lambda session, effects: "",
        also: Also | None = None,
    ) -> Turn:
        """Take one Input. `seq` is the session's `seq` when the request was made for it: an older one is a repeated
        or late request. A `Session` that the caller still holds saves reading it; the commit tells if it was stale.

        Raises `Unknown` for an unknown session, and SQLAlchemy's errors when the database can't be reached: then
        nothing has happened and the same Input may be fed again.
        """
        stored = Stored(session, "", self._clock()) if isinstance(session, Session) else self.store.load(session)
        for _ in range(RACES):
            before = stored.session
            if seq is not None and seq != before.seq:
                if seq > before.seq:
                    raise Unknown
                metrics.REPEATED.labels(before.channel).inc()
                return Turn(before, (), stored.reply or self.store.load(before.id).reply, fresh=False)
            now = self._clock()
            flows = self.published.get(before.flow_hash)
            try:
                after, effects = step(flows, before, given, now)
            except WrongInput as error:
                log.info("not due", session=before.id, input=type(given).__name__, why=str(error))
                return Turn(before, (), stored.reply or self.store.load(before.id).reply, fresh=False)
            reply = render(after, effects)
            if self.store.commit(after, effects, reply, now,
                                 also=None if also is None else partial(_call, also, after, effects)):  # fmt: skip
                metrics.STEPS.labels(before.channel).inc()
                if after.ended:
                    log.info("ended", contact=after.contact_id, session=after.id, outcome=after.outcome)
                return Turn(after, tuple(effects), reply)
            stored = self.store.load(before.id)
        raise RuntimeError(f"session {stored.session.id} is changed faster than it can be stepped")

    def begin(self, session: Session, action: RunAction) -> Future[ActionDone]:
        """Run an action in a thread of its own, the clock ticking from now."""
        deadline = time.monotonic() + action.budget
        ids = contextvars.copy_context()  # the call's ids stay in the log lines of the other thread
        return self._pool.submit(ids.run, self._perform, session, action, deadline)

    def wait(self, running: Future[ActionDone], action: RunAction, seconds: float) -> ActionDone | None:
        """The action's outcome if it comes within `seconds`, else `None`."""
        try:
            return running.result(seconds)
        except Late:
            return None

    def pending(self, session: Session) -> RunAction | None:
        """The action that a stored session waits for: to be run again if the process that ran it has died. The
        idempotency key is the same, so what was done is not done twice."""
        waiting = session.waiting or {}
        if "ActionDone" not in waiting.get("for", ()):
            return None
        flow, name = session.stack[-1]
        step_model: Any = self.published.get(session.flow_hash).flows[flow].steps[name]
        flows = self.published.get(session.flow_hash)
        budget = flows.actions[step_model.action].budget if step_model.budget is None else step_model.budget
        state = waiting["state"]
        return RunAction(state["call"], step_model.action, dict(state["arguments"]), budget)

    def _perform(self, session: Session, action: RunAction, deadline: float) -> ActionDone:
        flows = self.published.get(session.flow_hash)
        company = flows.company
        context = actions.ActionContext(
            engine=self.engine,
            now=self._clock().astimezone(ZoneInfo(company.timezone)),
            contact_id=session.contact_id,
            session_id=session.id,
            idempotency_key=f"{session.id}:{action.call}",
            company=company,
            files=flows.files,
            deadline=deadline,
            settings=self._settings,
            text=lambda id: flows.text(session.language, id) or "",
        )
        given = {
            name: value.reveal() if isinstance(value, Secret) else value for name, value in action.arguments.items()
        }
        began = time.monotonic()
        result = actions.perform(action.name, context, given)
        metrics.ACTIONS.labels(action.name, result.exit).observe(time.monotonic() - began)
        log.info("action", session=session.id, action=action.name, exit=result.exit, number=action.call)
        return ActionDone(action.call, result.exit, result.data)

    def now(self) -> datetime:
        return self._clock()

    def submit(self, work: Callable[..., object], *arguments: object) -> None:
        """Do something in the pool that nobody waits for; what goes wrong is logged."""

        def guarded() -> None:
            try:
                work(*arguments)
            except Exception as error:
                log.warning("background work failed", work=work.__name__, error=f"{type(error).__name__}: {error}")

        self._pool.submit(guarded)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _call(also: Also, session: Session, effects: Sequence[Effect], connection: sa.Connection) -> None:
    also(connection, session, effects)
