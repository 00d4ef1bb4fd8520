"""The desk in Chromium: without a mistake of accessibility, light and dark; small; by keys alone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect
from werkzeug.serving import WSGIRequestHandler, make_server

from callcenter.db import migrate, open_database
from callcenter.desk import invitations
from ivr.knowledge import of_published
from ivr.web.desk_hours import HoursFiles
from ivr.web.desk_prompts import PromptFiles
from tests.browsers import chromium
from tests.desk.files import admin_files
from tests.desk.seed import seed
from tests.desk.support import NOW, PASSWORD, QUICK_HASHER, Desk, make_desk

__all__ = ["chromium"]
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
ADMIN = ("home", "customer_search", "customer", "merge", "case_list", "case", "flows", "flow", "people", "person",
         "audit_log", "profile", "queue", "contact", "hours", "prompts",
         "prompt")  # fmt: skip


@dataclass
class Served:
    desk: Desk
    ids: dict[str, str]
    base: str

    def path(self, page: str) -> str:
        ids = self.ids
        return {
            "home": "/desk/", "queue": "/desk/?box=queue", "customer_search": "/desk/customers?q=silva",
            "customer": f"/desk/customers/{ids['customer']}", "contact": f"/desk/contacts/{ids['contact']}",
            "merge": f"/desk/customers/{ids['customer']}/merge?other={ids['other']}", "case_list": "/desk/cases",
            "case": f"/desk/cases/{ids['case']}", "flows": "/desk/flows", "flow": "/desk/flows/main",
            "people": "/desk/users", "person": f"/desk/users/{self.desk.people['agent'].id}",
            "audit_log": "/desk/audit", "profile": "/desk/profile", "hours": "/desk/hours",
            "prompts": "/desk/prompts", "prompt": "/desk/prompts/en/system.sorry",
        }[page]  # fmt: skip


class Quiet(WSGIRequestHandler):
    def log(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    from callcenter.desk import passwords

    folder = tmp_path_factory.mktemp("desk")
    engine = open_database(f"sqlite:///{folder}/desk.db")
    migrate(engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", QUICK_HASHER)
        files = admin_files(engine, folder)
        desk = make_desk(
            engine, folder, hours=HoursFiles(files), prompts=PromptFiles(files), knowledge=of_published(files.published)
        )
        ids = seed(engine, folder)
        server = make_server("127.0.0.1", 0, desk.app, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Served(desk, ids, f"http://127.0.0.1:{server.port}")
        server.shutdown()
        thread.join()
        server.server_close()
    engine.dispose()


class Tab:
    """A page that is signed in; `complaints` are its console's errors, `hosts` all that it asked."""

    def __init__(self, chromium: Browser, served: Served, login: str = "", **context: object) -> None:
        self.context: BrowserContext = chromium.new_context(base_url=served.base, **context)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        self.page.on("request", lambda request: self.hosts.add(re.sub(r"^(\w+://[^/]+).*", r"\1", request.url)))
        if login:
            self.page.goto("/desk/login")
            self.page.get_by_label("Login").fill(login)
            self.page.get_by_label("Password").fill(PASSWORD)
            self.page.get_by_role("button", name="Sign in").click()
            self.page.wait_for_url(re.compile(r"/desk/(audit)?$"))

    def violations(self) -> list[str]:
        found = Axe().run(self.page, options=WCAG).response["violations"]
        return [f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']][:3]}" for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, served: Served, scheme: str) -> None:
    tab = Tab(chromium, served, color_scheme=scheme)
    with served.desk.engine.begin() as conn:
        token = invitations.for_user(conn, served.desk.people["supervisor"].id, NOW)
    found = {}
    for path in ("/desk/login", invitations.path(token), "/desk/welcome/old"):
        tab.page.goto(path)
        found[path] = tab.violations()
    tab.context.close()
    tab = Tab(chromium, served, "admin", color_scheme=scheme)
    for name in ADMIN:
        tab.page.goto(served.path(name))
        found[name] = tab.violations()
    tab.page.keyboard.press("?")
    found["help"] = tab.violations()
    tab.page.goto("/desk/nothing")
    found["nothing"] = tab.violations()
    tab.context.close()
    agent = Tab(chromium, served, "agent", color_scheme=scheme, viewport={"width": 820, "height": 1180})
    agent.page.goto(served.path("contact"))
    found["contact of an agent"] = agent.violations()
    agent.context.close()
    auditor = Tab(chromium, served, "auditor", color_scheme=scheme, viewport={"width": 1280, "height": 720})
    auditor.page.goto(served.path("contact"))
    found["contact of an auditor"] = auditor.violations()
    auditor.context.close()
    assert {name: violations for name, violations in found.items() if violations} == {}


def test_pages_are_small_ask_nobody_else_and_break_no_policy(chromium: Browser, served: Served) -> None:
    tab = Tab(chromium, served)
    done: list[Request] = []
    tab.page.on("requestfinished", lambda request: done.append(request))
    tab.page.goto("/desk/login", wait_until="networkidle")
    sizes = [request.sizes() for request in done]
    assert 0 < sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes) < 100_000
    assert tab.complaints == []
    tab.context.close()
    tab = Tab(chromium, served, "admin")
    for name in ADMIN:
        tab.page.goto(served.path(name), wait_until="load")
    assert tab.hosts == {served.base}
    assert tab.complaints == []
    tab.context.close()


