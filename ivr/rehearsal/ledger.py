"""What a simulated call leaves behind: its session as storage keeps it, its events, its messages."""

from __future__ import annotations

import json

from ivr.flow.effects import Event, Send
from ivr.flow.session import Session
from ivr.rehearsal.phone import Facts, Sent


class Ledger:
    def __init__(self) -> None:
        self._events: list[Event] = []
        self._sent: list[Sent] = []
        self._sealed: list[str] = []

    def stored(self, session: Session) -> Session:
        """The session as it comes out of storage, secrets sealed and opened again."""

        def seal(value: str) -> str:
            self._sealed.append(value)
            return str(len(self._sealed) - 1)

        return Session.from_json(json.loads(json.dumps(session.to_json(seal))), lambda kept: self._sealed[int(kept)])

    def note(self, effect: Event | Send) -> None:
        if isinstance(effect, Send):
            self._sent.append(Sent(effect.channel, effect.to, effect.body, effect.subject))
        else:
            self._events.append(effect)

    def facts(self, session: Session) -> Facts:
        events = [(event.kind, event.data) for event in self._events]
        return Facts(
            slots=session.snapshot(),
            outcome=session.outcome,
            language=session.language,
            actions=[data["action"] for kind, data in events if kind == "action"],
            messages=list(self._sent),
            steps=[(data["flow"], data["step"]) for kind, data in events if kind == "step"],
            exits=[(data["flow"], data["step"], data["exit"]) for kind, data in events if kind == "exit"],
        )
