"""The widget in a browser."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, FilePayload, expect
from sqlalchemy.engine import Engine

from callcenter import customers, identifiers, outbox
from callcenter.tables import contacts, files
from ivr.channels.chat.pages import STATIC
from ivr.settings import Settings
from tests.browsers import chromium
from tests.carriers import Carrier
from tests.chat.conftest import rows, stored
from tests.chat.site import Site, Widget, running
from tests.twilio.support import NOON

__all__ = ["chromium"]

HOSTILE = '<img src=x onerror="document.title=`owned`"><script>document.title="owned"</script><b>bold</b>'


@pytest.fixture
def site(settings: Settings, engine: Engine) -> Iterator[Site]:
    with running(settings) as site:
        yield site


@pytest.fixture
def browser(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-US", viewport={"width": 1100, "height": 760})
    yield context
    context.close()


@pytest.fixture
def widget(browser: BrowserContext, site: Site) -> Iterator[Widget]:
    widget = Widget(browser, f"{site.url}/chat/demo")
    yield widget
    assert widget.errors == []


def from_an_agent(site: Site, engine: Engine, text: str, **more: object) -> None:
    """What an agent writes in the newest contact."""
    contact = max(rows(engine, contacts), key=lambda row: row.started_at)
    with engine.begin() as conn:
        id = outbox.queue(conn, channel="chat", to=contact.caller, body=text, at=NOON, contact_id=contact.id,
                          author="agent:bob", **more)  # type: ignore[arg-type]  # fmt: skip
    assert outbox.deliver(engine, site.settings, id, NOON) == "sent"


def test_a_question_is_answered_and_the_menu_has_buttons(widget: Widget, engine: Engine) -> None:
    widget.open()
    widget.write("what are your hours?")
    expect(widget.turns("bot").last).to_contain_text("open")
    expect(widget.turns("you")).to_have_text(["what are your hours?"])
    assert [row.body for row in stored(engine)] == ["what are your hours?"]
    widget.page.get_by_role("button", name="yes").click()
    choices = widget.page.get_by_role("group", name="Choose an answer")
    choices.get_by_role("button", name="see our opening hours").click()
    expect(widget.turns("you").last).to_have_text("see our opening hours")
    expect(widget.page.get_by_role("button", name="yes")).to_be_visible()
    assert [row.body for row in stored(engine)][1:] == ["1", "2"]


def test_a_reload_goes_on_where_it_was(widget: Widget, engine: Engine) -> None:
    widget.open()
    widget.write("hello")
    expect(widget.turns("bot").last).to_contain_text("How can we help you?")
    widget.page.reload()
    widget.open()
    expect(widget.turns("you")).to_have_text(["hello"])
    widget.write("opening hours")
    expect(widget.turns("bot").last).to_contain_text("anything else")
    assert len(rows(engine, contacts)) == 1


def test_what_is_written_without_a_network_is_sent_once_there_is_one(
    widget: Widget, browser: BrowserContext, engine: Engine
) -> None:
    widget.open()
    widget.write("hello")
    expect(widget.turns("bot").last).to_contain_text("How can we help you?")
    browser.set_offline(True)
    expect(widget.page.get_by_text("No connection.")).to_be_visible()
    widget.write("opening hours")
    expect(widget.log.get_by_text("Sending…")).to_be_visible()
    browser.set_offline(False)
    expect(widget.turns("bot").last).to_contain_text("anything else")
    expect(widget.turns("you")).to_have_text(["hello", "opening hours"])
    assert [row.body for row in stored(engine)] == ["hello", "opening hours"]
    widget.errors.clear()  # the browser complains of the requests that it couldn't make


def test_a_restart_of_the_server_loses_and_doubles_nothing(widget: Widget, site: Site, engine: Engine) -> None:
    widget.open()
    widget.write("hello")
    expect(widget.turns("bot").last).to_contain_text("How can we help you?")
    site.live.stop()
    expect(widget.page.get_by_text("No connection.")).to_be_visible()
    widget.write("opening hours")
    widget.page.reload()  # what wasn't sent survives even that
    widget.open()
    from_an_agent(site, engine, "Written while you were away")
    site.live.start()
    expect(widget.turns("agent")).to_have_text(["Written while you were away"])
    expect(widget.turns("you")).to_have_text(["hello", "opening hours"])
    expect(widget.turns("bot").last).to_contain_text("anything else")
    assert [row.body for row in stored(engine)] == ["hello", "opening hours"]
    widget.errors.clear()


def test_another_page_of_the_site_goes_on(widget: Widget, browser: BrowserContext, site: Site) -> None:
    widget.open()
    widget.write("hello")
    expect(widget.turns("bot").last).to_contain_text("How can we help you?")
    other = Widget(browser, f"{site.url}/chat/demo?another")
    other.open()
    expect(other.turns("you")).to_have_text(["hello"])
    other.write("opening hours")
    expect(widget.turns("bot").last).to_contain_text("anything else")
    assert other.errors == []


def test_who_one_is_can_be_proven_by_a_code(widget: Widget, engine: Engine, carrier: Carrier) -> None:
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOON, name="Ana Reyes")
        identifiers.add(conn, ana, "email", "ana@example.org", at=NOON)
    widget.open()
    widget.write("hello")
    expect(widget.turns("bot").last).to_contain_text("How can we help you?")
    widget.menu("Confirm who you are")
    widget.page.get_by_label("E-mail address").fill("Ana@example.org")
    widget.page.get_by_role("button", name="Continue", exact=True).click()
    expect(widget.page.get_by_text("a…@example.org")).to_be_visible()
    code = re.search(r"\b\d{6}\b", carrier.first().body)  # it goes out once the page has been told
    assert code
    widget.page.get_by_label("The code").fill("000000" if code[0] != "000000" else "111111")
    widget.page.get_by_role("button", name="Continue", exact=True).click()
    expect(widget.page.get_by_role("alert")).to_contain_text("not right")
    widget.page.get_by_label("The code").fill(code[0])
    widget.page.keyboard.press("Enter")
    expect(widget.page.get_by_text("Confirmed: Ana Reyes")).to_be_visible()
    expect(widget.turns("you")).to_have_text(["hello"])
    (contact,) = rows(engine, contacts)
    assert contact.customer_id == ana


def test_a_file_goes_up_and_comes_down(widget: Widget, engine: Engine) -> None:
    widget.open()
    picker = widget.page.locator("input[type=file]")
    picker.set_input_files({"name": "bill.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 hello"})
    link = widget.log.get_by_role("link", name="bill.pdf")
    with widget.page.expect_download() as download:
        link.click()
    assert Path(download.value.path()).read_bytes() == b"%PDF-1.4 hello"
    assert download.value.suggested_filename == "bill.pdf"
    (file,) = rows(engine, files)
    assert (file.name, file.message_id) == ("bill.pdf", stored(engine)[0].id)
    picker.set_input_files({"name": "evil.html", "mimeType": "text/html", "buffer": b"<script>alert(1)</script>"})
    expect(widget.log.get_by_text("Files of this kind can't be sent.")).to_be_visible()
    assert len(rows(engine, files)) == 1
    widget.errors.clear()  # the browser complains of the answer 422


def test_a_file_sent_before_the_first_connection_is_the_same_visitors(widget: Widget) -> None:
    with widget.tickets_held():
        widget.open()
        picked: FilePayload = {"name": "bill.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 hello"}
        widget.page.locator("input[type=file]").set_input_files(picked)
        expect(widget.log.get_by_text("bill.pdf")).to_be_visible()
    expect(widget.log.get_by_role("link", name="bill.pdf")).to_be_visible()


def test_who_signs_out_while_a_ticket_is_on_its_way_is_forgotten(widget: Widget, engine: Engine) -> None:
    widget.open()
    widget.write("my secret")
    expect(widget.turns("bot").last).to_be_visible()
    with widget.tickets_held():
        widget.page.reload()
        widget.open()
        expect(widget.page.get_by_text("Connecting")).to_be_visible()
        widget.page.evaluate("document.querySelector('callwright-chat').identify('')")
    widget.write("hello")
    expect(widget.turns("bot").last).to_be_visible()
    expect(widget.turns("you")).to_have_text(["hello"])
    assert len(rows(engine, contacts)) == 2


def test_markup_in_what_people_write_is_text(widget: Widget, site: Site, engine: Engine) -> None:
    widget.open()
    widget.write(HOSTILE)
    expect(widget.turns("bot").last).to_be_visible()
    expect(widget.turns("you")).to_have_text([HOSTILE])
    from_an_agent(site, engine, f"{HOSTILE} javascript:alert(1) https://example.org/?q=<b>", meta={"name": HOSTILE})
    expect(widget.turns("agent")).to_contain_text("<img src=x")
    expect(widget.log.locator("img, script, b")).to_have_count(0)
    links = widget.turns("agent").locator("a")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.org/?q=")
    widget.page.reload()
    widget.open()
    expect(widget.turns("you")).to_have_text([HOSTILE])
    assert widget.page.title() != "owned"


def test_the_keyboard_is_enough(widget: Widget) -> None:
    page = widget.page
    launcher = page.get_by_role("button", name="Open the chat")
    launcher.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type("hello")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("there")
    page.keyboard.press("Enter")
    expect(widget.turns("you")).to_have_text(["hello\nthere"])
    expect(widget.turns("bot").last).to_be_visible()
    page.get_by_role("button", name="More").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Confirm who you are")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More")).to_be_focused()
    page.keyboard.press("Escape")
    expect(launcher).to_be_focused()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_what_comes_while_it_is_closed_is_counted(widget: Widget, site: Site, engine: Engine) -> None:
    widget.open()
    widget.write("hello")
    expect(widget.turns("bot").last).to_be_visible()
    widget.page.keyboard.press("Escape")
    from_an_agent(site, engine, "Are you there?")
    expect(widget.page.locator(".badge")).to_have_text("1")
    expect(widget.page.get_by_text("1 new message")).to_be_attached()
    widget.open()
    expect(widget.page.locator(".badge")).to_be_hidden()


def test_the_chat_is_ended(widget: Widget, engine: Engine) -> None:
    widget.open()
    widget.write("hello")
    expect(widget.turns("bot").last).to_contain_text("How can we help you?")
    widget.menu("End the chat")
    expect(widget.log.get_by_text("You have ended the chat.")).to_be_visible()
    expect(widget.turns("you")).to_have_count(0)
    assert rows(engine, contacts)[0].outcome == "hung_up"


def test_spanish(chromium: Browser, site: Site) -> None:
    context = chromium.new_context()
    context.add_init_script("document.addEventListener('readystatechange', () => document.documentElement.lang = 'es')")
    widget = Widget(context, f"{site.url}/chat/demo")
    widget.page.get_by_role("button", name="Abrir el chat").click()
    expect(widget.log).to_contain_text("¿En qué podemos ayudarle?")
    context.close()


def no_violations(widget: Widget) -> None:
    found = Axe().run(widget.page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 375])
def test_axe_finds_nothing(chromium: Browser, site: Site, engine: Engine, scheme: str, width: int) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 700},  # type: ignore[arg-type]
                                   reduced_motion="reduce", bypass_csp=True)  # axe is put in by a script  # fmt: skip
    widget = Widget(context, f"{site.url}/chat/demo")
    no_violations(widget)
    widget.open()
    no_violations(widget)
    widget.write("hello")
    expect(widget.page.get_by_role("group", name="Choose an answer")).to_be_visible()
    from_an_agent(site, engine, "See https://example.org/help")
    expect(widget.turns("agent")).to_be_visible()
    no_violations(widget)
    box = widget.page.get_by_role("dialog").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    widget.page.get_by_role("button", name="More").click()
    no_violations(widget)
    widget.page.get_by_role("button", name="Leave a message").click()
    no_violations(widget)
    context.close()


def test_it_is_small_and_asks_no_other_host(chromium: Browser, site: Site) -> None:
    context = chromium.new_context()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    widget = Widget(context, f"{site.url}/chat/demo")
    widget.open()
    expect(widget.log).to_contain_text("How can we help you?")
    context.close()
    assert [url for url in asked if not url.startswith((site.url, "data:"))] == []
    packed = {path.name: len(gzip.compress(path.read_bytes())) for path in STATIC.glob("*.js")}
    assert sum(packed.values()) < 30_000
    assert widget.errors == []


def test_a_strict_policy_of_the_page_holds(widget: Widget) -> None:
    widget.open()
    policy = widget.page.request.get(widget.page.url).headers["content-security-policy"]
    assert "unsafe" not in policy
    colour = (
        "getComputedStyle(document.querySelector('callwright-chat').shadowRoot.querySelector('.head')).backgroundColor"
    )
    assert widget.page.evaluate(colour) == "rgb(20, 83, 138)"