@pytest.mark.parametrize("size", [(1280, 720), (1024, 768), (768, 1024)])
def test_nothing_is_wider_than_the_screen(chromium: Browser, served: Served, size: tuple[int, int]) -> None:
    """Agents have forms in a conversation that others haven't, and Spanish needs more room."""
    wider = {}
    for login, language, names in (
        ("admin", "en-US", ADMIN),
        ("agent", "es-ES", ("home", "contact", "case")),
        ("auditor", "es-ES", ("contact", "audit_log")),
    ):
        tab = Tab(chromium, served, login, viewport={"width": size[0], "height": size[1]})
        tab.context.set_extra_http_headers({"Accept-Language": language})
        for name in names:
            tab.page.goto(served.path(name))
            width = tab.page.evaluate("document.documentElement.scrollWidth")
            if width > size[0]:
                wider[login, name] = width
        tab.context.close()
    assert wider == {}


def test_the_customer_is_beside_the_conversation_on_a_tablet_too(chromium: Browser, served: Served) -> None:
    tab = Tab(chromium, served, "agent", viewport={"width": 820, "height": 1180})
    tab.page.goto(served.path("contact"))
    customer = tab.page.get_by_role("complementary", name="Customer")
    expect(customer.get_by_role("link", name="Ana Silva")).to_be_in_viewport()
    tab.page.keyboard.press("n")
    expect(customer.get_by_label("Note")).to_be_focused()
    tab.page.goto(served.path("home"))
    expect(customer).to_be_hidden()
    tab.context.close()


def test_by_keys_alone(chromium: Browser, served: Served) -> None:
    tab = Tab(chromium, served, "agent")
    page, keys = tab.page, tab.page.keyboard
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("main")).to_be_focused()
    keys.press("g")
    keys.press("c")
    page.wait_for_url("**/desk/customers")
    page.locator("main").focus()
    keys.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    keys.type("silva?")  # typing isn't a shortcut
    expect(page.get_by_role("dialog")).to_be_hidden()
    keys.press("Escape")
    keys.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    keys.press("g")
    keys.press("i")
    page.wait_for_url("**/desk/")
    keys.press("j")
    keys.press("Enter")
    page.wait_for_url("**/contacts/*")
    keys.press("r")
    expect(page.get_by_role("textbox", name="Your answer")).to_be_focused()
    tab.context.close()


def test_shortcuts_can_be_switched_off(chromium: Browser, served: Served) -> None:
    tab = Tab(chromium, served, "auditor")
    tab.page.goto("/desk/profile")
    tab.page.get_by_label("Single-key shortcuts").select_option("off")
    tab.page.get_by_role("button", name="Save").click()
    expect(tab.page.locator("body")).to_have_attribute("data-shortcuts", "off")
    tab.page.keyboard.press("?")
    expect(tab.page.get_by_role("dialog")).to_be_hidden()
    tab.context.close()


