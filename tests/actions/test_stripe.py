"""Paying through Stripe's library, against a strict stand-in for its API."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe
from sqlalchemy.engine import Engine

from ivr.actions import ActionResult, perform
from ivr.actions.payments import open_gateway
from ivr.actions.payments.reconcile import Settled, reconcile
from ivr.settings import Settings
from tests.actions.stripe_double import KEY, StripeDouble
from tests.actions.support import CARD, NOW, PAY, context, demo, statuses
from tests.servers import serving

LATER = NOW + timedelta(minutes=5)


class Shop:
    def __init__(self, engine: Engine, double: StripeDouble, base: str) -> None:
        self.engine, self.double = engine, double
        self.settings = Settings.defaults(payment_gateway="stripe", stripe_api_key=KEY, stripe_api_base=base)

    def pay(self, key: str = "call-1:1", **changes: Any) -> ActionResult:
        return perform("pay_bill", context(self.engine, key, settings=self.settings), PAY | changes)


@pytest.fixture
def shop(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    demo(sqlite_engine)
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.01)
    double = StripeDouble()
    with serving(double) as base:
        yield Shop(sqlite_engine, double, base)


def test_a_paid_bill(shop: Shop) -> None:
    result = shop.pay()
    assert (result.exit, result.data["brand"], result.data["last4"]) == ("approved", "visa", "4242")
    assert shop.double.charges() == [8450]
    assert shop.pay() == result
    assert shop.double.charges() == [8450]


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("4000000000000002", "declined"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "invalid_card"),
    ],
)
def test_declines_have_their_reason(shop: Shop, card: str, expected: str) -> None:
    assert shop.pay(card=card).exit == expected
    assert shop.pay("call-1:2").exit == "approved"
    assert shop.double.charges() == [8450]


def test_a_telephone_order_is_marked(shop: Shop) -> None:
    shop.settings.stripe_moto = True
    assert shop.pay().exit == "approved"


@pytest.mark.parametrize("fault", ["before", "after", "500"])
@pytest.mark.parametrize("place", ["payment_intents", "confirm"])
def test_one_broken_exchange_is_repeated_by_the_library(shop: Shop, place: str, fault: str) -> None:
    shop.double.faults[place] = [fault]
    assert shop.pay().exit == "approved"
    assert shop.double.charges() == [8450]


@pytest.mark.parametrize(
    ("faults", "settled"), [(["after", "500"], "approved"), (["before"] * 2, "failed"), (["500"] * 2, "failed")]
)
def test_a_lost_confirmation_is_settled_by_looking(shop: Shop, faults: list[str], settled: str) -> None:
    shop.double.faults["confirm"] = faults
    assert shop.pay().exit == "pending"
    assert statuses(shop.engine) == ["in_doubt"]
    done = reconcile(shop.engine, shop.settings, LATER)
    assert done == [Settled("call-1:1", settled, settled == "approved")]
    assert shop.double.charges() == ([8450] if settled == "approved" else [])


def test_a_gateway_that_is_down_charged_nothing(shop: Shop) -> None:
    shop.double.faults["payment_intents"] = ["before"] * 4
    assert shop.pay().exit == "failed"
    assert statuses(shop.engine) == ["failed"]


def test_a_rate_limit_charged_nothing(shop: Shop) -> None:
    shop.double.faults["confirm"] = ["429"] * 4
    assert shop.pay().exit == "failed"
    assert shop.double.charges() == []


def test_a_wrong_key_charged_nothing(shop: Shop) -> None:
    shop.settings.stripe_api_key = "sk_test_wrong"
    assert shop.pay().exit == "failed"


def test_what_the_bank_is_still_processing_stays_in_doubt(shop: Shop) -> None:
    shop.double.faults["confirm"] = ["processing"]
    assert shop.pay().exit == "pending"
    assert reconcile(shop.engine, shop.settings, LATER)[0].status == "in_doubt"
    next(iter(shop.double.intents.values()))["status"] = "succeeded"
    assert reconcile(shop.engine, shop.settings, LATER + timedelta(minutes=5))[0].status == "approved"


def test_a_bank_that_wants_a_web_page_is_cancelled(shop: Shop) -> None:
    shop.double.faults["confirm"] = ["requires_action"]
    assert shop.pay().exit == "failed"
    assert [intent["status"] for intent in shop.double.intents.values()] == ["canceled"]


def test_settings_are_asked_for(sqlite_engine: Engine) -> None:
    with pytest.raises(ValueError, match="STRIPE_API_KEY"):
        open_gateway(sqlite_engine, Settings.defaults(payment_gateway="stripe"))
    with pytest.raises(ValueError, match="there are sandbox, stripe"):
        open_gateway(sqlite_engine, Settings.defaults(payment_gateway="paypal"))


def test_the_card_never_lands(
    shop: Shop, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With every logger at DEBUG, and the library's own switch for printing at debug."""
    monkeypatch.setattr(stripe, "log", "debug")
    monkeypatch.setattr(logging.getLogger("stripe"), "level", logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        shop.pay(card="4000000000000002", security_code="7391")
        shop.double.faults["confirm"] = ["before"] * 2
        shop.pay("call-2:1", security_code="7391")
    shop.engine.dispose()
    output = capfd.readouterr()
    written = (caplog.text + output.out + output.err).encode()
    written += b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"/v1/payment_methods" in written  # the library did log
    for secret in (CARD, "4000000000000002", "7391"):
        assert secret.encode() not in written
