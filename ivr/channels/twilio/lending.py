"""The customer's line while a payment is taken: lent to the payment's flow, and taken back into the conference.

The call is redirected (https://www.twilio.com/docs/voice/tutorials/how-to-modify-calls-in-progress): it leaves the
conference without the <Dial>'s `action` being asked, follows the documents of the payment's session
(`ivr.channels.twilio.paying`), and comes back by the last of them. So nobody in the conference hears the keys, and
nothing that is recorded of it has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ivr.bridge.parts import Paid
from ivr.bridge.state import CUSTOMER, Gone, TakePayment
from ivr.channels.twilio import addresses
from ivr.channels.twilio.api import Api, ApiError
from ivr.channels.twilio.links import Link, Links
from ivr.channels.twilio.payments import Payments
from ivr.channels.twilio.talk import Payment, Talk

log = structlog.get_logger("callwright.twilio")

Changing = Callable[[str, Callable[[Talk], Talk]], Talk | None]
"""`ivr.channels.twilio.conversations.Conversations.change`."""


class Lending:
    """Carries out what the machine commands of a payment. Blocks; raises `ApiError` and `redis.RedisError`."""

    def __init__(self, api: Api, links: Links, payments: Payments, base_url: str, change: Changing,
                 clock: Callable[[], float]) -> None:  # fmt: skip
        self._api, self._links, self._payments, self._base_url = api, links, payments, base_url
        self._change, self._clock = change, clock

    def take(self, talk: Talk, link: Link, wanted: TakePayment) -> bool:
        """The customer's call leaves for the payment. Doing it again changes nothing: the call asks for the document
        that it is at. False while an earlier payment has no outcome yet."""
        if not talk.state.paying:
            return True
        known = talk.payment
        if known is not None and known.order != wanted.order:
            if not self.conclude(talk, link):
                return False
            known = None
        call = talk.leg(CUSTOMER).call
        payment = Payment(wanted.order, wanted.by, call, wanted.account, wanted.amount, asked_at=self._clock())
        if known is None:
            self._change(talk.id, lambda now: replace(now, payment=payment))
            self._links.pays(call, talk.id)
            self._payments.begun(link.contact, payment)
        self._redirect(talk, addresses.payment(talk.id, wanted.order))
        return True

    def stop(self, talk: Talk, link: Link, *, told: bool) -> None:
        """Nothing more is asked. The customer hears that, or his call is needed at once; where the conversation is
        over, it is fetched with what else is due."""
        payment = talk.payment
        if payment is None:
            return
        self._change(talk.id, lambda now: now.with_payment(stopped=True))
        if not payment.out or talk.state.over:
            return
        if told:
            self._redirect(talk, addresses.payment(talk.id, payment.order, "stop"))
        else:
            self._redirect(talk, addresses.conference(link))
            self._change(talk.id, self._back)

    def refused(self, talk: Talk, link: Link) -> None:
        """Twilio refuses what has to be so before a card may be asked for."""
        payment = talk.payment
        wanted = next((command for todo in talk.todo if isinstance(command := todo.command(), TakePayment)), None)
        if payment is None and wanted is not None:
            payment = Payment(wanted.order, wanted.by, talk.leg(CUSTOMER).call)
        if payment is not None:
            self._payments.ended(link.contact, payment, Paid("failed"))
        self._change(talk.id, lambda now: now.unpaid(self._clock()))

    def conclude(self, talk: Talk, link: Link) -> bool:
        """The session comes to its end. False where that has to wait."""
        payment = talk.payment
        if payment is None:
            return True
        try:
            if not self._payments.conclude(link.contact, payment):
                return False
        except (SQLAlchemyError, TimeoutError) as error:
            log.warning("a payment's session can't be ended yet", contact=link.contact, error=type(error).__name__)
            return False
        self._change(talk.id, lambda now: replace(now, payment=None) if now.payment == payment else now)
        return True

    def look(self, talk: Talk, link: Link) -> None:
        """A payment that goes on: whether the customer is still there, and on his way. For `watch`, now and then."""
        payment = talk.payment
        assert payment is not None
        if not self._api.goes_on(payment.call):
            self._change(talk.id, self._gone)
        elif session := self._payments.unspoken(payment):
            self._redirect(talk, addresses.after_payment(session))
        elif payment.asked_at < self._clock() - PATIENCE and self._payments.find(payment) is None:
            log.error("the customer's call never came to the payment", contact=link.contact)
            self._redirect(talk, addresses.payment(talk.id, payment.order))
            self._change(talk.id, lambda now: now.with_payment(asked_at=self._clock()))

    def _redirect(self, talk: Talk, path: str) -> None:
        # before Twilio is asked: its next requests may be quicker than its answer
        self._change(talk.id, lambda now: now.sends(path))
        try:
            if not self._api.redirect(talk.leg(CUSTOMER).call, self._base_url + path):
                self._change(talk.id, self._gone)
        except ApiError as error:
            if error.refused:
                self._change(talk.id, lambda now: now.stays(path))
            raise

    def _gone(self, talk: Talk) -> Talk:
        return talk.with_leg(CUSTOMER, inside=False).stepped(Gone(CUSTOMER), self._clock())

    def _back(self, talk: Talk) -> Talk:
        return talk.with_payment(out=False).with_leg(CUSTOMER, out_at=self._clock())


PATIENCE = 20.0
"""Seconds after which a call that was redirected and never asked for a document is told again."""
