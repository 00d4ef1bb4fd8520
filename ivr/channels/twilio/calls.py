"""Twilio calls on the runner: what a request brings becomes an Input, and slow actions are waited for politely.

An action that isn't done when the filler is due goes on in the runner's pool and takes its step by itself when it
ends; the caller hears the filler and Twilio polls. If the server that ran it has died, the next poll runs it again
under the same idempotency key.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from ivr.channels.twilio.sip_host import CHANNEL as CHANNEL
from ivr.channels.twilio.twiml import Fold
from ivr.channels.twilio.waiting import Waiting, lost, music_again
from ivr.flow.collect import SWALLOW
from ivr.flow.effects import RunAction, Say
from ivr.flow.inputs import ActionDone, Fault, HungUp, Input, Keys, Started, Words
from ivr.flow.session import VOICE, Session
from ivr.runner import Render, Runner, Turn
from ivr.store import Unknown

log = structlog.get_logger("callwright.twilio")

WORDS = VOICE | {"words"}
"""What a call can do where Twilio recognises speech. Secrets are keyed all the same: see docs/twilio.md."""
PATIENCE = 8.0
"""Seconds that one request may wait for actions; Twilio gives up after 15."""
HOLD = 4.0
"""Seconds that a poll is held before the filler is said again."""
GRACE = 1.0
"""Seconds beyond its budget after which an action that doesn't come back has failed."""
LOOK = 0.2
REMEMBERED = 2000


@dataclass(slots=True)
class _Running:
    action: RunAction
    until: float
    finished: threading.Event = field(default_factory=threading.Event)


class Assisting(Protocol):
    """What steps of a payment with the agent on the line mean to the conversation: see `payment_steps`."""

    def charges(self, session: Session, action: RunAction) -> bool:
        """The action is about to be begun. False where it must not be: the payment was stopped."""
        ...

    def took(self, turn: Turn, given: Input) -> Turn:
        """The session has taken a step. Gives the one after it where nothing more may be asked."""
        ...

    def stop(self, session: Session) -> Turn:
        """Nothing more is asked; the caller is told so."""
        ...


