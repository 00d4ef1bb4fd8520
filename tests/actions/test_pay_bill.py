"""Paying a bill through the sandbox: outcomes, repetitions, races, crashes and the reconciliation."""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from callcenter import contacts, events
from callcenter.db import migrate, open_database, reading
from callcenter.tables import accounts, bills, messages, payments
from ivr.actions import perform, specs
from ivr.actions.payments import GatewayInDoubt, sandbox
from ivr.actions.payments.reconcile import Settled, reconcile
from ivr.flow.load import load
from ivr.flow.model import FlowSet
from ivr.flow.secret import Secret
from tests.actions.support import CARD, NOW, PAY, charged, context, demo, statuses

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    demo(engine)
    return engine


@pytest.fixture
def lite_shop(sqlite_engine: Engine) -> Engine:
    demo(sqlite_engine)
    return sqlite_engine


def balance(engine: Engine, account: str = "10203040") -> int:
    result = perform("find_bill", context(engine), {"account": account})
    return int(result.data["balance"])


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


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.SandboxGateway.__init__, "__defaults__", (lambda seconds: None,))


@pytest.mark.usefixtures("no_sleep")
def test_a_lost_answer_is_pending_then_paid(shop: Engine) -> None:
    first = perform("pay_bill", context(shop), PAY | {"card": sandbox.LOST})
    assert first.exit == "pending"
    assert statuses(shop) == ["in_doubt"]
    assert perform("pay_bill", context(shop, "call-2:1"), PAY).exit == "pending"  # not charged a second time
    assert reconcile(shop, {}, NOW + timedelta(seconds=10)) == []  # somebody may still be at it
    assert reconcile(shop, {}, LATER) == [Settled("call-1:1", "approved", True)]
    assert reconcile(shop, {}, LATER) == []
    assert perform("pay_bill", context(shop), PAY).exit == "approved"
    assert perform("pay_bill", context(shop, "call-3:1"), PAY).exit == "already_paid"
    assert charged(shop) == [8450]
    assert balance(shop) == 0


@pytest.mark.usefixtures("no_sleep")
def test_a_slow_gateway_is_approved(lite_shop: Engine) -> None:
    assert perform("pay_bill", context(lite_shop), PAY | {"card": sandbox.SLOW}).exit == "approved"


@pytest.mark.usefixtures("no_sleep")
def test_reconciliations_at_once_settle_once(shop: Engine) -> None:
    perform("pay_bill", context(shop), PAY | {"card": sandbox.LOST, "amount": 5000})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: reconcile(shop, {}, LATER), range(4)))
    assert balance(shop) == 3450
    with reading(shop) as conn:
        kinds = [event.kind for event in events.of_contact(conn, "contact")]
    assert kinds == ["payment_started", "payment_in_doubt", "payment_approved"]


CRASHES = {
    "before the intent": ("open", False, [], "failed"),
    "after the intent": ("open", True, [], "failed"),
    "before the charge": ("charge", False, [], "failed"),
    "after the charge": ("charge", True, [8450], "approved"),
}


@pytest.mark.parametrize("place", CRASHES)
def test_a_process_killed_while_paying(database_url: str, shop: Engine, place: str) -> None:
    method, after, expected, status = CRASHES[place]
    code = f"""
import os
from callcenter.db import open_database
from ivr.actions import perform
from ivr.actions.payments.sandbox import SandboxGateway
from tests.actions.support import *
real = SandboxGateway.{method}
def killed(*args, **kwargs):
    if {after}: real(*args, **kwargs)
    os.kill(os.getpid(), 9)
SandboxGateway.{method} = killed
perform("pay_bill", context(open_database({database_url!r})), PAY)
"""
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == -9
    assert statuses(shop) == ["started"]
    # The caller rings again at once with a new attempt: it must not be charged on top of the one in doubt.
    assert perform("pay_bill", context(shop, "call-2:1"), PAY).exit == "pending"
    assert reconcile(shop, {}, LATER) == [Settled("call-1:1", status, status == "approved")]
    assert charged(shop) == expected
    assert balance(shop) == (0 if expected else 8450)
    last = perform("pay_bill", context(shop, "call-3:1"), PAY)
    assert last.exit == ("already_paid" if expected else "approved")
    assert charged(shop) == [8450]


def test_a_stale_attempt_is_settled_when_it_is_repeated(lite_shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.SandboxGateway.__init__, "__defaults__", (lambda seconds: None,))
    perform("pay_bill", context(lite_shop), PAY | {"card": sandbox.LOST})
    assert perform("pay_bill", context(lite_shop, now=LATER), {}).exit == "approved"


