"""A contact of the pure engine that is given Inputs one after the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ivr.flow.effects import Effect
from ivr.flow.inputs import Input, Started
from ivr.flow.model import FlowSet
from ivr.flow.session import QUEUE, VOICE, Session
from ivr.flow.step import step

NOW = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)


def run(flows: FlowSet, *given: Input, capabilities: frozenset[str] = VOICE) -> tuple[Session, list[Effect]]:
    """`Started` and then all of `given`, on a channel with queues: the session, and what the last one led to."""
    session = Session("s", "c", "sip", capabilities | QUEUE, flows.hash, "en", caller="+12125550100")
    effects: Sequence[Effect] = []
    for one in (Started(), *given):
        session, effects = step(flows, session, one, NOW)
    return session, list(effects)
