"""The widget in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy.engine import Engine

from ivr.settings import Settings
from tests.chat.conftest import stored
from tests.chat.site import Site, Widget, chromium, running

__all__ = ["chromium"]


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


def test_a_question_is_answered(widget: Widget, engine: Engine) -> None:
    widget.open()
    widget.write("what are your hours?")
    expect(widget.turns("bot").last).to_contain_text("open")
    expect(widget.turns("you")).to_have_text(["what are your hours?"])
    assert [row.body for row in stored(engine)] == ["what are your hours?"]
