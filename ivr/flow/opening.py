"""How a conversation opens: a caller who is there, or one whose first words say already what it is about. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from ivr.flow.effects import Collect, Effect, Event
from ivr.flow.inputs import Started, Words
from ivr.flow.model import FlowSet
from ivr.flow.session import Session
from ivr.flow.step import step

NOT_UNDERSTOOD = ("no_match", "no_input", "fault")
"""Events of a question that made nothing of its answer."""


def opened(
    flows: FlowSet, session: Session, started: Started, first: Words | None, now: dt.datetime
) -> tuple[Session, Sequence[Effect]]:
    """The session's first step. `first` is taken as the answer to the first question if that understands it ("what
    are your hours?"); otherwise ("hi") it was a greeting, and the question is asked."""
    begun, effects = step(flows, session, started, now)
    if first is None or not first.text.strip() or begun.ended or "Words" not in (begun.waiting or {}).get("for", ()):
        return begun, effects
    answered, further = step(flows, begun, first, now)
    if _misunderstood(further) and started.earlier is not None and not started.earlier.exit:
        # They may have begun with something new: whoever asks for the hours isn't offered to go on with a bill.
        anew, fresh = opened(flows, session, replace(started, earlier=None), first, now)
        if anew.seq > begun.seq:
            return replace(anew, answered=begun.answered), fresh
    if _misunderstood(further):
        heard = [effect for effect in further if isinstance(effect, Event) and effect.kind == "heard"]
        return begun, [*effects, *heard]
    return answered, [*(effect for effect in effects if not isinstance(effect, Collect)), *further]


def _misunderstood(effects: Sequence[Effect]) -> bool:
    return any(isinstance(effect, Event) and effect.kind in NOT_UNDERSTOOD for effect in effects)
