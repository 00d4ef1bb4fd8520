"""The documents of a payment that an agent takes: the customer's call comes out of the conference, is asked for the
card by the company's payment flow, and goes back.

The flow's own questions are those of any call (`calls`, `routes`), what its steps mean to the conversation is in
`payment_steps`; here is how it begins and ends. All of Twilio's requests may come twice, late, and to any process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import redis
import structlog
from sqlalchemy.exc import SQLAlchemyError
from twilio.twiml.voice_response import VoiceResponse

from ivr.bridge.parts import Paid
from ivr.bridge.state import CUSTOMER
from ivr.channels.twilio import addresses, happenings
from ivr.channels.twilio.agents import Talks
from ivr.channels.twilio.calls import CHANNEL, Calls
from ivr.channels.twilio.documents import goodbye
from ivr.channels.twilio.links import Link
from ivr.channels.twilio.payment_steps import PaymentSteps, is_its_payment
from ivr.channels.twilio.payments import Payments
from ivr.channels.twilio.talk import Payment, Talk
from ivr.flow.session import Session
from ivr.runner import NoPaymentFlow

log = structlog.get_logger("callwright.twilio")


class Paying:
    """`talks` gives `None` while there are no queues. Gives TwiML; raises `redis.RedisError` and SQLAlchemy's errors
    where it doesn't say otherwise."""

    def __init__(self, calls: Calls, talks: Callable[[], Talks | None], steps: PaymentSteps) -> None:
        self._calls, self._talks, self._steps = calls, talks, steps

    def begin(self, talks: Talks, link: Link, order: str) -> str:
        """The call is out of the conference: the first question, or the one that it is at."""
        path = addresses.payment(link.offer, order)
        talk = talks.conversations.change(link.offer, lambda talk: talk.arrived(path))
        payment = _of(talk, order)
        if talk is None or payment is None:
            return self._elsewhere(talks, link)
        stored = talks.conversations.payments.find(payment)
        if stored is not None:
            self._note(talks, link, payment, stored.session)
            return stored.reply
        if talk.state.paying != "asking" or payment.stopped:
            return self._ended(talks, link, payment, Paid("stopped"))
        entry = talks.queues.entry(link.contact)
        agreed = {"account_said": payment.account, "amount_said": payment.amount}
        try:
            turn = talks.runner.start_assisted(
                channel=CHANNEL,
                external_id=payment.external_id,
                contact_id=link.contact,
                caller=link.number or entry.get("caller", ""),
                called=link.shown,
                language=link.language,
                slots={name: value for name, value in agreed.items() if value},
                render=self._calls.fold.reply,
            )
        except NoPaymentFlow as error:
            log.error("no payment can be taken", contact=link.contact, why=str(error))
            return self._ended(talks, link, payment, Paid("unavailable"))
        self._note(talks, link, payment, turn.session)
        return self._calls.assisted(turn)

    def stopped(self, talks: Talks, link: Link, order: str) -> str:
        """The agent has stopped it. A card that is at the gateway is waited for, and the customer hears how it ends."""
        path = addresses.payment(link.offer, order, "stop")
        talk = talks.conversations.change(link.offer, lambda talk: talk.arrived(path))
        payment = _of(talk, order)
        if payment is None:
            return self._elsewhere(talks, link)
        stored = talks.conversations.payments.find(payment)
        if stored is None:
            return self._ended(talks, link, payment, Paid("stopped"))
        if stored.session.ended or talks.conversations.payments.charging(stored.session) is not None:
            return stored.reply
        return self._steps.stop(stored.session).reply

    def over(self, session_id: str, call: str) -> str:
        """The flow is at its end: back to whom the customer talked to. Raises `Unknown`, and LookupError where nothing
        is known of a conversation."""
        stored = self._calls.runner.store.load(session_id)
        if not stored.session.ended:
            return stored.reply
        talks = self._talks()
        link = talks.links.get(talks.links.payer(call)) if talks is not None else None
        if talks is None or link is None:
            raise LookupError("a payment of nobody's conversation")
        paid = talks.conversations.payments.outcome(stored.session)
        path, now = addresses.after_payment(session_id), talks.conversations.clock()

        def back(talk: Talk) -> Talk:
            talk = talk.arrived(path)
            return happenings.paid(talk, paid, now) if is_its_payment(talk, stored.session) else talk

        talks.conversations.changed(link.offer, back)
        return self._elsewhere(talks, link)

    def rescue(self, call: str) -> str | None:
        """A payment can't go on, for a fault of ours: the customer goes back to the agent. `None` for who is neither at
        one nor on the way back. Never raises, and needs no database."""
        try:
            talks = self._talks()
            link = talks.links.get(talks.links.payer(call)) if talks is not None else None
            talk = talks.conversations.get(link.offer) if talks is not None and link is not None else None
            if talks is None or link is None or talk is None:
                return None
            if talk.payment is not None and talk.away:
                return self._ended(talks, link, talk.payment, _known(talks.conversations.payments, talk))
            on_the_way = not talk.state.over and not talk.leg(CUSTOMER).inside
            return self._elsewhere(talks, link) if on_the_way else None
        except Exception as error:
            log.exception("a customer can't be led back from a payment", error=type(error).__name__)
            return None

    def hung_up(self, call: str) -> None:
        """The call of a customer who was asked for a card is over; where it was in the conference, that tells, too.
        While Redis is away nobody can be told: `watch` notices it afterwards."""
        try:
            talks = self._talks()
            offer = talks.links.payer(call) if talks is not None else ""
            if talks is not None and offer:
                talks.conversations.over(offer, CUSTOMER, "completed")
        except redis.RedisError as error:
            log.warning("the end of a call can't be told", call=call, error=type(error).__name__)

    # Where the call goes on

    def _note(self, talks: Talks, link: Link, payment: Payment, session: Session) -> None:
        talks.conversations.changed(link.offer, lambda talk: happenings.pays(talk, payment.order, session.id))

    def _ended(self, talks: Talks, link: Link, payment: Payment, paid: Paid) -> str:
        """Without its session."""
        now = talks.conversations.clock()
        talks.conversations.payments.ended(link.contact, payment, paid)
        talks.conversations.changed(link.offer, lambda talk: happenings.paid(talk, paid, now))
        return self._elsewhere(talks, link)

    def _elsewhere(self, talks: Talks, link: Link) -> str:
        """Where the call belongs now."""
        talk, base = talks.conversations.get(link.offer), talks.fold.base_url
        if talk is not None and not talk.state.over and not talk.away and talk.after:
            return talks.into_conference(link, talk.after)
        response = VoiceResponse()
        if talk is None or not talk.state.over:
            running = talk.payment if talk is not None and talk.away else None
            path = addresses.conference(link) if running is None else addresses.payment(link.offer, running.order)
            response.redirect(base + path)
        elif addresses.waits(talk, link):
            response.redirect(base + addresses.waiting(link))
        elif talk.end is not None and talk.end.how == "flow" and not link.number:
            response.redirect(talk.after)
        else:
            return goodbye()
        return str(response)


def _of(talk: Talk | None, order: str) -> Payment | None:
    """The payment of this order, for which the customer's call is out of the conference."""
    going = talk is not None and talk.away and not talk.state.over
    return talk.payment if going and talk is not None and talk.payment and talk.payment.order == order else None


def _known(payments: Payments, talk: Talk) -> Paid:
    """What became of a payment in the middle of which something broke."""
    try:
        stored = payments.find(talk.payment) if talk.payment is not None else None
        if stored is not None and payments.charging(stored.session) is None:
            session = stored.session
            return payments.outcome(session if session.ended else replace(session, outcome="failed"))
    except SQLAlchemyError as error:
        log.warning("a payment can't be read", error=type(error).__name__)
    return Paid("pending" if talk.state.paying == "charging" else "failed")
