"""Paying a bill through the sandbox: outcomes, repetitions, races."""

from __future__ import annotations

import itertools
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import events
from callcenter.db import reading
from callcenter.tables import bills, payments
from ivr.actions import perform
from ivr.actions.payments import sandbox
from ivr.flow.secret import Secret
from tests.actions.support import CARD, NOW, PAY, balance, charged, context, statuses


def test_a_paid_bill(shop: Engine) -> None:
    result = perform("pay_bill", context(shop), PAY)
    assert result.exit == "approved"
    assert len(result.data["confirmation"]) == 8
    assert result.data | {"payment": "", "confirmation": ""} == {
        "payment": "", "confirmation": "", "amount": 8450, "currency": "USD", "brand": "visa", "last4": "4242",
        "new_balance": 0,
    }  # fmt: skip
    assert charged(shop) == [8450]
    assert balance(shop) == 0
    with reading(shop) as conn:
        assert [event.kind for event in events.of_contact(conn, "contact")] == ["payment_started", "payment_approved"]
        row = conn.execute(sa.select(payments)).one()
        assert row.posted_at == NOW
        assert conn.execute(sa.select(bills.c.status).where(bills.c.id == "RB-1001")).scalar_one() == "paid"


def test_a_part_of_a_bill(shop: Engine) -> None:
    assert perform("pay_bill", context(shop), PAY | {"amount": 5000}).data["new_balance"] == 3450
    assert perform("pay_bill", context(shop, "call-2:1"), PAY | {"amount": 3450}).data["new_balance"] == 0
    assert perform("pay_bill", context(shop, "call-3:1"), PAY | {"amount": 1}).exit == "already_paid"
    assert sorted(charged(shop)) == [3450, 5000]


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("4000000000000002", "declined"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "invalid_card"),
        ("4111111111111111", "invalid_card"),  # not a card of the sandbox
        ("4242424242424241", "invalid_card"),  # check digit
        (sandbox.DOWN, "failed"),
    ],
)
def test_cards_that_do_not_pay(lite_shop: Engine, card: str, expected: str) -> None:
    assert perform("pay_bill", context(lite_shop), PAY | {"card": card}).exit == expected
    assert charged(lite_shop) == []
    assert balance(lite_shop) == 8450
    # The bill isn't blocked by the attempt: the caller takes another card.
    assert perform("pay_bill", context(lite_shop, "call-1:2"), PAY).exit == "approved"


@pytest.mark.parametrize("expiry", ["1026", "1399", "12"])
def test_a_bad_expiry_never_reaches_the_gateway(lite_shop: Engine, expiry: str) -> None:
    assert perform("pay_bill", context(lite_shop), PAY | {"expiry": expiry}).exit == "expired_card"
    assert statuses(lite_shop) == []


def test_this_month_is_still_good(lite_shop: Engine) -> None:
    assert perform("pay_bill", context(lite_shop), PAY | {"expiry": "1126"}).exit == "approved"


@pytest.mark.parametrize(
    "wrong", [{"account": "99999999"}, {"amount": 8451}, {"amount": 0}, {"amount": -1}, {"card": None}, {"extra": 1}]
)
def test_requests_that_make_no_sense_fail(lite_shop: Engine, wrong: dict[str, Any]) -> None:
    result = perform("pay_bill", context(lite_shop), PAY | wrong)
    assert result.exit == "failed"
    assert result.data["error"]
    assert statuses(lite_shop) == []


def test_a_repeated_request_gets_the_stored_answer(shop: Engine) -> None:
    first = perform("pay_bill", context(shop), PAY)
    assert perform("pay_bill", context(shop), PAY) == first
    # After a crash another process repeats the action without the secrets, which are gone.
    assert perform("pay_bill", context(shop), {"account": "10203040", "amount": 8450}) == first
    assert charged(shop) == [8450]


def test_the_same_attempt_in_many_threads_charges_once(shop: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: perform("pay_bill", context(shop), PAY), range(8)))
    assert {result.exit for result in results} == {"approved"}
    assert len({result.data["confirmation"] for result in results}) == 1
    assert charged(shop) == [8450]


def test_many_callers_at_one_bill_charge_it_once(shop: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: perform("pay_bill", context(shop, f"call-{n}:1"), PAY), range(8)))
    exits = [result.exit for result in results]
    assert exits.count("approved") == 1
    assert set(exits) <= {"approved", "already_paid", "pending"}
    assert charged(shop) == [8450]


@pytest.mark.parametrize("wrap", [str, Secret])
def test_secrets_never_land(
    lite_shop: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, wrap: Any
) -> None:
    """Every outcome, also a crash that quotes the card; then every byte of the database and every log line."""
    keys = map("call-{}:1".format, itertools.count())
    hidden = ("security_code", "expiry", "card")
    with caplog.at_level(logging.DEBUG):
        numbers = ["4000000000000002", "4242424242424241", sandbox.DOWN, CARD]
        for number in numbers:
            given_ = PAY | {"card": number, "security_code": "7391"}
            result = perform(
                "pay_bill",
                context(lite_shop, next(keys)),
                {k: wrap(v) if k in hidden else v for k, v in given_.items()},
            )
            assert number not in repr(result)
        monkeypatch.setattr("ivr.actions.pay_bill.open_gateway", lambda *args: 1 / 0 if args else None)
        assert perform("pay_bill", context(lite_shop, next(keys)), PAY | {"account": 7}).exit == "failed"

        def quoting(number: str) -> bool:
            raise ValueError(f"can't use {number}")

        monkeypatch.setattr("ivr.actions.pay_bill.cards.luhn", quoting)
        assert perform("pay_bill", context(lite_shop, next(keys)), PAY | {"card": wrap(CARD)}).exit == "failed"
    assert "can't use ••••" in caplog.text
    lite_shop.dispose()
    written = caplog.text.encode() + b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in [*numbers, "7391"]:
        assert secret.encode() not in written