def test_the_theme_is_kept_for_the_user(chromium: Browser, served: Served) -> None:
    tab = Tab(chromium, served, "auditor", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.page.evaluate(ground)
    for wanted in ("light", "dark"):
        with tab.page.expect_navigation():
            tab.page.get_by_role("button", name="Theme").click()
        expect(tab.page.locator("html")).to_have_attribute("data-theme", wanted)
    assert tab.page.evaluate(ground) != light
    tab.context.close()
    again = Tab(chromium, served, "auditor", color_scheme="light")
    expect(again.page.locator("html")).to_have_attribute("data-theme", "dark")
    again.context.close()


def test_spanish(chromium: Browser, served: Served) -> None:
    tab = Tab(chromium, served, locale="es-ES")
    tab.page.goto("/desk/login")
    expect(tab.page.get_by_role("heading", name="Entrar")).to_be_visible()
    expect(tab.page.locator("html")).to_have_attribute("lang", "es")
    tab.context.close()


def test_an_agent_takes_answers_and_gives_back(chromium: Browser, served: Served) -> None:
    tab = Tab(chromium, served, "agent")
    page = tab.page
    page.goto("/desk/?box=queue")
    page.get_by_role("link", name=re.compile("Copy of my contract")).click()
    page.get_by_role("button", name="Take over").click()
    expect(page.get_by_text("you answer")).to_be_visible()
    page.get_by_label("Canned answer").select_option(label="We are late")
    answer = page.get_by_role("textbox", name="Your answer")
    expect(answer).to_have_value("Dear , sorry. Maria Ortiz, Riverbend Water and Power")
    answer.press("Control+Enter")
    expect(page.locator(".message.out").last).to_contain_text("Dear , sorry.")
    expect(answer).to_have_value("")
    page.get_by_role("button", name="Back to the flow").click()
    expect(page.get_by_role("status").first).to_contain_text("The flow answers")
    assert tab.complaints == []
    assert len(served.desk.messaging.delivered) == 1
    tab.context.close()


def test_what_is_typed_survives_a_reload(chromium: Browser, served: Served) -> None:
    tab = Tab(chromium, served, "agent")
    tab.page.goto(served.path("contact"))
    tab.page.get_by_role("textbox", name="Your answer").fill("half a thought")
    tab.page.reload()
    expect(tab.page.get_by_role("textbox", name="Your answer")).to_have_value("half a thought")
    tab.context.close()


def test_a_script_in_a_name_does_not_run(chromium: Browser, served: Served) -> None:
    from callcenter import customers

    with served.desk.engine.begin() as conn:
        name = "<img src=x onerror=\"document.title='owned'\">"
        customer_id = customers.create(conn, name=name, at=NOW)
    tab = Tab(chromium, served, "agent")
    tab.page.goto(f"/desk/customers/{customer_id}", wait_until="networkidle")
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
    assert "owned" not in tab.page.title().replace("document.title='owned'", "")
    tab.page.goto("/desk/login")
    tab.context.close()


def test_older_entries_come_below(chromium: Browser, served: Served, tmp_path: Path) -> None:
    from callcenter import customers, notes

    with served.desk.engine.begin() as conn:
        customer_id = customers.create(conn, name="Noted", at=NOW)
        for number in range(45):
            notes.add(conn, customer_id, f"note {number}", author="agent:maria", at=NOW)
    tab = Tab(chromium, served, "agent")
    tab.page.goto(f"/desk/customers/{customer_id}")
    expect(tab.page.locator(".entry")).to_have_count(20)
    for count in (40, 45):
        tab.page.get_by_role("link", name="Older").evaluate("(link) => { link.click(); link.click(); }")
        expect(tab.page.locator(".entry")).to_have_count(count)
    expect(tab.page.get_by_role("link", name="Older")).to_have_count(0)
    assert tab.complaints == []
    tab.context.close()
