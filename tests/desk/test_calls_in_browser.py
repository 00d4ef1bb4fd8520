"""A caller waits in the flow's queue, and an agent answers in the browser: each hears the other."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.desk.at_work import AGENT, CALLER, COLLEAGUE, HEARS, Agents, Floor, flawless, one_of, ready, shot, tones

pytestmark = [pytest.mark.sip, pytest.mark.timeout(180)]


def test_each_hears_the_other_and_the_call_is_wrapped_up(floor: Floor, page: Page) -> None:
    flawless(page, "idle")
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    expect(card).to_contain_text("Customer service")
    page.keyboard.press("Alt+a")
    expect(card).to_have_attribute("data-state", "connected", timeout=15_000)
    floor.run(caller.hears(AGENT))
    assert page.evaluate(HEARS, CALLER)

    # Pages change below, and the call goes on.
    page.frame_locator("#page").get_by_role("link", name="Customers").click()
    expect(page).to_have_url(re.compile(r"at=.*customers"))
    floor.run(caller.hears(AGENT))

    expect(card.get_by_role("button", name=re.compile("Hand over|Join all|recording"))).to_have_count(0)
    flawless(page, "call")
    card.get_by_role("button", name="Hold").click()
    floor.run(caller.until(lambda: AGENT not in tones(caller), "music"))
    expect(card.get_by_role("button", name="Resume")).to_be_visible(timeout=10_000)
    expect(card.get_by_role("button", name="Hold")).to_have_count(0)
    page.keyboard.press("Alt+h")
    floor.run(caller.hears(AGENT))

    mute = card.get_by_role("button", name="Mute")
    mute.click()
    floor.run(caller.hears())
    expect(mute).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Alt+m")
    floor.run(caller.hears(AGENT))

    page.keyboard.press("Alt+/")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    flawless(page, "help")
    page.keyboard.press("Escape")

    card.get_by_role("button", name="Hang up").click()
    expect(card).to_have_attribute("data-state", "wrap_up", timeout=15_000)
    flawless(page, "wrap-up")
    card.get_by_label("Outcome").select_option("solved")
    card.get_by_label("Note").fill("Meter read over the phone")
    page.keyboard.press("Alt+n")
    expect(card).to_have_count(0, timeout=10_000)
    events = floor.run(floor.office.tells("wrap_up.done"))
    assert next(event.data["code"] for event in events if event.kind == "wrap_up.done") == "solved"


def test_a_call_by_keys_alone(floor: Floor, page: Page) -> None:
    """Answered, held, transferred and wrapped up without the mouse."""
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    expect(card.get_by_role("button", name="Accept")).to_be_focused()
    page.keyboard.press("Enter")
    floor.run(caller.hears(AGENT))
    expect(card).to_have_attribute("data-state", "connected", timeout=20_000)
    page.keyboard.press("Alt+h")
    floor.run(caller.until(lambda: AGENT not in tones(caller), "music"))
    expect(card.get_by_role("button", name="Resume")).to_be_visible(timeout=20_000)
    page.keyboard.press("Alt+h")
    floor.run(caller.hears(AGENT))
    expect(card.get_by_role("button", name="Hold")).to_be_visible(timeout=20_000)
    ben = floor.run(floor.office.agent("ben", COLLEAGUE))
    page.keyboard.press("Alt+t")
    to = page.locator("#transfer-to")
    expect(to).to_be_focused(timeout=20_000)
    page.keyboard.press("b")
    expect(to).to_have_value("agent ben")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Transfer now")).to_be_focused()
    page.keyboard.press("Enter")
    floor.run(ben.answer())
    floor.run(caller.hears(COLLEAGUE))
    expect(card).to_have_attribute("data-state", "wrap_up", timeout=20_000)
    outcome, note = card.get_by_label("Outcome"), card.get_by_label("Note")
    expect(outcome).to_be_focused()
    page.keyboard.press("s")
    expect(outcome).to_have_value("solved")
    page.keyboard.press("Tab")
    page.keyboard.type("Ben goes")
    card.evaluate("card => card.dataset.signature = ''")  # news of it: the card is made anew
    expect(card).not_to_have_attribute("data-signature", "", timeout=30_000)
    expect(note).to_be_focused()
    page.keyboard.type(" on")
    expect(note).to_have_value("Ben goes on")
    expect(outcome).to_have_value("solved")
    page.keyboard.press("Alt+n")
    expect(card).to_have_count(0, timeout=20_000)
    events = floor.run(floor.office.tells("wrap_up.done"))
    assert next(event.data["code"] for event in events if event.kind == "wrap_up.done") == "solved"


def test_an_offer_leaves_who_writes_alone(floor: Floor, page: Page) -> None:
    frame, card = page.frame_locator("#page"), page.locator("[data-offer]")
    frame.get_by_role("link", name="Customers").click()
    field = frame.get_by_role("searchbox")
    field.click()
    page.keyboard.type("sil")
    floor.caller()
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    page.keyboard.type("va ")  # a space would press a button that has the focus
    expect(field).to_have_value("silva ")
    expect(card).to_have_attribute("data-state", "offered")
    page.keyboard.press("Alt+a")
    expect(card).to_have_attribute("data-state", "connected", timeout=20_000)


def test_an_offer_is_flawless_and_a_rejected_call_goes_to_another_agent(floor: Floor, page: Page) -> None:
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    ben = floor.run(floor.office.agent("ben", 700))
    flawless(page, "offer")
    card.get_by_role("button", name="Reject").click()
    expect(card).to_have_count(0, timeout=10_000)
    floor.run(ben.answer())
    floor.run(caller.hears(700))


def test_a_colleague_in_another_browser_is_asked_and_takes_the_caller(floor: Floor, page: Page, agents: Agents) -> None:
    other = agents.at_work("cleo", COLLEAGUE, "unavailable break")
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    page.keyboard.press("Alt+a")
    floor.run(caller.hears(AGENT))

    expect(card).to_have_attribute("data-state", "connected", timeout=15_000)
    page.keyboard.press("Alt+t")
    page.locator("#transfer-to").select_option("agent cleo")
    page.get_by_role("button", name="Ask first").click()
    asked = other.locator("[data-offer]")
    expect(asked).to_have_attribute("data-state", "offered", timeout=15_000)
    expect(asked).to_contain_text("asks you")
    flawless(other, "asked")
    asked.get_by_role("button", name="Accept").click()
    expect(asked).to_have_attribute("data-state", "connected", timeout=15_000)
    # They talk alone, and the caller hears music.
    assert page.evaluate(HEARS, COLLEAGUE)
    assert other.evaluate(HEARS, AGENT)
    floor.run(caller.until(lambda: not tones(caller) & {AGENT, COLLEAGUE}, "music"))
    expect(card.get_by_role("button", name="Join all")).to_be_visible(timeout=10_000)
    expect(card.get_by_role("button", name="Hold")).to_have_count(0)
    flawless(page, "consult")

    card.get_by_role("button", name="Join all").click()
    floor.run(caller.hears(AGENT, COLLEAGUE))
    expect(card.get_by_role("button", name="Join all")).to_have_count(0, timeout=10_000)
    card.get_by_role("button", name="Hand over").click()
    floor.run(caller.hears(COLLEAGUE))
    assert other.evaluate(HEARS, CALLER)
    expect(card).to_have_attribute("data-state", "wrap_up", timeout=15_000)
    # The call is the colleague's now, with all that can be done with it, and wrap-up.
    expect(asked).to_contain_text("Customer service", timeout=15_000)
    shot(other, "work-handed-over")
    asked.get_by_role("button", name="Hold").click()
    floor.run(caller.until(lambda: COLLEAGUE not in tones(caller), "music"))
    expect(asked.get_by_role("button", name="Resume")).to_be_visible(timeout=10_000)
    asked.get_by_role("button", name="Resume").click()
    floor.run(caller.hears(COLLEAGUE))
    asked.get_by_role("button", name="Hang up").click()
    expect(asked).to_have_attribute("data-state", "wrap_up", timeout=15_000)


def test_a_cut_of_the_network_does_not_end_the_call(floor: Floor, page: Page) -> None:
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    page.keyboard.press("Alt+a")
    floor.run(caller.hears(AGENT))
    page.context.set_offline(True)  # no request gets through; sound is cut at the gateway
    floor.cut("ana")
    expect(page.locator("#line")).to_have_text("Reconnecting…", timeout=20_000)
    floor.run(caller.hears())
    page.context.set_offline(False)
    ready(page)
    floor.run(caller.hears(AGENT))
    assert page.evaluate(HEARS, CALLER)
    expect(card).to_have_attribute("data-state", "connected")


def test_of_three_tabs_the_last_has_the_telephone(floor: Floor, page: Page) -> None:
    second, third = page.context.new_page(), page.context.new_page()
    for tab, before in ((second, page), (third, second)):
        tab.goto("/desk/work")
        ready(tab)
        expect(before.locator("#line")).to_have_text("Telephone in another tab", timeout=20_000)
    caller = floor.caller()
    cards = [tab.locator("[data-offer]") for tab in (page, second, third)]
    for card in cards:
        expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    # Two tabs accept at once: the call is answered once, in a tab that accepted it.
    for card in cards[:2]:
        card.get_by_role("button", name="Accept").evaluate("(button) => button.click()")
    floor.run(caller.hears(AGENT))
    for card in cards:
        expect(card).to_have_attribute("data-state", "connected", timeout=15_000)
    kinds = [event.kind for event in floor.run(floor.office.tells("call.connected"))]
    assert (kinds.count("offer.accepted"), kinds.count("call.connected")) == (1, 1)
    expect(third.locator("#line")).to_have_text("Telephone in another tab", timeout=20_000)
    # The telephone is fetched, and when its tab goes another one has it: the caller stays.
    third.get_by_role("button", name="Use it here").click()
    ready(third)
    floor.run(caller.hears(AGENT))
    assert third.evaluate(HEARS, CALLER)
    third.close()
    one_of(page, second)
    floor.run(caller.hears(AGENT))


def test_a_page_that_is_loaded_again_keeps_its_call(floor: Floor, page: Page) -> None:
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    card.get_by_role("button", name="Accept").click()
    floor.run(caller.hears(AGENT))
    page.reload()
    ready(page)
    floor.run(caller.hears(AGENT))
    expect(card).to_have_attribute("data-state", "connected", timeout=15_000)
    assert page.evaluate(HEARS, CALLER)
