"""A whole bill paid on a real SIP call: charged once, on record, and no card digit written anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from callcenter.tables import bills, payments, sandbox_charges
from ivr import logs
from tests.secrecy import assert_lands_nowhere
from tests.voice.line import Line
from tests.voice.sip_phone import SipPhone

pytestmark = pytest.mark.sip

CARD, EXPIRY, CODE = "5555555555554444", "0831", "7392"


@pytest.fixture
def line(tmp_path: Path, audio: Path) -> Iterator[Line]:
    (tmp_path / "logs").mkdir()
    with (tmp_path / "logs" / "log.jsonl").open("w") as stream:
        logs.configure("json", level=10, stream=stream)
        with Line(tmp_path, audio) as line:
            yield line
        logs.configure("console")


def pay(phone: SipPhone) -> None:
    assert phone.hears("main.how_can_we_help")
    phone.press("110203040")
    assert phone.hears("pay.how_much")
    phone.press("1")
    assert phone.hears("pay.ask_card")
    phone.press(CARD + "#")
    assert phone.hears("pay.ask_expiry")
    phone.press(EXPIRY)
    assert phone.hears("pay.ask_security_code")
    phone.press(CODE)


def test_a_bill_is_paid_and_its_card_lands_nowhere(line: Line, tmp_path: Path) -> None:
    phone = line.call("+15550123456")
    pay(phone)
    assert phone.hears("pay.approved")
    assert phone.heard_whole("was approved"), "the approval had gaps"
    assert phone.hears("main.anything_else")
    phone.press("2")
    assert phone.wait_for_end()
    facts = phone.facts()
    with line.engine.connect() as connection:
        payment = connection.execute(sa.select(payments)).one()
        charge = connection.execute(sa.select(sandbox_charges)).one()
        balance = connection.execute(sa.select(bills.c.balance).where(bills.c.account_number == "10203040")).scalar()
    assert (payment.status, payment.amount, payment.card_last4) == ("approved", 8450, CARD[-4:])
    assert (charge.status, charge.amount, balance) == ("charged", 8450, 0)
    assert facts.slots["payment"]["confirmation"] == payment.confirmation
    assert payment.confirmation in facts.messages[0].body
    assert "main" in (tmp_path / "logs" / "log.jsonl").read_text() or list((tmp_path / "logs").iterdir())
    assert_lands_nowhere([tmp_path], [CARD, EXPIRY, CODE])


def test_hanging_up_while_the_card_is_charged_loses_no_payment(line: Line, tmp_path: Path) -> None:
    phone = line.call("+15550123456")
    pay(phone)
    phone.hang_up()
    phone.close()
    line.run(line.service.endpoint.drain(10))  # type: ignore[union-attr]
    with line.engine.connect() as connection:
        charges = connection.execute(sa.select(sandbox_charges).where(sandbox_charges.c.status == "charged")).all()
        paid = connection.execute(sa.select(payments).where(payments.c.status == "approved")).all()
        balance = connection.execute(sa.select(bills.c.balance).where(bills.c.account_number == "10203040")).scalar()
    assert len(charges) == len(paid) <= 1
    assert balance == (0 if paid else 8450)
    assert_lands_nowhere([tmp_path], [CARD, EXPIRY, CODE])
