"""An admin without a shell, in Chromium: opening hours by forms, prompts to hear, a recording by the microphone."""

from __future__ import annotations

import re
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Dialog, Page, expect, sync_playwright
from werkzeug.serving import make_server

from callcenter.db import migrate, open_database
from callcenter.desk import passwords
from ivr.editing import FlowFiles
from ivr.prompts.catalogue import Catalogue
from ivr.speech.renderer import Renderer
from ivr.web.desk_hours import HoursFiles
from ivr.web.desk_prompts import PromptFiles
from tests.desk.files import small_files
from tests.desk.support import PASSWORD, QUICK_HASHER, make_desk
from tests.desk.test_browser import WCAG, Quiet
from tests.speech.fakes import SPEAKS, FakeVoice, fake_command
from tests.tools import need

BEEPS = """async () => {
  const loud = document.getElementById("loud");
  for (const wanted of [true, false, true]) {
    while ((loud.value > 0.01) !== wanted) await new Promise(requestAnimationFrame);
  }
}"""
"""Until Chromium's own microphone has beeped, and again."""


@dataclass
class Office:
    page: Page
    files: FlowFiles
    complaints: list[str]

    def flawless(self) -> None:
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            found = Axe().run(self.page, options=WCAG).response["violations"]
            assert [(one["id"], [node["html"][:150] for node in one["nodes"]]) for one in found] == []
        assert self.complaints == []


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    engine = open_database(f"sqlite:///{tmp_path}/desk.db")
    migrate(engine)
    monkeypatch.setattr(passwords, "_hasher", QUICK_HASHER)
    files = small_files(engine, tmp_path)
    voice = FakeVoice("fake", SPEAKS, tmp_path / "said")

    def make(cache: Path, catalogue: Catalogue) -> Renderer:
        return Renderer(cache, catalogue, voices=(voice,), command=fake_command)

    desk = make_desk(engine, tmp_path, hours=HoursFiles(files), prompts=PromptFiles(files, make))
    server = make_server("127.0.0.1", 0, desk.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                     "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
        browser = playwright.chromium.launch(executable_path=need("chromium", "chromium"), args=arguments)
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{server.port}", permissions=["microphone"], locale="en-US",
            viewport={"width": 1280, "height": 720},
            reduced_motion="reduce",
        )  # fmt: skip
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto("/desk/login")
        page.get_by_label("Login").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(re.compile(r"/desk/$"))
        yield Office(page, files, complaints)
        browser.close()
    server.shutdown()
    thread.join()
    server.server_close()
    engine.dispose()


def test_a_holiday_by_the_keyboard_and_its_undo(office: Office) -> None:
    page, path = office.page, office.files.settings.flows_dir / "business_hours.yaml"
    before = path.read_text()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/desk/hours")
    page.get_by_label("Day", exact=True).first.focus()
    page.keyboard.type("12112026")
    page.keyboard.press("Tab")  # from the year to the picker
    page.keyboard.press("Tab")
    expect(page.get_by_label("Every year").first).to_be_focused()
    page.get_by_label("Hours: From", exact=True).first.focus()
    page.keyboard.type("0830AM")
    page.get_by_label("Hours: Until", exact=True).first.fill("12:00")
    page.get_by_label("Reason").first.fill("Staff party")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("answers new calls")
    assert path.read_text() == before + '  - {date: 2026-12-11, name: Staff party, hours: "08:30-12:00"}\n'
    row = page.get_by_role("listitem").filter(has_text="Fri, Dec 11, 2026: 8:30").first
    expect(row).to_contain_text("(Staff party)")
    row.get_by_text("Change").click()
    office.flawless()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").first).to_contain_text("answers new calls")
    assert path.read_text() == before


def test_a_removal_is_confirmed(office: Office) -> None:
    page, path = office.page, office.files.settings.flows_dir / "business_hours.yaml"
    page.goto("/desk/hours")
    asked: list[str] = []

    def yes(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", yes)
    row = page.get_by_role("listitem").filter(has_text="Thanksgiving").first
    row.get_by_text("Change").click()
    row.get_by_role("button", name="Remove and publish").click()
    expect(page.get_by_role("status").first).to_contain_text("answers new calls")
    assert asked == ["Remove this entry?"]
    assert "Thanksgiving" not in path.read_text()


def test_prompts_are_heard(office: Office) -> None:
    page = office.page
    page.goto("/desk/prompts?q=system.sorry")
    button = page.get_by_role("link", name="Play system.sorry", exact=True)
    with page.expect_response(re.compile(r"system\.sorry/voice\.wav")) as answer:
        button.click()
    assert answer.value.ok
    expect(button).to_have_text(re.compile("Play"))  # it has ended
    office.flawless()
    page.goto("/desk/prompts/en/hours.today")
    expect(page.get_by_text("with examples for the values")).to_be_visible()
    office.flawless()


def test_a_recording_by_the_microphone(office: Office) -> None:
    page = office.page
    page.goto("/desk/prompts/en/system.sorry")
    record = page.get_by_role("button", name="Record", exact=True)
    record.click()
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_visible()
    page.evaluate(BEEPS)
    stop.click()
    expect(page.locator("#recorded")).to_contain_text("Recorded:")
    expect(page.get_by_role("button", name="Listen")).to_be_enabled()
    page.get_by_role("button", name="Listen").click()
    office.flawless()
    page.get_by_role("button", name="Use this recording").click()
    expect(page.get_by_role("status").first).to_contain_text("Callers hear it from now on")
    path = office.files.settings.prompts_dir / "en" / "recordings" / "system.sorry.wav"
    with wave.open(str(path)) as kept:
        assert (kept.getframerate(), kept.getnchannels()) == (16000, 1)
    expect(page.get_by_text("own recording", exact=True)).to_be_visible()
    page.locator("audio").first.evaluate(
        "audio => new Promise(done => { audio.onloadeddata = done; audio.load(); audio.play(); })"
    )
    office.flawless()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Back to the voice").click()
    expect(page.get_by_role("status").first).to_contain_text("The voice speaks it")
    assert not path.exists()
    page.get_by_role("button", name="Use the earlier recording again").click()
    expect(page.get_by_role("status").first).to_contain_text("earlier recording again")
    assert path.exists()
