"""A caller waits in the flow's queue, and an agent answers in the browser: each hears the other."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
import wave
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright
from werkzeug.serving import make_server

from callcenter.desk import passwords, users
from ivr.channels.webrtc.gateway import Gateway
from ivr.web import create_app
from tests.bridge.phones import TonePhone
from tests.desk.support import PASSWORD, QUICK_HASHER
from tests.desk.test_browser import WCAG, Quiet
from tests.tools import need
from tests.valkey import Valkey
from tests.voice.office import Office

pytestmark = [pytest.mark.sip, pytest.mark.timeout(180)]
T = TypeVar("T")
AGENT, CALLER, COLLEAGUE = 1200, 300, 700
HEARS = """async (hertz) => {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 4096;
  context.createMediaStreamSource(document.getElementById("far").srcObject).connect(analyser);
  await context.resume();
  const bins = new Float32Array(analyser.frequencyBinCount);
  for (let tries = 0; tries < 100; tries += 1) {
    await new Promise((done) => setTimeout(done, 100));
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    const found = loudest * context.sampleRate / analyser.fftSize;
    if (bins[loudest] > -60 && Math.abs(found - hertz) < 40) return true;
  }
  return false;
}"""


PLAIN = """const before = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (before) navigator.mediaDevices.getUserMedia = () => before({ audio: {
  echoCancellation: false, noiseSuppression: false, autoGainControl: false } });"""
"""Chromium takes a tone for noise and removes it; this voice is a tone."""


class Floor:
    """The office on a loop in a thread, the gateway, and the web server; a browser whose microphone is a tone."""

    def __init__(self, folder: Path, audio: Path, valkey: Valkey) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.office = Office(folder / "office", audio, valkey, ("ana@desk", "ben", "cleo@desk"), {})
        self.gateway = Gateway(valkey.url)
        self.run(self.gateway.start())
        self.run(self.office.start())
        settings = self.office.settings
        self._server = make_server("127.0.0.1", 0, create_app(settings, self.office.runner), threaded=True,
                                   request_handler=Quiet)  # fmt: skip
        self._serving = threading.Thread(target=self._server.serve_forever)
        self._serving.start()
        self.base = f"http://127.0.0.1:{self._server.port}"
        with self.office.engine.begin() as conn:
            for name in ("ana", "cleo"):
                one = users.add(conn, login=name, name=name, role="agent", at=self.office.runner.now(), agent_id=name)
                users.set_password(conn, one.id, passwords.hashed(PASSWORD))

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()
        self.run(self.gateway.close())
        self.run(self.office.close())
        self.run(self._cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    @staticmethod
    async def _cancel() -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def cut(self, agent: str) -> None:
        """The agent's browser is no longer heard, as when its network goes."""
        peer = self.gateway._phones[agent].peer
        assert peer is not None
        self.run(peer.close())

    def caller(self) -> TonePhone:
        return self.run(self.office.caller(CALLER))


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audio")


@pytest.fixture
def floor(tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    monkeypatch.setattr(passwords, "_hasher", QUICK_HASHER)
    monkeypatch.setenv("TEST_PHONE", "secret")
    made = Floor(tmp_path, audio, valkey)
    yield made
    made.close()


class Agents:
    """Browsers at work, one process for each agent: a microphone is the process's."""

    def __init__(self, playwright: Playwright, folder: Path, base: str) -> None:
        self._playwright, self._folder, self._base = playwright, folder, base
        self._browsers: list[Browser] = []

    def sign_in(self, login: str, hertz: int) -> Page:
        """A browser at the desk, signed in."""
        path = self._folder / f"{login}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(48000)
            tone = 9000 * np.sin(2 * np.pi * hertz * np.arange(48000 * 10) / 48000)
            file.writeframes(tone.astype("<i2").tobytes())
        arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                     f"--use-file-for-fake-audio-capture={path}",
                     "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
        chromium = need("chromium", "chromium")
        browser = self._playwright.chromium.launch(executable_path=chromium, args=arguments)
        self._browsers.append(browser)
        context = browser.new_context(base_url=self._base, permissions=["microphone"],
                                      viewport={"width": 1280, "height": 720})  # fmt: skip
        context.add_init_script(PLAIN)
        tab = context.new_page()
        tab.goto("/desk/login")
        tab.get_by_label("Login").fill(login)
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url(re.compile(r"/desk/$"))
        return tab

    def at_work(self, login: str, hertz: int, presence: str = "available") -> Page:
        tab = self.sign_in(login, hertz)
        tab.goto("/desk/work")
        tab.get_by_label("Presence").last.select_option(presence)
        ready(tab)
        return tab

    def close(self) -> None:
        for browser in self._browsers:
            browser.close()


@pytest.fixture
def agents(tmp_path: Path, floor: Floor) -> Iterator[Agents]:
    with sync_playwright() as playwright:
        made = Agents(playwright, tmp_path, floor.base)
        yield made
        made.close()


@pytest.fixture
def page(agents: Agents) -> Page:
    """The agent's browser, at work and available."""
    return agents.at_work("ana", AGENT)


def ready(tab: Page) -> None:
    expect(tab.locator("#line")).to_have_text("Telephone ready", timeout=20_000)


def one_of(*tabs: Page) -> None:
    """Wait until one of them has the telephone."""
    until = time.monotonic() + 20
    while not any(tab.locator("#line").text_content() == "Telephone ready" for tab in tabs):
        assert time.monotonic() < until, "no tab took the telephone"
        tabs[0].wait_for_timeout(50)


def shot(tab: Page, name: str) -> None:
    """A picture, where SHOTS names a folder for them."""
    if shots := os.environ.get("SHOTS"):
        tab.screenshot(path=f"{shots}/{name}.png")


def flawless(tab: Page, name: str) -> None:
    """No violation, light and dark, and nothing wider than the screen, down to a tablet."""
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for size in ((1280, 720), (820, 1180)):
            tab.set_viewport_size({"width": size[0], "height": size[1]})
            assert tab.evaluate("document.documentElement.scrollWidth") <= size[0], (name, size)
            bar = tab.locator(".bar").bounding_box()
            assert bar is not None
            assert bar["height"] < 70, (name, size)
            shot(tab, f"work-{name}-{scheme}-{size[0]}")
        # the page in the frame is looked at by itself, in test_browser.py
        found = Axe().run(tab, options={**WCAG, "iframes": False}).response["violations"]
        assert [(one["id"], [node["html"][:150] for node in one["nodes"]]) for one in found] == [], (name, scheme)
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 720})


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
    floor.run(caller.until(lambda: AGENT not in _tones(caller), "music"))
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
    floor.run(caller.until(lambda: not _tones(caller) & {AGENT, COLLEAGUE}, "music"))
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
    floor.run(caller.until(lambda: COLLEAGUE not in _tones(caller), "music"))
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


def _tones(phone: TonePhone) -> set[int]:
    from tests.channels.sip.media.talker import tones_in

    return set(tones_in(phone.last()))
