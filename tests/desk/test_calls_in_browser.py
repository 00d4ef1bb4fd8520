"""A caller waits in the flow's queue, and an agent answers in the browser: each hears the other."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import wave
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from werkzeug.serving import make_server

from callcenter.desk import passwords, users
from ivr.channels.webrtc.gateway import Gateway
from ivr.web import create_app
from tests.bridge.phones import TonePhone
from tests.desk.support import PASSWORD, QUICK_HASHER
from tests.desk.test_browser import Quiet
from tests.tools import need
from tests.valkey import Valkey
from tests.voice.office import Office

pytestmark = [pytest.mark.sip, pytest.mark.timeout(180)]
T = TypeVar("T")
AGENT, CALLER = 1200, 300
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
        self.office = Office(folder / "office", audio, valkey, ("ana@desk", "ben"), {})
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
            ana = users.add(conn, login="ana", name="Ana", role="agent", at=self.office.runner.now(), agent_id="ana")
            users.set_password(conn, ana.id, passwords.hashed(PASSWORD))

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


@pytest.fixture
def page(tmp_path: Path, floor: Floor) -> Iterator[Page]:
    """The agent's browser, at work and available."""
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        tone = 9000 * np.sin(2 * np.pi * AGENT * np.arange(48000 * 10) / 48000)
        file.writeframes(tone.astype("<i2").tobytes())
    arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                 f"--use-file-for-fake-audio-capture={path}", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium", "chromium"), args=arguments)
        context = browser.new_context(base_url=floor.base, permissions=["microphone"])
        context.add_init_script(PLAIN)
        tab = context.new_page()
        tab.goto("/desk/login")
        tab.get_by_label("Login").fill("ana")
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url(re.compile(r"/desk/$"))
        tab.goto("/desk/work")
        tab.get_by_label("Presence").last.select_option("available")
        expect(tab.locator("#line")).to_have_text("Telephone ready", timeout=20_000)
        yield tab
        browser.close()


def test_each_hears_the_other_and_the_call_is_wrapped_up(floor: Floor, page: Page) -> None:
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    expect(card).to_contain_text("Customer service")
    card.get_by_role("button", name="Accept").click()
    expect(card).to_have_attribute("data-state", "connected", timeout=15_000)
    floor.run(caller.hears(AGENT))
    assert page.evaluate(HEARS, CALLER)

    # Pages change below, and the call goes on.
    page.frame_locator("#page").get_by_role("link", name="Customers").click()
    expect(page).to_have_url(re.compile(r"at=.*customers"))
    floor.run(caller.hears(AGENT))

    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/work-call.png")
    card.get_by_role("button", name="Hold").click()
    floor.run(caller.until(lambda: AGENT not in _tones(caller), "music"))
    card.get_by_role("button", name="Resume").click()
    floor.run(caller.hears(AGENT))

    page.get_by_role("button", name="Mute").click()
    floor.run(caller.hears())
    page.get_by_role("button", name="Mute").click()
    floor.run(caller.hears(AGENT))

    card.get_by_role("button", name="Hang up").click()
    expect(card).to_have_attribute("data-state", "wrap_up", timeout=15_000)
    card.get_by_label("Outcome").select_option("solved")
    card.get_by_label("Note").fill("Meter read over the phone")
    card.get_by_role("button", name="Done").click()
    expect(card).to_have_count(0, timeout=10_000)
    events = floor.run(floor.office.tells("wrap_up.done"))
    assert next(event.data["code"] for event in events if event.kind == "wrap_up.done") == "solved"


def test_a_page_that_is_loaded_again_keeps_its_call(floor: Floor, page: Page) -> None:
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    card.get_by_role("button", name="Accept").click()
    floor.run(caller.hears(AGENT))
    page.reload()
    expect(page.locator("#line")).to_have_text("Telephone ready", timeout=20_000)
    floor.run(caller.hears(AGENT))
    expect(card).to_have_attribute("data-state", "connected", timeout=15_000)
    assert page.evaluate(HEARS, CALLER)


def test_a_rejected_call_goes_to_another_agent(floor: Floor, page: Page) -> None:
    caller = floor.caller()
    card = page.locator("[data-offer]")
    expect(card).to_have_attribute("data-state", "offered", timeout=30_000)
    ben = floor.run(floor.office.agent("ben", 700))
    card.get_by_role("button", name="Reject").click()
    expect(card).to_have_count(0, timeout=10_000)
    floor.run(ben.answer())
    floor.run(caller.hears(700))


def _tones(phone: TonePhone) -> set[int]:
    from tests.channels.sip.media.talker import tones_in

    return set(tones_in(phone.last()))