def test_a_database_that_dies_after_the_charge_says_pending(lite_shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*args: Any, **kwargs: Any) -> None:
        raise sa.exc.OperationalError("update", {}, Exception("disk I/O error"))

    monkeypatch.setattr("ivr.actions.payments.attempts.conclude", dead)
    assert perform("pay_bill", context(lite_shop), PAY).exit == "pending"
    monkeypatch.undo()
    assert reconcile(lite_shop, {}, LATER) == [Settled("call-1:1", "approved", True)]


def test_a_gateway_that_breaks_is_in_doubt(
    lite_shop: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Any, reference: str, card: Any, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"unexpected {card.number}")

    monkeypatch.setattr(sandbox.SandboxGateway, "charge", broken)
    with caplog.at_level(logging.DEBUG):
        assert perform("pay_bill", context(lite_shop), PAY).exit == "pending"
    assert "RuntimeError" in caplog.text
    assert CARD not in caplog.text


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


Step = st.tuples(
    st.integers(1, 3),  # the attempt
    st.sampled_from([CARD, sandbox.LOST, sandbox.DOWN, "4000000000000002"]),
    st.sampled_from([1000, 8450]),
    st.booleans(),  # reconcile afterwards
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(Step, max_size=8))
def test_any_history_balances(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    """Whatever is tried and repeated: what was charged is what the bill went down by, once all is settled."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('db')}/x.db")
    migrate(engine)
    demo(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox.SandboxGateway.__init__, "__defaults__", (lambda seconds: None,))
        for number, card, amount, settle in steps:
            perform("pay_bill", context(engine, f"call-{number}:1"), PAY | {"card": card, "amount": amount})
            if settle:
                reconcile(engine, {}, LATER)
        reconcile(engine, {}, LATER)
    assert balance(engine) == 8450 - sum(charged(engine))
    assert not {"started", "in_doubt"} & set(statuses(engine))
    engine.dispose()


@pytest.fixture(scope="module")
def flows() -> FlowSet:
    root = Path(__file__).parents[2]
    return load(root / "flows", root / "prompts", specs())


@pytest.mark.usefixtures("no_sleep")
@pytest.mark.parametrize(("language", "words"), [("", "went through after all"), ("es", "sí se realizó")])
def test_a_caller_who_could_not_be_told_is_written_once(
    shop: Engine, flows: FlowSet, language: str, words: str
) -> None:
    with shop.begin() as conn:
        contacts.start(conn, channel="sip", caller="", called="", at=NOW, language=language, contact_id="contact")
    assert perform("pay_bill", context(shop), PAY | {"card": sandbox.LOST}).exit == "pending"
    assert queued(shop) == []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: reconcile(shop, {}, LATER, flows=flows), range(4)))
    reconcile(shop, {}, LATER, flows=flows)
    (message,) = queued(shop)
    with reading(shop) as conn:
        account = conn.execute(sa.select(accounts).where(accounts.c.number == PAY["account"])).one()
        payment = conn.execute(sa.select(payments)).one()
    assert (message.channel, message.to) == ("sms", account.phone)
    assert words in message.body
    assert payment.confirmation in message.body
    assert "84" in message.body


@pytest.mark.usefixtures("no_sleep")
def test_a_payment_that_failed_is_told_by_mail_where_there_is_no_phone(
    lite_shop: Engine, flows: FlowSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lite_shop.begin() as conn:
        conn.execute(
            sa.update(accounts).where(accounts.c.number == PAY["account"]).values(phone="", email="a@b.example")
        )

    def unreachable(*arguments: object, **options: object) -> None:
        raise GatewayInDoubt("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(sandbox.SandboxGateway, "charge", unreachable)
        assert perform("pay_bill", context(lite_shop), PAY).exit == "pending"
    assert reconcile(lite_shop, {}, LATER, flows=flows)[0].status == "failed"
    (message,) = queued(lite_shop)
    assert (message.channel, message.to) == ("email", "a@b.example")
    assert message.subject == "Your payment to Riverbend Water and Power"
    assert "did not go through" in message.body


def test_who_heard_of_the_approval_is_not_written_again(lite_shop: Engine, flows: FlowSet) -> None:
    assert perform("pay_bill", context(lite_shop), PAY).exit == "approved"
    with lite_shop.begin() as conn:
        conn.execute(sa.update(payments).values(posted_at=None))
    reconcile(lite_shop, {}, LATER, flows=flows)
    assert queued(lite_shop) == []


def queued(engine: Engine) -> list[Any]:
    with reading(engine) as conn:
        return list(conn.execute(sa.select(messages)))
