"""Stripe, through its own library.

An intent is created without the card (its id is our reference), the card becomes a PaymentMethod, the intent is
confirmed with it: https://docs.stripe.com/api/payment_intents. A card keyed in on the phone reaches Stripe raw, which
an account must be allowed to do; docs/payments.md says how, and what it means for PCI DSS.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Any, ClassVar

import requests
import stripe
from sqlalchemy.engine import Engine

from ivr.actions.payments import Card, Charge, Gateway, GatewayError, GatewayInDoubt, Reason, gateway
from ivr.settings import Settings

# https://docs.stripe.com/declines/codes and https://docs.stripe.com/error-codes
_REASONS: dict[str, Reason] = {
    "expired_card": "expired_card",
    "invalid_expiry_month": "expired_card",
    "invalid_expiry_year": "expired_card",
    "incorrect_number": "invalid_card",
    "invalid_number": "invalid_card",
    "incorrect_cvc": "invalid_card",
    "invalid_cvc": "invalid_card",
    "insufficient_funds": "insufficient_funds",
}
# These two have no minor unit but are charged in hundredths: https://docs.stripe.com/currencies#special-cases
_TIMES_100 = frozenset({"ISK", "UGX"})


def _no_card_in_logs(record: logging.LogRecord) -> bool:
    """The library logs every request's parameters at DEBUG: the card would be among them."""
    return record.levelno > logging.DEBUG


class StripeGateway(Gateway):
    name: ClassVar[str] = "stripe"

    def __init__(self, api_key: str, api_base: str = "", moto: bool = False) -> None:
        """`moto` marks the charges as telephone orders, which Stripe enables on request."""
        self._api_key, self._api_base, self._moto = api_key, api_base, moto
        logging.getLogger("stripe").addFilter(_no_card_in_logs)
        if "debug" in (stripe.log, os.environ.get("STRIPE_LOG")):
            stripe.log = "info"  # the same, for what it prints to stderr

    def __repr__(self) -> str:
        return "StripeGateway()"

    def open(self, amount: int, currency: str, idempotency_key: str, *, deadline: float) -> str:
        try:
            intent = self._client(deadline).v1.payment_intents.create(
                {
                    "amount": amount * 100 if currency in _TIMES_100 else amount,
                    "currency": currency.lower(),
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "metadata": {"payment": idempotency_key},
                },
                {"idempotency_key": f"{idempotency_key}-open"},
            )
        except stripe.StripeError as error:
            raise GatewayError(_words(error)) from None
        return intent.id

    def charge(self, reference: str, card: Card, idempotency_key: str, *, deadline: float) -> Charge:
        started = time.monotonic()
        session = requests.Session()
        try:
            # Nothing is charged by this, so that it may use up only half of the time.
            method = self._client((started + deadline) / 2, session).v1.payment_methods.create(
                {
                    "type": "card",
                    "card": {
                        "number": card.number,
                        "exp_month": int(card.expiry[:2]),
                        "exp_year": 2000 + int(card.expiry[2:]),
                        "cvc": card.security_code,
                    },
                }
            )
        except stripe.CardError as error:
            return _declined(reference, error, card)
        except stripe.StripeError as error:
            raise GatewayError(_words(error)) from None
        options: dict[str, Any] = {"payment_method": method.id}
        if self._moto:
            options["payment_method_options"] = {"card": {"moto": True}}
        client = self._client(deadline, session)
        try:
            intent = client.v1.payment_intents.confirm(
                reference,
                options,  # type: ignore[arg-type]
                {"idempotency_key": f"{idempotency_key}-confirm"},
            )
        except stripe.CardError as error:
            return _declined(reference, error, card)
        except (stripe.APIConnectionError, stripe.APIError) as error:
            raise GatewayInDoubt(_words(error)) from None
        except stripe.StripeError as error:
            raise GatewayError(_words(error)) from None
        if intent.status == "requires_action":  # a bank that wants a web page can't be served on the phone
            return self.settle(reference, deadline=deadline)
        return _charge(intent, card.brand, card.last4)

    def settle(self, reference: str, *, deadline: float) -> Charge:
        client = self._client(deadline)
        try:
            intent = client.v1.payment_intents.retrieve(reference, {"expand": ["latest_charge"]})
            if intent.status not in ("succeeded", "processing", "canceled"):
                try:
                    intent = client.v1.payment_intents.cancel(reference)
                except stripe.InvalidRequestError:  # it changed under our hands
                    intent = client.v1.payment_intents.retrieve(reference, {"expand": ["latest_charge"]})
        except stripe.StripeError as error:
            raise GatewayError(_words(error)) from None
        details = getattr(getattr(intent, "latest_charge", None), "payment_method_details", None)
        card = getattr(details, "card", None)
        return _charge(intent, getattr(card, "brand", "") or "", getattr(card, "last4", "") or "")

    def _client(self, deadline: float, session: requests.Session | None = None) -> stripe.StripeClient:
        """A client whose two attempts end by the deadline."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise GatewayError("no time was left")
        http = stripe.RequestsClient(timeout=max(0.1, left / 2 - 0.5), session=session or requests.Session())
        addresses: Any = {"api": self._api_base} if self._api_base else {}
        return stripe.StripeClient(self._api_key, base_addresses=addresses, http_client=http, max_network_retries=1)


def _charge(intent: stripe.PaymentIntent, brand: str, last4: str) -> Charge:
    if intent.status == "succeeded":
        return Charge("approved", intent.id, "", brand, last4)
    if intent.status == "canceled":
        return Charge("declined", intent.id, "cancelled", brand, last4)
    if intent.status == "processing":
        return Charge("pending", intent.id, "", brand, last4)
    return Charge("declined", intent.id, "declined", brand, last4)


def _declined(reference: str, error: stripe.CardError, card: Card) -> Charge:
    decline = getattr(error.error, "decline_code", None) or ""
    reason = _REASONS.get(decline) or _REASONS.get(error.code or "") or "declined"
    return Charge("declined", reference, reason, card.brand, card.last4)


def _words(error: stripe.StripeError) -> str:
    """Only codes: Stripe's own words quote parameters."""
    code = getattr(error, "code", None) or ""
    return f"Stripe: {type(error).__name__} {error.http_status or ''} {code} {error.request_id or ''}".rstrip()


@gateway("stripe")
def open_stripe(engine: Engine, settings: Settings) -> Gateway:
    """STRIPE_API_KEY is needed; STRIPE_API_BASE and STRIPE_MOTO aren't. Raises ValueError without a key."""
    if not settings.stripe_api_key:
        raise ValueError("PAYMENT_GATEWAY=stripe needs STRIPE_API_KEY")
    return StripeGateway(settings.stripe_api_key, settings.stripe_api_base, settings.stripe_moto)
