"""What the steps of a payment that an agent takes mean to the conversation: a card that is at the gateway can't be
called back, and a payment that was stopped asks nothing more.

Without Redis the payment goes on.
"""

from __future__ import annotations

from collections.abc import Callable

import redis
import structlog
from twilio.twiml.voice_response import VoiceResponse

from ivr.bridge import progress
from ivr.bridge.state import Charging
from ivr.channels.twilio import addresses
from ivr.channels.twilio.agents import Talks
from ivr.channels.twilio.talk import Talk
from ivr.flow.effects import Effect, RunAction
from ivr.flow.inputs import HungUp, Input, Keys
from ivr.flow.session import Session
from ivr.runner import Runner, Turn

log = structlog.get_logger("callwright.twilio")


class PaymentSteps:
    """`ivr.channels.twilio.calls.Assisting`. `talks` gives `None` while there are no queues; `base_url` is
    PUBLIC_BASE_URL. Raises SQLAlchemy's errors."""

    def __init__(self, runner: Runner, base_url: str, talks: Callable[[], Talks | None]) -> None:
        self._runner, self._base_url, self._talks = runner, base_url, talks

    def charges(self, session: Session, action: RunAction) -> bool:
        """From now on it can't be stopped; False where it has been."""
        talks = self._talks()
        if talks is None or not talks.conversations.payments.changes_world(session, action):
            return True
        conversations = talks.conversations

        def charging(talk: Talk) -> Talk:
            able = is_its_payment(talk, session) and talk.state.paying in ("asking", "charging")
            return talk.stepped(Charging(True), conversations.clock()) if able else talk

        try:
            offer = talks.links.talking_to(session.contact_id)
            talk = conversations.changed(offer, charging) if offer else None
        except redis.RedisError as error:
            log.warning("a charge can't be told", contact=session.contact_id, error=type(error).__name__)
            return True
        if talk is None:
            return True
        if not is_its_payment(talk, session) or talk.state.paying != "charging" or talk.payment is None:
            return False
        conversations.payments.charges(talk.payment, session)
        return True

    def took(self, turn: Turn, given: Input) -> Turn:
        session = turn.session
        try:
            talks = self._talks()
            offer = talks.links.talking_to(session.contact_id) if talks is not None else ""
            talk = talks.conversations.get(offer) if talks is not None and offer else None
            if talks is None or talk is None:
                return turn
            return self._told(talks, talk, turn, given)
        except redis.RedisError as error:
            log.warning("a payment's step can't be told", contact=session.contact_id, error=type(error).__name__)
            return turn

    def _told(self, talks: Talks, talk: Talk, turn: Turn, given: Input) -> Turn:
        session, payments, payment = turn.session, talks.conversations.payments, talk.payment
        ours = payment is not None and is_its_payment(talk, session)
        if payment is not None and ours:
            if session.ended:
                payments.ended(session.contact_id, payment, payments.outcome(session))
            else:
                payments.took(payment, session, lambda shown: _shown(shown, given, turn.effects))
            if talk.state.paying == "charging" and payments.charging(session) is None:
                now = talks.conversations.clock()
                changed = talks.conversations.changed(
                    talk.id,
                    lambda found: found.stepped(Charging(False), now) if is_its_payment(found, session) else found,
                )
                talk = changed or talk
        asks = not session.ended and turn.action is None
        wanted = ours and talk.state.paying in ("asking", "charging") and not (payment is None or payment.stopped)
        return self.stop(session) if asks and not wanted else turn

    def stop(self, session: Session) -> Turn:
        turn = self._runner.feed(session, HungUp(), render=self._sorry)
        talks = self._talks()
        if talks is not None and turn.fresh:
            talk = talks.conversations.get(talks.links.talking_to(session.contact_id))
            if talk is not None and talk.payment is not None and is_its_payment(talk, session):
                payments = talks.conversations.payments
                payments.ended(session.contact_id, talk.payment, payments.outcome(turn.session))
        return turn

    def _sorry(self, session: Session, effects: object) -> str:
        """That it was stopped, and back."""
        response = VoiceResponse()
        talks = self._talks()
        if talks is not None:
            for element in talks.words.of("system.payment_stopped", session.language):
                response.append(element)
        response.redirect(self._base_url + addresses.after_payment(session.id))
        return str(response)


def is_its_payment(talk: Talk, session: Session) -> bool:
    """The session is the payment's that is taken in this conversation."""
    return talk.payment is not None and talk.payment.session == session.id


def _shown(shown: progress.Shown, given: Input, effects: tuple[Effect, ...]) -> dict[str, object]:
    """What Twilio tells of keys it tells after the last of them."""
    count = len(given.digits) if isinstance(given, Keys) and given.digits.isdigit() else 0
    keyed = progress.keyed(shown, count) if count else {}
    return {**keyed, **progress.took({**shown, **keyed}, effects)}
