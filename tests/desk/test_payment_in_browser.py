"""An agent takes a payment at the desk: the caller keys the card on the telephone, the page shows dots."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from callcenter import identifiers
from callcenter.tables import contacts
from ivr.actions.bills.importing import DEMO, import_bills
from tests.bridge.paying import CARD, CODE, EXPIRY, patient
from tests.bridge.phones import TonePhone
from tests.desk.at_work import AGENT, CALLER, HEARS, Floor, flawless, shot
from tests.secrecy import assert_lands_nowhere
from tests.voice.line import Ears

pytestmark = [pytest.mark.sip, pytest.mark.timeout(240)]
SOON = 40_000
"""Milliseconds for what is said and keyed meanwhile."""


@pytest.fixture(autouse=True)
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.voice.office.FLOWS", patient(tmp_path))
    monkeypatch.setattr("tests.voice.office.Renderer", Ears)  # prompts in a third of the time


@pytest.fixture
def caller(floor: Floor, page: Page) -> TonePhone:
    """Somebody who talks to the agent."""
    import_bills(floor.office.engine, DEMO, dt.date.today())
    phone = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=SOON)
    page.keyboard.press("Alt+a")
    floor.run(phone.hears(AGENT))
    expect(card).to_have_attribute("data-state", "connected", timeout=SOON)
    return phone


def begin(page: Page, account: str, amount: str) -> None:
    page.keyboard.press("Alt+y")
    dialog = page.get_by_role("dialog", name="Take a payment")
    expect(dialog).to_be_visible(timeout=SOON)
    dialog.locator("select[name=account]").select_option("other")
    dialog.get_by_label("Account number").fill(account)
    dialog.get_by_label("Amount").fill(amount)
    flawless(page, "payment-dialog")
    dialog.get_by_role("button", name="Begin").click()


def press(floor: Floor, phone: TonePhone, keys: str) -> None:
    async def pressed() -> None:
        phone.press(keys)
        await asyncio.sleep(0)

    floor.run(pressed())


def dots(page: Page, field: str) -> Locator:
    return page.locator(f"[data-field={field}] [data-dots]")


def test_the_caller_keys_and_the_agent_sees_dots(floor: Floor, page: Page, caller: TonePhone) -> None:
    begin(page, "10203040", "50.00")
    panel = page.locator("[data-payment]")
    expect(panel).to_be_visible(timeout=SOON)
    press(floor, caller, "1")
    state = panel.locator("[data-state]")
    expect(state).to_have_text("The caller keys the card number.", timeout=SOON)
    expect(page.get_by_role("button", name=re.compile("Hold|Transfer|Take a payment"))).to_have_count(0, timeout=SOON)
    press(floor, caller, CARD[:6])
    expect(dots(page, "card")).to_have_text("●●●● ●●", timeout=SOON)
    flawless(page, "payment")
    page.reload()  # what was keyed so far is known to a page that comes later
    expect(dots(page, "card")).to_have_text("●●●● ●●", timeout=SOON)
    press(floor, caller, "1#")
    expect(panel.locator("[data-problem]")).to_have_text("Too short or too long", timeout=SOON)
    expect(dots(page, "card")).to_have_text("", timeout=SOON)
    press(floor, caller, CARD + "#")
    expect(state).to_have_text("The caller keys when the card expires.", timeout=SOON)
    press(floor, caller, EXPIRY[:3])
    expect(dots(page, "expiry")).to_have_text("●●/●", timeout=SOON)
    press(floor, caller, "*")  # whoever has mistyped starts over
    expect(state).to_have_text("The caller keys the card number.", timeout=SOON)
    expect(dots(page, "expiry")).to_have_text("")
    press(floor, caller, CARD + "#")
    expect(state).to_have_text("The caller keys when the card expires.", timeout=SOON)
    press(floor, caller, EXPIRY)
    expect(state).to_have_text("The caller keys the security code.", timeout=SOON)
    press(floor, caller, CODE)
    expect(state).to_contain_text("Paid · $50.00 · •••• 4444 · Confirmation", timeout=SOON)
    expect(page.get_by_role("button", name="Hold")).to_be_visible(timeout=SOON)
    flawless(page, "paid")
    floor.run(caller.hears(AGENT))
    assert page.evaluate(HEARS, CALLER)
    assert_lands_nowhere([floor.office.settings.data_dir], [CARD, EXPIRY, CODE], texts=[page.content()])


def test_the_customers_bill_is_offered_and_the_agent_stops_its_payment(
    floor: Floor, page: Page, caller: TonePhone
) -> None:
    with floor.office.engine.begin() as conn:
        customer = conn.execute(sa.select(contacts.c.customer_id)).scalar_one()
        identifiers.add(conn, customer, "account", "10203040", at=floor.office.runner.now())
    page.keyboard.press("Alt+y")
    dialog = page.get_by_role("dialog", name="Take a payment")
    account = dialog.locator("select[name=account]")
    expect(account.locator("option").first).to_contain_text(re.compile(r"10203040 · .+ · \$84\.50"), timeout=SOON)
    expect(dialog.get_by_label("Amount")).to_have_value("84.5")
    shot(page, "work-payment-bills")
    account.select_option("The caller keys it")
    expect(dialog.get_by_label("Amount")).to_be_hidden()
    account.select_option("10203040")
    dialog.get_by_role("button", name="Begin").click()
    panel = page.locator("[data-payment]")
    expect(panel).to_be_visible(timeout=SOON)
    # Alt and Y is the other button until the call's card has been drawn again.
    expect(page.get_by_role("button", name="Take a payment")).to_have_count(0, timeout=SOON)
    expect(panel.get_by_role("button", name="Stop the payment")).to_be_visible(timeout=SOON)
    page.keyboard.press("Alt+y")
    expect(panel.locator("[data-state]")).to_have_text("Stopped. Nothing was paid.", timeout=SOON)
    floor.run(caller.hears(AGENT))
    expect(page.get_by_role("button", name="Take a payment")).to_be_visible(timeout=SOON)
