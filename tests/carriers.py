"""A carrier that takes every message, in place of those that send."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from callcenter.messages import Outgoing, Sender, _factories, _import_all


@dataclass
class Carrier(Sender):
    """`sent` has the messages in order."""

    sent: list[Outgoing] = field(default_factory=list)
    _more: threading.Condition = field(default_factory=threading.Condition)

    def send(self, message: Outgoing) -> str:
        with self._more:
            self.sent.append(message)
            self._more.notify_all()
            return f"CARRIER{len(self.sent)}"

    def first(self, seconds: float = 60) -> Outgoing:
        """The first message, when it has come."""
        with self._more:
            assert self._more.wait_for(lambda: self.sent, seconds), "nothing was sent"
            return self.sent[0]


def carrying(monkeypatch: pytest.MonkeyPatch, *channels: str) -> Carrier:
    """One carrier for these channels, as long as the test runs."""
    made = Carrier()
    _import_all()
    for channel in channels:
        monkeypatch.setitem(_factories, channel, lambda settings: made)
    return made
