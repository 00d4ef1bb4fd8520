"""Settling what was left in doubt: a scheduled job, once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.tables import OPEN_PAYMENT, payments
from ivr.actions.bills import BillSource, open_bill_source
from ivr.actions.payments import Gateway, GatewayError, open_gateway
from ivr.actions.payments.attempts import STALE, UNFINISHED, Notice, Payment, apply, conclude, post
from ivr.actions.payments.notices import Notices
from ivr.flow.model import FlowSet
from ivr.settings import Settings

logger = logging.getLogger(__name__)
BUDGET = 20.0


@dataclass(frozen=True, slots=True)
class Settled:
    """What a payment is now: approved, failed, declined, or in_doubt where the gateway can't say yet."""

    payment: str
    status: str
    posted: bool


def reconcile(
    engine: Engine,
    settings: Settings,
    now: datetime,
    *,
    older_than: timedelta = STALE,
    gateways: Callable[[str], Gateway] | None = None,
    source: BillSource | None = None,
    flows: FlowSet | None = None,
) -> list[Settled]:
    """Settle payments that were left `started` or `in_doubt` for longer than `older_than`, and post approved ones
    that the billing system doesn't know of. Safe to run at any time and several times at once. Customers who
    could not be told are written in the words of `flows`, once."""
    find = gateways or (lambda name: open_gateway(engine, settings, name))
    source = source or open_bill_source(engine, settings)
    notices = Notices(flows, source) if flows else None
    with reading(engine) as conn:
        left = conn.execute(
            sa.select(payments)
            .where(OPEN_PAYMENT, payments.c.updated_at <= now - older_than)
            .order_by(payments.c.created_at)
            .limit(500)
        ).all()
    settled = []
    for payment in left:
        try:
            told = notices.about(payment, now) if notices and payment.status in UNFINISHED else None
            done = settle(engine, find(payment.gateway), source, payment, now, told)
        except (GatewayError, ValueError) as error:
            logger.warning("payment %s stays %s: %s", payment.id, payment.status, error)
            continue
        except Exception:  # one broken payment doesn't hold up the others
            logger.exception("payment %s can't be settled", payment.id)
            continue
        settled.append(Settled(done.id, done.status, done.posted_at is not None))
    return settled


def settle(
    engine: Engine,
    gateway: Gateway,
    source: BillSource,
    payment: Payment,
    now: datetime,
    notice: Notice | None = None,
) -> Payment:
    """Settle one payment, with `notice` of the outcome once there is one. Raises GatewayError when the gateway can't
    be reached."""
    deadline = time.monotonic() + BUDGET
    if payment.status == "approved":
        return post(engine, source, payment, now, deadline)
    if not payment.gateway_reference:  # the card was never put to the gateway
        return conclude(engine, source, payment, "failed", now, reason="abandoned", notice=notice)
    outcome = gateway.settle(payment.gateway_reference, deadline=deadline)
    return apply(engine, source, payment, outcome, now, deadline, notice=notice)
