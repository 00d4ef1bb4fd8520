"""Agents at work in browsers: an office with its web server and gateway, callers who say a tone, and fixtures."""

from __future__ import annotations

import asyncio
import os
import re
import socket
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
from ivr.assembly import make_live_context
from ivr.channels.webrtc.gateway import Gateway
from ivr.live.server import LiveServer
from ivr.web import create_app
from tests.bridge.phones import TonePhone
from tests.channels.sip.media.talker import tones_in
from tests.desk.support import PASSWORD, QUICK_HASHER
from tests.desk.test_browser import WCAG, Quiet
from tests.tools import need
from tests.valkey import Valkey
from tests.voice.office import Office

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
    """The office on a loop in a thread, the gateway, the web server and live events."""

    def __init__(self, folder: Path, audio: Path, valkey: Valkey) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.office = Office(folder / "office", audio, valkey, ("ana@desk", "ben", "cleo@desk"), {"offer_seconds": 120})
        self.gateway = Gateway(valkey.url)
        self.run(self.gateway.start())
        self.run(self.office.start())
        listening = socket.create_server(("127.0.0.1", 0))
        settings = self.office.settings.model_copy(
            update={"host": "127.0.0.1", "port": listening.getsockname()[1], "live_port": 0}
        )
        self._context = make_live_context(settings)
        self._live = LiveServer(self._context).listening("127.0.0.1", 0)
        port = next(iter(self.run(self._live.__aenter__()).sockets)).getsockname()[1]
        settings = settings.model_copy(update={"live_url": f"ws://127.0.0.1:{port}"})
        self._server = make_server("127.0.0.1", settings.port, create_app(settings, self.office.runner), threaded=True,
                                   request_handler=Quiet, fd=listening.fileno())  # fmt: skip
        listening.detach()
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
        self.run(self._live.__aexit__(None, None, None))
        self.run(asyncio.to_thread(self._context.close))
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
        tab.emulate_media(color_scheme=scheme)
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


def tones(phone: TonePhone) -> set[int]:
    """The tones that a telephone hears now."""
    return set(tones_in(phone.last()))
