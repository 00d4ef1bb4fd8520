"""Quality in Chromium: nothing is wrong for axe, light and dark; a comment goes to its moment; by keys alone."""

from __future__ import annotations

import re
import wave

import pytest
from playwright.sync_api import Browser, WebSocketRoute, expect

from callcenter import recordings
from tests.browsers import chromium
from tests.desk.support import NOW
from tests.desk.test_browser import Served, Tab, served
from tests.quality.support import FILE, MONDAY, talked, week_of_talks

__all__ = ["chromium", "served"]
REPORT = "/desk/quality/report?period=range&from=2026-11-16&to=2026-11-22&group=agent"
# Werkzeug's development server leaves the file open where a browser breaks off in the middle of it, as players do.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*talk.wav:ResourceWarning")


@pytest.fixture(scope="module")
def filled(served: Served) -> Served:
    desk = served.desk
    desk.flows.files["quality"] = FILE
    sound = desk.folder / "recordings" / "talk.wav"
    with wave.open(str(sound), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\0\1" * 8000 * 20)
    with desk.engine.begin() as conn:
        week_of_talks(conn, ("maria", "tom"), 2)
        served.ids["talk"] = talked(conn, "maria", MONDAY)
        recordings.keep(
            conn, path=sound, seconds=20.0, kind="conversation", contact_id=served.ids["talk"], number="", at=NOW
        )
    return served


def choose(tab: Tab, question: str, answer: str) -> None:
    tab.page.get_by_role("group", name=question).get_by_label(answer, exact=True).check()


def evaluated(tab: Tab, filled: Served) -> str:
    """An evaluation by form, with a comment at 0:07; its address. Again the same."""
    page = tab.page
    page.goto(f"/desk/contacts/{filled.ids['talk']}/evaluate")
    known = page.get_by_role("link", name="There is an evaluation of it.")
    if known.count():
        known.click()
    else:
        page.get_by_role("button", name="Evaluate").click()
    page.wait_for_url(re.compile("/quality/evaluations/"))
    return page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, filled: Served, scheme: str) -> None:
    tab = Tab(chromium, filled, "supervisor", color_scheme=scheme, viewport={"width": 1280, "height": 720})
    draft = evaluated(tab, filled)
    paths = (draft, REPORT, f"/desk/contacts/{filled.ids['talk']}/evaluate", "/desk/quality/evaluations",
             "/desk/quality/sample?week=2026-W47&only=all", "/desk/quality/mine", "/desk/quality/calibrations",
             f"/desk/quality/coaching?user={filled.desk.people['agent'].id}")  # fmt: skip
    for path in paths:
        tab.page.goto(path)
        for folded in tab.page.locator("main details").all():
            folded.evaluate("one => { one.open = true; }")
        assert tab.violations() == [], path
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 1280, path
    assert tab.complaints == []
    tab.context.close()


def test_a_comment_goes_to_its_moment_and_the_agent_hears_it(chromium: Browser, filled: Served) -> None:
    tab = Tab(chromium, filled, "supervisor")
    page = tab.page
    address = evaluated(tab, filled)
    player = page.get_by_label(re.compile("^Recording "))
    player.evaluate("one => { one.preload = 'auto'; one.load(); }")
    page.wait_for_function("() => document.querySelector('audio').readyState > 0")
    player.evaluate("one => { one.currentTime = 7.4; }")
    page.get_by_role("button", name="Now").first.click()
    expect(page.get_by_label("At", exact=True).first).to_have_value("0:07")
    page.keyboard.type("Here it was good")  # the field has the focus
    page.get_by_role("button", name="Submit").click()  # the browser itself says what is missing
    assert page.url == address
    choose(tab, "Greeted", "Yes")
    choose(tab, "Identity", "Yes")
    choose(tab, "Solved", "4")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("The agent can see it now.")).to_be_visible()
    tab.context.close()

    tab = Tab(chromium, filled, "agent")
    page = tab.page
    page.goto("/desk/quality/mine")
    page.get_by_role("link", name=re.compile("call, ")).first.click()
    page.wait_for_url(re.compile("/quality/evaluations/"))  # with its script
    jump = page.get_by_role("button", name="0:07")
    jump.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('audio').currentTime >= 7")
    assert tab.violations() == []
    page.get_by_label("What you have to say").fill("It was a Monday.")
    page.get_by_role("button", name="Disagree").click()
    expect(page.get_by_text("the agent disagrees")).to_be_visible()
    assert tab.complaints == []
    tab.context.close()


def test_news_of_an_evaluation_are_told_at_once(chromium: Browser, filled: Served) -> None:
    """As `callwright live` passes them on: `{kind: evaluation}` on the agent's own topic."""
    tab = Tab(chromium, filled, "agent")
    page = tab.page

    def serve(socket: WebSocketRoute) -> None:
        def hello(_: str | bytes) -> None:
            socket.send('{"kind": "welcome", "data": {"after": {}}}')
            socket.send('{"kind": "evaluation", "topic": "agent:maria", "id": "1-1", "data": {"id": "x"}}')

        socket.on_message(hello)

    page.route_web_socket(re.compile("/live/desk$"), serve)
    page.route("**/desk/ticket", lambda route: route.fulfill(json={"ticket": "t", "url": "ws://live.example/live"}))
    page.goto("/desk/")
    expect(page.locator("#live-state")).to_have_text("An evaluation of yours has news: see Quality.", timeout=20_000)
    tab.context.close()