class Calls:
    """Every method gives TwiML and may raise `Unknown` and SQLAlchemy's errors. Thread-safe."""

    def __init__(self, runner: Runner, fold: Fold, waiting: Waiting, assisting: Assisting) -> None:
        self.runner, self.fold = runner, fold
        self._waiting, self._assisting = waiting, assisting
        self._running: dict[str, _Running] = {}
        self._recent: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, call_sid: str, caller: str, called: str, attestation: str = "") -> str:
        """A call came in. A repeated request for it gets the stored reply."""
        turn = self.runner.start(
            channel=CHANNEL,
            capabilities=(WORDS if self.fold.speech else VOICE) | self._waiting.capabilities,
            external_id=call_sid,
            caller=caller,
            called=called,
            attestation=attestation,
            render=self.fold.reply,
        )
        return self._settle(turn)

    def answer(self, session_id: str, seq: int, given: Input, *, full: bool = False) -> str:
        """What the caller did. `full`: it is a number of full length, after which # may still come."""
        known = self._recent.get(session_id)
        session = known if known is not None and known.seq == seq else session_id
        return self._settle(self._feed(session, given, seq=seq, render=self._render(full=full)), full=full)

    def belongs_to_last(self, session_id: str, seq: int) -> str | None:
        """The stored reply, if # came so soon after a number of full length that it was meant to finish that."""
        stored = self.runner.store.load(session_id)
        soon = (self.runner.now() - stored.at).total_seconds() <= SWALLOW
        return stored.reply if soon and stored.session.seq == seq else None

    def _render(self, carried: Sequence[Say] = (), *, full: bool) -> Render:
        return lambda session, effects: self.fold.reply(session, effects, carried, full=full)

    def again(self, session_id: str) -> str:
        """The last reply once more."""
        return self.runner.store.load(session_id).reply

    def fault(self, call_sid: str, what: str) -> str:
        """Something went wrong outside the flow: the flow takes its route to a person."""
        session = self.runner.store.find(CHANNEL, call_sid).session
        return self._settle(self.runner.feed(session, Fault(what), render=self.fold.reply))

    def hung_up(self, call_sid: str) -> None:
        session = self.runner.store.find(CHANNEL, call_sid).session
        self._waiting.over(session, "abandoned")
        if not session.ended:
            self._remember(self.runner.feed(session, HungUp(), render=self.fold.reply).session)

    def chosen(self, session: str, seq: int, given: Keys | Words) -> str:
        """A key or words of one who waits for an agent."""
        turn = self.runner.feed(session, given, seq=seq, render=self.fold.reply)
        self._waiting.elsewhere(turn)
        return self._settle(turn)

    def still_queued(self, session: str, seq: int, said: int) -> str:
        """A round of music is over: news of the queue, or more music."""
        stored = self.runner.store.load(session)
        if seq > stored.session.seq:
            raise Unknown
        told = self._waiting.news(stored.session) if stored.session.seq == seq else None
        if told is None:
            return stored.reply if stored.session.seq != seq else music_again(stored.reply, said)
        turn = self.runner.feed(stored.session, told, seq=seq, render=self.fold.reply)
        self._waiting.elsewhere(turn)
        return self._settle(turn)

    def wait(self, session: str, seq: int, boot: str) -> str:
        """A poll for a slow action: what came of it, or the filler again."""
        stored = self.runner.store.load(session)
        if seq > stored.session.seq:
            raise Unknown
        action = self.runner.pending(stored.session) if stored.session.seq == seq else None
        if action is None:
            nothing = lost(stored.session) if stored.session.seq == seq else None
            if nothing is None:
                return stored.reply
            self._look(session, seq)  # another request may be at it still
            return self._settle(self._feed(session, nothing, seq=seq))
        running = self._running.get(session)
        age = (self.runner.now() - stored.at).total_seconds()
        if running is None and boot == self.fold.boot and age <= action.budget + GRACE:
            self._look(session, seq)  # another worker of this server has it
        else:
            running = running or self._later(stored.session, action, None)
            running.finished.wait(HOLD)
        stored = self.runner.store.load(session)
        if stored.session.seq != seq:
            return stored.reply
        if running is not None and time.monotonic() > running.until:
            log.warning("action overran its budget", session=session, action=action.name, budget=action.budget)
            self._running.pop(session, None)
            return self._settle(self._feed(stored.session, ActionDone(action.call, "failed"), seq=seq))
        filler = running.action.filler if running is not None else None
        return self.fold.still_waiting(stored.session, [Say(filler)] if filler else [])

    def assisted(self, turn: Turn) -> str:
        """A payment has begun, or is asked again how it begins."""
        return self._settle(self._took(turn, Started()))

    def _feed(
        self, session: Session | str, given: Input, *, seq: int | None = None, render: Render | None = None
    ) -> Turn:
        return self._took(self.runner.feed(session, given, seq=seq, render=render or self.fold.reply), given)

    def _took(self, turn: Turn, given: Input) -> Turn:
        told = turn.fresh and "assisted" in turn.session.capabilities
        return self._assisting.took(turn, given) if told else turn

    def _may(self, session: Session, action: RunAction) -> bool:
        return "assisted" not in session.capabilities or self._assisting.charges(session, action)

    def _settle(self, turn: Turn, *, full: bool = False) -> str:
        """See to the actions that the turn asks for, as long as the caller may be kept waiting in silence."""
        says: list[Say] = []
        deadline = time.monotonic() + PATIENCE
        while turn.fresh:
            done: Input | None
            if (action := turn.action) is None:
                done = self._waiting.answer(turn)
                if done is None:
                    break
                says += [effect for effect in turn.effects if isinstance(effect, Say)]
            else:
                says += [effect for effect in turn.effects if isinstance(effect, Say)]
                if not self._may(turn.session, action):
                    turn = self._assisting.stop(turn.session)
                    break
                began = time.monotonic()
                running = self.runner.begin(turn.session, action)
                done = self.runner.wait(running, action, max(0.0, min(action.filler_after, deadline - began)))
                if done is None:
                    self._later(turn.session, action, running)
                    filler = [Say(action.filler)] if action.filler else []
                    return self.fold.still_waiting(turn.session, [*says, *filler])
            turn = self._feed(turn.session, done, render=self._render(tuple(says), full=full))
        if turn.fresh and turn.session.ended:
            self._waiting.over(turn.session, turn.session.outcome or "flow")
        self._remember(turn.session)
        return turn.reply

    def _later(self, session: Session, action: RunAction, future: Future[ActionDone] | None) -> _Running:
        """Let the action's end take its step by itself; start it first, unless it runs already."""
        with self._lock:
            known = self._running.get(session.id)
            if future is None and known is not None:
                return known
            running = _Running(action, time.monotonic() + action.budget + GRACE)
            self._running[session.id] = running

        def ended(future: Future[ActionDone]) -> None:
            try:
                failed = future.cancelled() or future.exception() is not None
                done = ActionDone(action.call, "failed") if failed else future.result()
                turn = self._feed(session, done)
                if turn.fresh and turn.action is not None:
                    if self._may(turn.session, turn.action):
                        self._later(turn.session, turn.action, self.runner.begin(turn.session, turn.action))
                    else:
                        self._assisting.stop(turn.session)
            except Exception:  # the next poll runs it again
                log.exception("the end of an action could not be stored", session=session.id, action=action.name)
            finally:
                if self._running.get(session.id) is running:
                    del self._running[session.id]
                running.finished.set()

        (future or self.runner.begin(session, action)).add_done_callback(ended)
        return running

    def _look(self, session_id: str, seq: int) -> None:
        """Until the session moves on, or for `HOLD` seconds."""
        deadline = time.monotonic() + HOLD
        while time.monotonic() < deadline and self.runner.store.load(session_id).session.seq == seq:
            time.sleep(LOOK)

    def _remember(self, session: Session) -> None:
        """Keep what this process committed last: the next request needn't read it. The commit tells if it is stale."""
        with self._lock:
            if session.ended:
                self._recent.pop(session.id, None)
                return
            self._recent[session.id] = session
            self._recent.move_to_end(session.id)
            while len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
