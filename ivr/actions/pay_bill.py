"""pay_bill: charge a card for an account's bill."""

from __future__ import annotations

import logging
from typing import ClassVar

from pydantic import Field

from ivr.actions import Action, ActionContext, ActionError, ActionResult, Args, Secret, action
from ivr.actions.bills import open_bill_source
from ivr.actions.payments import Card, GatewayError, attempts, open_gateway
from ivr.actions.payments.notices import APPROVED, FAILED
from ivr.actions.payments.reconcile import settle
from ivr.flow import cards

logger = logging.getLogger(__name__)
CARD_REASONS = ("expired_card", "invalid_card", "insufficient_funds")


class PayBillArgs(Args):
    account: str = Field(min_length=1, max_length=40)
    amount: int = Field(gt=0, description="in minor units; at most the balance")
    card: Secret
    expiry: Secret
    security_code: Secret


@action
class PayBill(Action):
    """Pay an account's bill, or a part of it, by card. `pending`: it isn't known yet whether the card was charged;
    it will be settled, and must not be tried again."""

    name: ClassVar[str] = "pay_bill"
    Args = PayBillArgs
    exits: ClassVar[tuple[str, ...]] = (
        "approved",
        "declined",
        "expired_card",
        "invalid_card",
        "insufficient_funds",
        "already_paid",
        "pending",
    )
    returns: ClassVar[dict[str, str]] = {
        "payment": "text",
        "confirmation": "digits",
        "amount": "money",
        "currency": "text",
        "brand": "text",
        "last4": "digits",
        "new_balance": "money",
    }
    budget: ClassVar[float] = 20.0
    changes_world: ClassVar[bool] = True
    says: ClassVar[tuple[str, ...]] = (APPROVED, FAILED)

    def repeated(self, context: ActionContext) -> ActionResult | None:
        payment = attempts.wait(context.engine, context.idempotency_key, context.deadline)
        if payment is None:
            return None
        if payment.status in attempts.UNFINISHED and context.now - payment.created_at > attempts.STALE:
            source = open_bill_source(context.engine, context.settings)
            gateway = open_gateway(context.engine, context.settings, payment.gateway)
            try:
                payment = settle(context.engine, gateway, source, payment, context.now)
            except GatewayError as error:
                logger.warning("payment %s stays in doubt: %s", payment.id, error)
        return result(payment)

    def run(self, context: ActionContext, args: PayBillArgs) -> ActionResult:
        number = args.card.get_secret_value()
        if not cards.luhn(number):
            return ActionResult("invalid_card")
        try:
            if cards.expired(args.expiry.get_secret_value(), context.now.date()):
                return ActionResult("expired_card")
        except ValueError:
            return ActionResult("expired_card")
        card = Card(number, args.expiry.get_secret_value(), args.security_code.get_secret_value())

        source = open_bill_source(context.engine, context.settings)
        gateway = open_gateway(context.engine, context.settings)
        request = attempts.Request(
            context.idempotency_key, args.account, args.amount, context.contact_id, context.session_id, context.now
        )
        for _ in range(3):
            # Counted before the bill is looked up, compared once the attempt is stored: what was paid in between shows.
            paid_before = attempts.paid_count(context.engine, args.account)
            bill = source.find(args.account, deadline=context.deadline)
            if bill is None:
                raise ActionError("the account doesn't exist")
            if bill.balance == 0:
                return ActionResult("already_paid")
            if args.amount > bill.balance:
                raise ActionError(f"the amount {args.amount} is more than the balance {bill.balance}")
            try:
                payment = attempts.begin(context.engine, request, bill, gateway.name, paid_before)
            except attempts.StaleBillError:
                continue
            except attempts.OtherAttemptError:
                return ActionResult("pending")
            if payment is None:  # somebody runs this very attempt at this moment
                return self.repeated(context) or ActionResult("pending")
            return result(
                attempts.charge(context.engine, gateway, source, payment, card, context.now, context.deadline)
            )
        raise ActionError("the bill keeps changing")


def result(payment: attempts.Payment) -> ActionResult:
    """What to tell the caller of a payment's state."""
    data = {
        "payment": payment.id,
        "confirmation": payment.confirmation,
        "amount": payment.amount,
        "currency": payment.currency,
        "brand": payment.card_brand,
        "last4": payment.card_last4,
        "new_balance": payment.new_balance,
    }
    if payment.status == "approved":
        return ActionResult("approved", data)
    if payment.status == "declined":
        return ActionResult(payment.reason if payment.reason in CARD_REASONS else "declined", data)
    if payment.status in attempts.UNFINISHED:
        return ActionResult("pending", data)
    raise ActionError(f"payment {payment.id} failed: {payment.reason}")
