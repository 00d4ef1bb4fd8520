"""What is tried against a desk: stored scripts, missing tokens, other sites, other agents' contacts, paths in files."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from callcenter import customers, identifiers, notes
from callcenter.db import reading
from callcenter.desk import audit
from callcenter.desk.routing import all_pages
from callcenter.desk_tables import audit_log
from callcenter.tables import customers as customers_table
from callcenter.tables import files as files_table
from callcenter.tables import messages, recordings
from tests.desk.seed import seed
from tests.desk.support import NOW, PASSWORD, Browser, Desk
from tests.desk.test_permissions import PAGES, address

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{7*7}}%(x)s"


@pytest.fixture
def ids(desk: Desk) -> dict[str, str]:
    return seed(desk.engine, desk.folder)


def test_scripts_in_what_customers_say_stay_words(desk: Desk, ids: dict[str, str]) -> None:
    with desk.engine.begin() as conn:
        customers.update(conn, ids["customer"], at=NOW, name=SCRIPT, attributes={"postcode": SCRIPT})
        identifiers.add(conn, ids["customer"], "social", f"x:{SCRIPT}", at=NOW)
        notes.add(conn, ids["customer"], SCRIPT, author="agent:maria", at=NOW)
        conn.execute(sa.update(messages).values(body=SCRIPT, subject=SCRIPT, html=SCRIPT))
        conn.execute(sa.update(files_table).values(name=SCRIPT))
    admin = desk.browser("admin")
    for found in PAGES:
        if found.method != "GET" or found.name in ("recording", "file", "audit_csv", "asset", "flow_picture"):
            continue
        text = admin.get(address(found, ids, desk)).text
        assert "<script>alert" not in text, found.rule
        assert "<img src=x" not in text, found.rule
        assert "49%(x)s" not in text, found.rule
    assert "&lt;script&gt;alert" in admin.get(f"/desk/contacts/{ids['contact']}").text


def test_no_page_has_anything_inline_or_from_elsewhere(desk: Desk, ids: dict[str, str]) -> None:
    admin = desk.browser("admin")
    for found in PAGES:
        if found.method != "GET" or found.name == "flow_picture":
            continue
        answer = admin.get(address(found, ids, desk))
        if answer.mimetype != "text/html":
            continue
        assert not re.search(r"<script(?![^>]*(src=|application/json))", answer.text), found.rule
        assert not re.search(r"<style|\sstyle=|\son\w+=", answer.text), found.rule
        hosts = set(re.findall(r"""(?:src|href|action)="(?:https?:)?//([^/"]+)""", answer.text))
        assert not hosts, found.rule
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_change_needs_the_token(desk: Desk, ids: dict[str, str]) -> None:
    changing = [found for found in all_pages() if found.method == "POST" and found.needs != "public"]
    assert len(changing) > 30
    other = desk.browser("admin")
    for token in ("", "x" * 43, other.csrf, "é"):
        admin = desk.browser("admin")
        for found in changing:
            if found.needs == "second factor":
                continue
            answer = admin.post(address(found, ids, desk), {"csrf": token})
            assert answer.status_code == 403, f"{found.rule} with {token!r}"


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"},
                                     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])  # fmt: skip
def test_other_sites_can_not_post(desk: Desk, headers: dict[str, str]) -> None:
    agent = desk.browser("agent")
    assert agent.post("/desk/profile/preferences", {"theme": "dark"}, headers=headers).status_code == 403
    assert agent.post("/desk/profile/preferences", {"theme": "dark"}).status_code == 303


def test_nobody_can_be_signed_in_by_another_site(desk: Desk) -> None:
    browser = Browser(desk.app)
    browser.get("/desk/login")
    browser.csrf = ""
    assert browser.post("/desk/login", {"login": "agent", "password": PASSWORD}).status_code == 303
    assert browser.get("/desk/cases").location.startswith("/desk/login")


def test_json_needs_the_token_in_its_header(desk: Desk, ids: dict[str, str]) -> None:
    agent = desk.browser("agent")
    path, environ = f"/desk/contacts/{ids['contact']}/typing", {"REMOTE_ADDR": agent.address}
    assert agent.client.post(path, json={"csrf": agent.csrf}, environ_base=environ).status_code == 403
    headers = {"X-CSRF-Token": agent.csrf}
    assert agent.client.post(path, json={}, headers=headers, environ_base=environ).status_code == 200
    assert agent.client.post(path, data="{", content_type="application/json", headers=headers).status_code == 200
    assert (
        agent.client.post("/desk/ticket", data="{", content_type="application/json", headers=headers).status_code == 400
    )


def test_cookies(desk: Desk) -> None:
    answer = desk.browser("agent").post("/desk/login", {"login": "agent", "password": PASSWORD})
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


def test_cookies_over_tls(sqlite_engine: sa.Engine, tmp_path: Path) -> None:
    from tests.desk.support import make_desk

    desk = make_desk(sqlite_engine, tmp_path, base_url="https://desk.example.com")
    answer = Browser(desk.app).get("/desk/login")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-cw_browser=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"]


def test_another_agents_conversation(desk: Desk, ids: dict[str, str]) -> None:
    agent = desk.browser("agent")
    path = f"/desk/contacts/{ids['others']}"
    assert "tom" in agent.get(path).text
    for do in ("reply", "take", "give_back", "end", "snooze"):
        agent.post(f"{path}/{do}", {"text": "hello", "until": "hour"})
    with reading(desk.engine) as conn:
        written = conn.execute(
            sa.select(messages).where(messages.c.author == "agent:maria", messages.c.body == "hello")
        )
        assert written.first() is None
        served = conn.execute(sa.text("SELECT served_by, ended_at FROM contacts WHERE id = :id"), {"id": ids["others"]})
        assert tuple(served.one()) == ("agent:tom", None)
    supervisor = desk.browser("supervisor")
    supervisor.post(f"{path}/take")
    assert "you answer" in supervisor.get(path).text


def test_things_that_are_not_there(desk: Desk) -> None:
    admin = desk.browser("admin")
    for path in ("customers/x", "cases/x", "contacts/x", "recordings/x", "files/x", "users/x", "flows/x",
                 "flows/x/picture.svg", "customers/%00", "files/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "static/x/desk.css",
                 "static/0/..%2f..%2fapp.py"):  # fmt: skip
        assert admin.get(f"/desk/{path}").status_code == 404, path
    assert admin.get("/desk/audit?before=x&since=2026-99-99&until=%00").status_code == 200


@pytest.mark.parametrize(
    "place", ["/etc/passwd", "{folder}/recordings/../secret", "{folder}/files", "relative", "link"]
)
def test_a_path_that_leads_out_of_our_folders(desk: Desk, ids: dict[str, str], place: str) -> None:
    (desk.folder / "secret").write_text("secret")
    path = place.format(folder=desk.folder)
    if place == "link":
        path = str(desk.folder / "recordings" / "link.wav")
        Path(path).symlink_to(desk.folder / "secret")
    with desk.engine.begin() as conn:
        conn.execute(sa.update(recordings).values(path=path))
        conn.execute(sa.update(files_table).values(path=path))
    admin = desk.browser("admin")
    for address_ in (f"/desk/recordings/{ids['recording']}", f"/desk/files/{ids['file']}"):
        answer = admin.get(address_)
        assert answer.status_code == 404
        assert "secret" not in answer.text


def test_files_are_saved_and_never_run(desk: Desk, ids: dict[str, str]) -> None:
    admin = desk.browser("admin")
    path = f"/desk/files/{ids['file']}"
    assert admin.get(path).headers["Content-Type"] == "image/png"
    for media_type in ("text/html", "image/svg+xml", "application/pdf", "text/html;image/png", "IMAGE/PNG\r\nX: y"):
        with desk.engine.begin() as conn:
            conn.execute(sa.update(files_table).values(media_type=media_type, name="../../a\r\nSet-Cookie: x=y.html"))
        answer = admin.get(path)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "\n" not in answer.headers["Content-Disposition"]
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_uploads(desk: Desk, ids: dict[str, str]) -> None:
    agent = desk.browser("agent")
    path = f"/desk/contacts/{ids['contact']}"
    for name, media_type, data in (
        ("virus.exe", "image/png", b"MZ"),
        ("page.html", "text/html", b"<script>"),
        ("empty.png", "image/png", b""),
        ("big.png", "image/png", b"x" * 10_000_001),
    ):
        agent.get(path)
        upload(agent, f"{path}/reply", name, media_type, data)
        assert "be sent" in agent.get(path).text, name
    assert upload(agent, f"{path}/reply", "big.png", "image/png", b"x" * 40_000_000) == 413
    agent.get(path)
    sent = {"text": "Here", "files": (io.BytesIO(b"\x89PNG"), "../../etc/passwd.png", "image/png")}
    assert agent.post(f"{path}/reply", sent).status_code == 303
    with reading(desk.engine) as conn:
        kept = conn.execute(sa.select(files_table).where(files_table.c.name == "passwd.png")).one()
    assert Path(kept.path).resolve().is_relative_to(desk.folder / "files")


def upload(browser: Browser, path: str, name: str, media_type: str, data: bytes) -> int:
    """As the client does it, whose own spooled files are left open."""
    fields = {"csrf": browser.csrf, "text": "", "files": FileStorage(io.BytesIO(data), name, content_type=media_type)}
    boundary, body = encode_multipart(fields)
    content_type = f"multipart/form-data; boundary={boundary}"
    return browser.client.post(path, data=body, content_type=content_type).status_code


def test_the_audit_log_takes_nothing_back(any_desk: Desk) -> None:
    any_desk.browser("agent")
    for statement in (sa.update(audit_log).values(login="x"), sa.delete(audit_log)):
        with pytest.raises(DBAPIError, match="append only"), any_desk.engine.begin() as conn:
            conn.execute(statement)


def test_looks_are_written_once_and_before_they_are_shown(desk: Desk, ids: dict[str, str]) -> None:
    auditor = desk.browser("auditor")
    sound, person = f"/desk/recordings/{ids['recording']}", f"/desk/customers/{ids['customer']}"
    for _ in range(3):
        part = auditor.get(sound, headers={"Range": "bytes=100-199"})
        assert (part.status_code, len(part.data)) == (206, 100)
        assert part.headers["Content-Range"] == "bytes 100-199/16044"
        auditor.get(person)
    assert auditor.get(sound, headers={"Range": "bytes=99999-"}).status_code == 416
    with reading(desk.engine) as conn:
        written = [(entry.action, entry.login) for entry in audit.listed(conn, limit=50)]
    assert written.count(("recording.listened", "auditor")) == 1
    assert written.count(("customer.viewed", "auditor")) == 1
    desk.clock.go_on(minutes=16)
    auditor.get(sound)
    with reading(desk.engine) as conn:
        assert audit.listed(conn, limit=1)[0].target == f"recording:{ids['recording']}"


def test_a_look_that_can_not_be_written_is_not_shown(desk: Desk, ids: dict[str, str]) -> None:
    auditor = desk.browser("auditor")
    with desk.engine.begin() as conn:  # another process holds the database for longer than we wait
        conn.execute(sa.update(customers_table).values(name="held"))
        answer = auditor.get(f"/desk/customers/{ids['customer']}")
    assert answer.status_code == 503
    assert "Ana" not in answer.text


def test_formulas_in_the_csv_are_words(desk: Desk) -> None:
    Browser(desk.app).sign_in("=cmd|'/c calc'!A0", "x")
    text = desk.browser("auditor").get("/desk/audit.csv").text
    assert "login.failed" in text
    assert not re.search(r"(^|,)[=@+]", text, re.MULTILINE)


def test_a_ticket_is_for_what_is_asked_and_allowed(desk: Desk, ids: dict[str, str]) -> None:
    def topics(role: str, path: str = "/desk/ticket", **asked: str) -> list[str] | int:
        browser = desk.browser(role)
        answer = browser.client.post(path, json=asked, headers={"X-CSRF-Token": browser.csrf},
                                     environ_base={"REMOTE_ADDR": browser.address})  # fmt: skip
        return str(answer.get_json()["ticket"]).split()[1:] if answer.status_code == 200 else answer.status_code

    assert topics("supervisor") == ["agent:sam"]  # the floor's events are many: only its page hears them
    assert topics("supervisor", floor="yes") == ["agent:sam"]
    assert topics("supervisor", "/desk/floor/ticket") == ["floor"]
    assert topics("auditor", "/desk/floor/ticket", contact=ids["contact"]) == ["floor"]  # to look, at nothing else
    assert topics("auditor", contact=ids["contact"]) == 403
    assert topics("agent") == ["agent:maria"]
    assert topics("agent", "/desk/floor/ticket") == 403


@pytest.mark.parametrize("name", ["Origin", "Referer"])
def test_an_address_that_is_none_is_another_sites(desk: Desk, name: str) -> None:
    admin = desk.browser("admin")
    answer = admin.post("/desk/profile/preferences", {"theme": "dark"}, headers={name: "http://[::"})
    assert answer.status_code == (403 if name == "Origin" else 303)
    assert answer.headers.get("Location") in (None, "/desk/")


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        "5",
        "null",
        '"theme"',
        '["theme"]',
        r'{"login": "\ud800"}',
        r'{"password": "\ud800"}',
        r'{"login": "\u0000"}',
    ],
)
def test_json_that_no_page_sends_is_a_bad_request(desk: Desk, body: str) -> None:
    """Before signing in, too: no stranger fills the log with our faults."""
    for browser, path in ((Browser(desk.app), "/desk/login"), (desk.browser("admin"), "/desk/profile/preferences")):
        browser.get("/desk/login" if path == "/desk/login" else "/desk/profile")
        sent = browser.client.post(
            path, data=body, content_type="application/json", headers={"X-CSRF-Token": browser.csrf},
            environ_base={"REMOTE_ADDR": browser.address},
        )  # fmt: skip
        assert sent.status_code == (400 if path == "/desk/login" or not body.startswith("{") else 303), path
