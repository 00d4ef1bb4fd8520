"""One attempt to pay a bill, so that no crash, repetition or race charges twice or loses a paid bill.

An attempt is a row of `payments` whose id is the idempotency key:

    started ──> approved (then posted to the billing system)
       │  └───> declined | failed                nothing was charged
       └──────> in_doubt ──> approved | failed   by `reconcile`

The row is committed before the gateway hears of it, the intent's reference before the card is put to it. A partial
unique index lets one unfinished attempt exist for a bill. Every change of status is a compare-and-set.
"""

from __future__ import annotations

import hashlib
import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from callcenter import events
from callcenter.db import reading
from callcenter.tables import OPEN_PAYMENT, payments
from ivr.actions.bills import Bill, BillError, BillSource
from ivr.actions.payments import Card, Charge, Gateway, GatewayError, GatewayInDoubt

logger = logging.getLogger(__name__)

Payment = Row[Any]
Notice = Callable[[Connection, Payment], None]
"""Told, in the transaction that finishes a payment, how it is now."""
UNFINISHED = ("started", "in_doubt")
STALE = timedelta(seconds=60)
"""An attempt this old has no process behind it any more: longer than any action's budget."""
POLL = 0.05


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be paid. `key` is the idempotency key; `amount` in minor units."""

    key: str
    account: str
    amount: int
    contact_id: str
    session_id: str
    now: datetime


class StaleBillError(Exception):
    """Something was paid after the bill was looked up: look again."""


class OtherAttemptError(Exception):
    """Another attempt at this bill isn't settled yet."""


def get(engine: Engine, key: str) -> Payment | None:
    with reading(engine) as conn:
        return conn.execute(sa.select(payments).where(payments.c.id == key)).one_or_none()


def begin(engine: Engine, request: Request, bill: Bill, gateway: str, paid_before: int) -> Payment | None:
    """Commit the row `started`; None when this very attempt has begun before. `paid_before` is `paid_count` from
    before the bill was looked up. Raises StaleBillError, OtherAttemptError."""
    values = {
        "id": request.key,
        "account": request.account,
        "bill": bill.id,
        "amount": request.amount,
        "currency": bill.currency,
        "status": "started",
        "gateway": gateway,
        "new_balance": bill.balance - request.amount,
        "created_at": request.now,
        "updated_at": request.now,
        "contact_id": request.contact_id,
        "session_id": request.session_id,
    }
    for attempt in range(20):
        try:
            with engine.begin() as conn:
                conn.execute(sa.insert(payments).values(confirmation=confirmation(request.key, attempt), **values))
                # After the insert, which waits for a rival's commit: what it paid is seen here.
                if _paid(conn, request.account) != paid_before:
                    raise StaleBillError
                data = {"payment": request.key, "account": request.account, "bill": bill.id,
                        "amount": request.amount, "currency": bill.currency}  # fmt: skip
                events.record(conn, request.contact_id, request.session_id, "payment_started", data, request.now)
                return conn.execute(sa.select(payments).where(payments.c.id == request.key)).one()
        except sa.exc.IntegrityError:
            with reading(engine) as conn:
                if conn.execute(sa.select(payments.c.id).where(payments.c.id == request.key)).first():
                    return None
                rival = sa.select(payments.c.id).where(
                    payments.c.account == request.account, payments.c.bill == bill.id, OPEN_PAYMENT
                )
                if conn.execute(rival).first():
                    raise OtherAttemptError from None
            # Otherwise the confirmation number was taken, or the rival has just finished: try again.
    raise OtherAttemptError


def confirmation(key: str, attempt: int = 0) -> str:
    """Eight digits to read to a caller, the same each time for the same attempt."""
    return f"{int.from_bytes(hashlib.sha256(f'{attempt}:{key}'.encode()).digest()[:8], 'big') % 10**8:08}"


def paid_count(engine: Engine, account: str) -> int:
    """How many payments of the account were approved so far."""
    with reading(engine) as conn:
        return _paid(conn, account)


def _paid(conn: Connection, account: str) -> int:
    count = sa.select(sa.func.count()).where(payments.c.account == account, payments.c.status == "approved")
    return int(conn.execute(count).scalar_one())


