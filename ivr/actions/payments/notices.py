"""What customers are written when a payment is settled whose outcome they could not be told during the call.

The prompts `pay.settled_approved` and `pay.settled_failed` may use {company}, {account} and {payment.amount},
{payment.currency}, {payment.confirmation}. Without them in the catalogue nothing is written.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime

from sqlalchemy.engine import Connection

from callcenter import contacts, outbox
from ivr.actions.bills import Bill, BillError, BillSource
from ivr.actions.payments.attempts import Notice, Payment
from ivr.flow import template
from ivr.flow.expr import ExprError
from ivr.flow.model import FlowSet
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written

logger = logging.getLogger(__name__)

APPROVED, FAILED, SUBJECT = "pay.settled_approved", "pay.settled_failed", "pay.receipt_subject"
BUDGET = 10.0


class Notices:
    """In the words of `flows`, to the phone or else the mail address that `source` has for the account."""

    def __init__(self, flows: FlowSet, source: BillSource) -> None:
        self._flows = flows
        self._source = source

    def about(self, payment: Payment, now: datetime) -> Notice:
        """The notice for a payment that isn't settled yet. The billing system is asked now, before any transaction."""
        try:
            account = self._source.find(payment.account, deadline=time.monotonic() + BUDGET)
        except BillError as error:
            logger.warning("nobody can be told of payment %s: %s", payment.id, error)
            account = None

        def queue(conn: Connection, settled: Payment) -> None:
            if account is not None:
                self._queue(conn, settled, account, now)

        return queue

    def _queue(self, conn: Connection, payment: Payment, account: Bill, now: datetime) -> None:
        contact = contacts.get(conn, payment.contact_id) if payment.contact_id else None
        language = (contact.language if contact is not None else "") or self._flows.default_language
        body = self._written(APPROVED if payment.status == "approved" else FAILED, language, payment)
        to = account.phone or account.email
        if not body or not to:
            return
        outbox.queue(
            conn,
            channel="sms" if account.phone else "email",
            to=to,
            subject="" if account.phone else self._written(SUBJECT, language, payment),
            body=body,
            purpose="notice",
            contact_id=payment.contact_id,
            dedupe_key=f"settled:{payment.id}",
            at=now,
        )

    def _written(self, id: str, language: str, payment: Payment) -> str:
        """A prompt as text; "" where there is none, or it can't be filled."""
        text = self._flows.text(language, id)
        if text is None:
            return ""
        slots = {
            "company": self._flows.company.name,
            "account": payment.account,
            "payment": {
                "amount": payment.amount,
                "currency": payment.currency,
                "confirmation": payment.confirmation,
            },
        }
        try:
            return written(Prompt(template.parse(text).fill(slots, payment.currency), language, id))
        except ExprError as error:
            logger.error("the prompt %s can't be filled: %s", id, error)
            return ""
