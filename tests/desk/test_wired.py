"""The desk in the whole application: the demo company's flows, the chat, the live process, a real Valkey."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy.engine import Engine

from callcenter.db import open_database, reading
from callcenter.desk import passwords, users
from callcenter.tables import contacts, messages
from ivr.settings import Settings
from ivr.web.desk import config
from tests.browsers import chromium
from tests.chat.conftest import prepared
from tests.chat.site import Site, Widget, running
from tests.desk.support import HASHED, PASSWORD, QUICK_HASHER
from tests.valkey import redis_url, valkey

__all__ = ["chromium", "prepared", "redis_url", "valkey"]


@pytest.fixture
def settings(prepared: Path, tmp_path: Path, redis_url: str) -> Settings:
    flows = shutil.copytree("flows", tmp_path / "flows")
    (flows / "canned.yaml").write_text("answers:\n  hello:\n    title: Hello\n    text: Hello from {company}\n")
    data_dir = shutil.copytree(prepared, tmp_path / "var")
    return Settings(_env_file=None, data_dir=data_dir, flows_dir=flows, redis_url=redis_url, live_port=0)


@pytest.fixture
def engine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(passwords, "_hasher", QUICK_HASHER)
    engine = open_database(settings.database)
    with engine.begin() as conn:
        for login, role in (("maria", "agent"), ("ada", "admin")):
            user = users.add(conn, login=login, name=login.title(), role=role, agent_id=login, at=datetime.now(UTC))
            users.set_password(conn, user.id, HASHED)
    yield engine
    engine.dispose()


@pytest.fixture
def site(settings: Settings, engine: Engine) -> Iterator[Site]:
    with running(settings) as site:
        yield site


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-US", viewport={"width": 1280, "height": 720})
    yield context
    context.close()


def signed_in(context: BrowserContext, site: Site, login: str) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(f"{site.url}/desk/")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/desk/")
    return page


def test_a_visitor_and_an_agent_talk(context: BrowserContext, site: Site, engine: Engine) -> None:
    widget = Widget(context, f"{site.url}/chat/demo")
    widget.open()
    widget.write("hello")
    expect(widget.turns("bot").last).to_contain_text("help")
    page = signed_in(context, site, "maria")
    page.get_by_role("link", name="Flow", exact=True).click()
    page.get_by_role("link", name=re.compile("a visitor")).click()
    expect(page.locator(".message.flow").first).to_be_visible()  # what the flow said is above
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_text("you answer")).to_be_visible()
    page.wait_for_load_state()  # with its scripts: Control and Enter is theirs
    answer = page.get_by_role("textbox", name="Your answer")
    answer.fill("Hello, I am Maria.")
    answer.press("Control+Enter")
    expect(widget.page.get_by_text("Hello, I am Maria.")).to_be_visible()
    widget.write("A person at last")
    expect(page.locator(".message.in").last).to_contain_text("A person at last")  # without a reload
    site.live.stop()
    expect(page.get_by_text("Connection lost")).to_be_visible()
    site.live.start()
    expect(page.locator("#live-state")).to_have_text("Connected again.")  # it is shown for a moment only
    widget.write("Are you there?")
    expect(page.locator(".message.in").last).to_contain_text("Are you there?")
    with reading(engine) as conn:
        served = conn.execute(sa.select(contacts.c.served_by)).scalar_one()
        author = sa.select(messages.c.author).where(messages.c.body == "Hello, I am Maria.")
        assert (served, conn.execute(author).scalar_one()) == ("agent:maria", "agent:maria")


def test_an_admin_publishes_and_rolls_back(context: BrowserContext, site: Site, settings: Settings) -> None:
    page = signed_in(context, site, "ada")
    page.goto(f"{site.url}/desk/flows")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("status").first).to_contain_text("answers new calls")
    expect(page.get_by_text("as published")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Roll back to")).first.click()
    expect(page.get_by_text("changed", exact=True)).to_be_visible()
    (settings.flows_dir / "main.yaml").write_text("start: nowhere\nsteps: {}\n")
    page.reload()
    expect(page.locator(".problems")).to_contain_text(re.compile("^main.yaml:2:8 "))
    expect(page.get_by_role("button", name="Publish")).to_be_disabled()
    page.get_by_role("link", name="main", exact=True).click()
    expect(page.get_by_role("img", name=re.compile("Drawing of the flow"))).to_have_js_property("complete", True)
    assert page.evaluate("document.querySelector('.picture img').naturalWidth") > 100


def test_an_admin_changes_the_opening_hours(context: BrowserContext, site: Site, settings: Settings) -> None:
    page = signed_in(context, site, "ada")
    page.goto(f"{site.url}/desk/hours")
    form = page.get_by_role("region", name="Add", exact=True).locator("form").first
    form.get_by_label("Day").fill("2031-12-11")
    form.get_by_label("Reason").fill("Staff party")
    form.get_by_label("Publish the other files, too: flows/canned.yaml").check()  # which the fixture wrote
    form.get_by_role("button", name="Add and publish").click()
    expect(page.get_by_role("status").first).to_contain_text("answers new calls")
    expect(page.get_by_text("Thu, Dec 11, 2031: closed (Staff party)").first).to_be_visible()
    assert "  - {date: 2031-12-11, name: Staff party}\n" in (settings.flows_dir / "business_hours.yaml").read_text()
    page.goto(f"{site.url}/desk/flows")
    expect(page.get_by_text("as published")).to_be_visible()
    page.goto(f"{site.url}/desk/prompts?q=system.sorry")
    expect(page.get_by_role("link", name="Play system.sorry", exact=True)).to_be_visible()


def test_half_a_provider_is_refused(settings: Settings) -> None:
    half = settings.model_copy(update={"oidc_issuer": "https://login.example.com"})
    with pytest.raises(ValueError, match="OIDC_CLIENT_ID"):
        config(half)