def charge(
    engine: Engine, gateway: Gateway, source: BillSource, payment: Payment, card: Card, now: datetime, deadline: float
) -> Payment:
    """Charge the card for an attempt that has begun, and store what became of it. Returns the payment as it is
    known: still `started` when the outcome couldn't be stored. Raises SQLAlchemyError when the database died before
    the card was put to the gateway: nothing is charged then."""
    try:
        reference = gateway.open(payment.amount, payment.currency, payment.id, deadline=deadline)
    except GatewayError as error:
        return conclude(engine, source, payment, "failed", now, reason="gateway", detail=str(error))
    with engine.begin() as conn:
        stored = conn.execute(
            sa.update(payments)
            .where(payments.c.id == payment.id, payments.c.status == "started")
            .values(gateway_reference=reference)
        )
    if stored.rowcount != 1:  # it was given up meanwhile, by the reconciliation
        return get(engine, payment.id) or payment
    try:
        outcome = _charge(gateway, reference, card, payment.id, deadline)
        if isinstance(outcome, Charge):
            return apply(engine, source, payment, outcome, now, deadline)
        if isinstance(outcome, GatewayInDoubt):
            return conclude(engine, source, payment, "in_doubt", now, detail=str(outcome))
        return conclude(engine, source, payment, "failed", now, reason="gateway", detail=str(outcome))
    except sa.exc.SQLAlchemyError as error:
        # The card may be charged and we can't note it: to raise would tell the caller to pay once more.
        logger.error("payment %s is left to the reconciliation: %s", payment.id, type(error).__name__)
        return payment


def _charge(gateway: Gateway, reference: str, card: Card, key: str, deadline: float) -> Charge | GatewayError:
    try:
        return gateway.charge(reference, card, key, deadline=deadline)
    except GatewayError as error:
        return error
    except Exception as error:  # a gateway with a bug may have charged; its words may quote the card
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("the gateway %s broke with %s on payment %s\n%s", gateway.name, type(error).__name__, key, where)
        return GatewayInDoubt(type(error).__name__)


def apply(
    engine: Engine,
    source: BillSource,
    payment: Payment,
    outcome: Charge,
    now: datetime,
    deadline: float,
    *,
    notice: Notice | None = None,
) -> Payment:
    """Store what the gateway said."""
    if outcome.status == "pending":
        return conclude(engine, source, payment, "in_doubt", now, detail="the gateway hasn't decided")
    if outcome.status == "declined":
        status = "failed" if outcome.reason == "cancelled" else "declined"
        return conclude(engine, source, payment, status, now, reason=outcome.reason or "declined", outcome=outcome,
                        notice=notice)  # fmt: skip
    done = conclude(engine, source, payment, "approved", now, outcome=outcome, notice=notice)
    return done if done.posted_at is not None else post(engine, source, done, now, deadline)


def conclude(
    engine: Engine,
    source: BillSource,
    payment: Payment,
    status: str,
    now: datetime,
    *,
    reason: str = "",
    detail: str = "",
    outcome: Charge | None = None,
    notice: Notice | None = None,
) -> Payment:
    """Move an unfinished payment on, with its event and, where the bills are ours, the bill: one transaction. So is
    what `notice` does when that finishes it. A payment that somebody else finished stays as it is."""
    values: dict[str, Any] = {"status": status, "reason": reason, "updated_at": now}
    if outcome is not None:
        values |= {"card_brand": outcome.brand, "card_last4": outcome.last4}
    with engine.begin() as conn:
        mine = payments.c.id == payment.id
        unfinished = sa.update(payments).where(mine, payments.c.status.in_(UNFINISHED))
        if conn.execute(unfinished.values(values)).rowcount == 1 and payment.status != status:
            if status == "approved":
                balance = source.settle_within(conn, payment.bill, payment.amount)
                if balance is not None:
                    conn.execute(sa.update(payments).where(mine).values(new_balance=balance, posted_at=now))
            data = {"payment": payment.id, "amount": payment.amount, "currency": payment.currency,
                    "reason": reason, "detail": detail, "confirmation": payment.confirmation}  # fmt: skip
            events.record(conn, payment.contact_id, payment.session_id, f"payment_{status}", data, now)
            if notice is not None and status not in UNFINISHED:
                notice(conn, conn.execute(sa.select(payments).where(mine)).one())
        return conn.execute(sa.select(payments).where(mine)).one()


def post(engine: Engine, source: BillSource, payment: Payment, now: datetime, deadline: float) -> Payment:
    """Tell a remote billing system of an approved payment. What can't be told now is left for `reconcile`."""
    try:
        balance = source.settle(
            payment.bill, payment.account, payment.amount, payment.currency, payment.id, deadline=deadline
        )
    except BillError as error:
        logger.warning("payment %s isn't posted yet: %s", payment.id, error)
        return payment
    with engine.begin() as conn:
        mine = payments.c.id == payment.id
        posted = sa.update(payments).where(mine, payments.c.posted_at.is_(None))
        conn.execute(posted.values(posted_at=now, new_balance=balance))
        return conn.execute(sa.select(payments).where(mine)).one()


def wait(engine: Engine, key: str, deadline: float) -> Payment | None:
    """The attempt of somebody else with the same key, once it is finished or the deadline has come."""
    while True:
        payment = get(engine, key)
        if payment is None or payment.status != "started" or time.monotonic() + POLL >= deadline:
            return payment
        time.sleep(POLL)
