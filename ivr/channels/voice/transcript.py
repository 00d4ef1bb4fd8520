"""What a caller is understood to say while they still talk: in the event log, and told to whoever watches the call.

What was understood in the end is the flow's event `heard`. Here are the guesses before it, of kind `heard_partial`:
bounded in number and rate, none of a secret answer, and masked where they may be a card's number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter import events
from ivr.flow.answering import on_record
from ivr.flow.effects import Collect
from ivr.flow.session import Session

log = structlog.get_logger("callwright.voice")

KIND = "heard_partial"
EVERY = 0.5
"""Least seconds between two."""
MOST = 20
"""Of one answer."""

Tell = Callable[[str, str, Mapping[str, Any]], object]
"""Tells a live topic (`callcenter.live.Live.publish`); may block."""


class Transcript:
    """One per call; belongs to the event loop. `executor` runs what blocks; `clock` gives aware datetimes."""

    def __init__(
        self, engine: Engine, executor: Executor, clock: Callable[[], datetime], tell: Tell | None = None
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._clock = clock
        self._tell = tell
        self._session: Session | None = None
        self._ask: Collect | None = None
        self._last = ""
        self._count = 0
        self._next = 0.0

    def begin(self, session: Session, ask: Collect) -> None:
        """A question is open, and no longer the one before."""
        self._session, self._ask = session, None if ask.secret else ask
        self._last, self._count, self._next = "", 0, 0.0

    def partial(self, text: str) -> None:
        """What is understood so far. Never raises and never waits."""
        now = asyncio.get_running_loop().time()
        if self._ask is None or self._session is None or not text.strip() or text == self._last:
            return
        if self._count >= MOST or now < self._next:
            return
        self._last, self._count, self._next = text, self._count + 1, now + EVERY
        words = on_record(text, self._ask.language or self._session.language)
        data = {"step": self._session.stack[-1][1], "words": words}
        self._executor.submit(self._keep, self._session, data, self._clock())

    def _keep(self, session: Session, data: Mapping[str, Any], at: datetime) -> None:
        try:
            with self._engine.begin() as connection:
                events.record(connection, session.contact_id, session.id, KIND, data, at)
            if self._tell is not None:
                self._tell(f"contact:{session.contact_id}", KIND, data)
        except SQLAlchemyError as error:
            log.warning("what is heard can't be noted", error=type(error).__name__)
        except Exception:
            log.exception("what is heard can't be told")
