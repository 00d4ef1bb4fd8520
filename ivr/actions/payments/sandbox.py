"""The sandbox gateway: no money moves, and every outcome has a card of its own.

It keeps its own books in the table `sandbox_charges`, in transactions of its own, as a remote gateway would: a crash
between its commit and ours is a real one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.tables import sandbox_charges as books
from ivr.actions.payments import Card, Charge, ChargeStatus, Gateway, GatewayError, GatewayInDoubt, gateway
from ivr.settings import Settings

APPROVED = frozenset({"4242424242424242", "5555555555554444", "378282246310005"})
DECLINED = {
    "4000000000000002": "declined",
    "4000000000009995": "insufficient_funds",
    "4000000000000069": "expired_card",
    "4000000000000127": "invalid_card",
}
DOWN = "4000000000000119"
"""The gateway refuses to work: nothing is charged."""
SLOW = "4000000000000077"
"""Approved after three seconds."""
LOST = "4000000000000341"
"""Charged, but the answer never comes: the payment is in doubt until it is reconciled."""
SLOW_SECONDS = 3.0


class SandboxGateway(Gateway):
    name: ClassVar[str] = "sandbox"

    def __init__(self, engine: Engine, sleep: Callable[[float], None] = time.sleep) -> None:
        self.engine = engine
        self.sleep = sleep

    def open(self, amount: int, currency: str, idempotency_key: str, *, deadline: float) -> str:
        with self.engine.begin() as conn:
            known = conn.execute(
                sa.select(books.c.reference).where(books.c.idempotency_key == idempotency_key)
            ).scalar_one_or_none()
            if known:
                return str(known)
            reference = f"sb_{uuid.uuid4().hex}"
            conn.execute(
                sa.insert(books).values(
                    reference=reference,
                    idempotency_key=idempotency_key,
                    amount=amount,
                    currency=currency,
                    status="open",
                )
            )
        return reference

    def charge(self, reference: str, card: Card, idempotency_key: str, *, deadline: float) -> Charge:
        if card.number == DOWN:
            raise GatewayError("the sandbox gateway is down, as this card asks for")
        status, reason = "charged", ""
        if card.number in DECLINED:
            status, reason = "declined", DECLINED[card.number]
        elif card.number not in APPROVED and card.number not in (SLOW, LOST):
            status, reason = "declined", "invalid_card"  # a real card has no business here
        with self.engine.begin() as conn:
            conn.execute(
                sa.update(books)
                .where(books.c.reference == reference, books.c.status == "open")
                .values(status=status, reason=reason, brand=card.brand, last4=card.last4)
            )
        if card.number == LOST:
            self.sleep(max(0.0, deadline - time.monotonic()))
            raise GatewayInDoubt("the answer was lost, as this card asks for")
        if card.number == SLOW:
            self.sleep(SLOW_SECONDS)
        return self._charge(reference)

    def settle(self, reference: str, *, deadline: float) -> Charge:
        with self.engine.begin() as conn:
            conn.execute(
                sa.update(books)
                .where(books.c.reference == reference, books.c.status == "open")
                .values(status="cancelled", reason="cancelled")
            )
        return self._charge(reference)

    def _charge(self, reference: str) -> Charge:
        with self.engine.connect() as conn:
            row = conn.execute(sa.select(books).where(books.c.reference == reference)).one_or_none()
        if row is None:
            raise GatewayError(f"the sandbox knows no intent {reference!r}")
        status: ChargeStatus = "approved" if row.status == "charged" else "declined"
        return Charge(status, reference, row.reason, row.brand, row.last4)


@gateway("sandbox")
def open_sandbox(engine: Engine, settings: Settings) -> Gateway:
    return SandboxGateway(engine)
