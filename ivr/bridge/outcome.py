"""PURE: what became of a payment with the agent on the line, from its session."""

from __future__ import annotations

from typing import Any

from ivr.bridge.parts import Paid
from ivr.flow.session import Session

ON_RECORD = ("confirmation", "amount", "currency", "last4", "brand")
"""What the flow's slot `payment` says of it that an agent may know."""


def outcome(session: Session | None, last: str, why: str) -> Paid:
    """`last` is the exit of the action that was done last; `why` tells what led back to the agent, "" for nothing."""
    if session is None or not session.outcome:
        return Paid("failed")
    result = "stopped" if session.outcome == "hung_up" else session.outcome
    # whatever went wrong after the gateway had answered
    result = {"approved": "paid", "pending": "pending"}.get(last, result)
    data: dict[str, Any] = {"why": why} if result == "to_agent" else {}
    payment = session.snapshot().get("payment")
    if isinstance(payment, dict) and result in ("paid", "pending"):
        data |= {name: payment[name] for name in ON_RECORD if payment.get(name)}
    return Paid(result, data)
