"""Whoever could not be told on the call how a payment ended is written to, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import contacts
from callcenter.db import reading
from callcenter.tables import accounts, messages, payments
from ivr.actions import perform, specs
from ivr.actions.payments import GatewayInDoubt, sandbox
from ivr.actions.payments.reconcile import reconcile
from ivr.flow.load import load
from ivr.flow.model import FlowSet
from ivr.settings import Settings
from tests.actions.support import LATER, NOW, PAY, context


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
        list(pool.map(lambda _: reconcile(shop, Settings.defaults(), LATER, flows=flows), range(4)))
    reconcile(shop, Settings.defaults(), LATER, flows=flows)
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
    assert reconcile(lite_shop, Settings.defaults(), LATER, flows=flows)[0].status == "failed"
    (message,) = queued(lite_shop)
    assert (message.channel, message.to) == ("email", "a@b.example")
    assert message.subject == "Your payment to Riverbend Water and Power"
    assert "did not go through" in message.body


def test_who_heard_of_the_approval_is_not_written_again(lite_shop: Engine, flows: FlowSet) -> None:
    assert perform("pay_bill", context(lite_shop), PAY).exit == "approved"
    with lite_shop.begin() as conn:
        conn.execute(sa.update(payments).values(posted_at=None))
    reconcile(lite_shop, Settings.defaults(), LATER, flows=flows)
    assert queued(lite_shop) == []


def queued(engine: Engine) -> list[Any]:
    with reading(engine) as conn:
        return list(conn.execute(sa.select(messages)))
