"""Passwords, sessions, codes, one-time links, and those who try without."""

from __future__ import annotations

import threading
from datetime import timedelta

import pyotp
import pytest
import sqlalchemy as sa
from argon2 import extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from callcenter.db import reading
from callcenter.desk import audit, invitations, second_factor, sessions, throttle, users
from callcenter.desk.secret import digest
from callcenter.desk_tables import desk_sessions, recovery_codes
from callcenter.desk_tables import invitations as invitations_table
from callcenter.desk_tables import users as users_table
from tests.desk.support import NOW, PASSWORD, REAL_HASHER, Browser, Desk


def cookie(browser: Browser, name: str = "session") -> str:
    found = browser.client.get_cookie(f"cw_{name}")
    return found.value if found else ""


def test_right_and_wrong(any_desk: Desk) -> None:
    browser = Browser(any_desk.app)
    assert browser.get("/desk/").location == "/desk/login"
    for login, password in (("agent", "wrong"), ("nobody", PASSWORD), ("", ""), ("agent", "x" * 300)):
        answer = browser.sign_in(login, password)
        assert answer.status_code == 422
        assert "The login or the password is wrong." in answer.text
    assert browser.sign_in(" AGENT ").location == "/desk/"
    assert "Maria Ortiz" in browser.get("/desk/").text


def test_passwords_and_tokens_are_stored_as_hashes_alone(desk: Desk) -> None:
    browser = desk.browser("agent")
    with reading(desk.engine) as conn:
        stored = [str(row) for table in users_table.metadata.sorted_tables for row in conn.execute(sa.select(table))]
    everything = "\n".join(stored)
    assert "$argon2id$" in everything
    assert extract_parameters(REAL_HASHER.hash("x")) == RFC_9106_LOW_MEMORY
    for secret in (PASSWORD, cookie(browser), cookie(browser, "browser")):
        assert secret
        assert secret not in everything
    assert digest(cookie(browser)) in everything


def test_the_page_that_was_asked_for_comes_after_signing_in(desk: Desk) -> None:
    browser = Browser(desk.app)
    assert browser.get("/desk/cases").location == "/desk/login?next=/desk/cases"
    browser.get("/desk/login?next=/desk/cases")
    sent = {"login": "agent", "password": PASSWORD, "next": "/desk/cases"}
    assert browser.post("/desk/login", sent).location == "/desk/cases"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/desk//evil.example", "/desk/\\evil", "/desk/../x", "/other"]
)
def test_nobody_is_sent_elsewhere(desk: Desk, target: str) -> None:
    browser = Browser(desk.app)
    browser.get("/desk/login")
    answer = browser.post("/desk/login", {"login": "agent", "password": PASSWORD, "next": target})
    assert answer.location == "/desk/"


def test_the_session_is_new_after_signing_in_and_old_ones_of_the_browser_are_over(desk: Desk) -> None:
    browser = desk.browser("agent")
    first = cookie(browser)
    browser.client.get("/desk/login")
    browser.get("/desk/profile")
    with desk.engine.begin() as conn:
        session = sessions.find(conn, first, desk.config.life, desk.clock())
        assert session is not None
    browser.get("/desk/profile")
    browser.post("/desk/login", {"login": "supervisor", "password": PASSWORD})
    assert cookie(browser) != first
    with reading(desk.engine) as conn:
        assert sessions.find(conn, first, desk.config.life, desk.clock()) is None


def test_a_planted_session_is_worth_nothing(desk: Desk) -> None:
    browser = Browser(desk.app)
    for planted in ("x" * 43, "", "'; DROP TABLE users; --", "é" * 20, "x" * 3000):
        browser.client.set_cookie("cw_session", planted)
        assert browser.get("/desk/").status_code == 303
    browser.sign_in("agent")
    assert cookie(browser) != "x" * 43


def test_sessions_end_when_idle_and_after_their_time(desk: Desk) -> None:
    browser = desk.browser("agent")
    for _ in range(11):
        desk.clock.go_on(minutes=60)
        assert browser.get("/desk/").status_code == 200
    desk.clock.go_on(minutes=61)
    assert browser.get("/desk/").status_code == 303  # twelve hours, whatever happened
    browser = desk.browser("agent")
    desk.clock.go_on(minutes=121)
    assert browser.get("/desk/").status_code == 303


def test_signing_out_ends_it_for_whoever_has_the_cookie(desk: Desk) -> None:
    browser = desk.browser("agent")
    stolen = cookie(browser)
    assert browser.post("/desk/logout").status_code == 303
    thief = Browser(desk.app)
    thief.client.set_cookie("cw_session", stolen)
    assert thief.get("/desk/").status_code == 303


def test_signing_out_everywhere(desk: Desk) -> None:
    here, there = desk.browser("agent"), desk.browser("agent")
    here.get("/desk/profile")
    here.post("/desk/profile/sessions/end")
    assert there.get("/desk/").status_code == 303
    assert here.get("/desk/").status_code == 200


def test_another_role_brings_another_token_and_a_user_who_is_off_is_out(desk: Desk) -> None:
    agent, admin = desk.browser("agent"), desk.browser("admin")
    first, who = cookie(agent), desk.people["agent"]
    path = f"/desk/users/{who.id}"
    fields = {"login": "agent", "name": who.name, "email": who.email, "agent_id": "maria"}
    admin.get(path)
    assert admin.post(path, {**fields, "role": "supervisor", "active": "yes"}).status_code == 303
    page = agent.get("/desk/")
    assert page.status_code == 200
    assert cookie(agent) != first
    assert agent.post("/desk/profile/preferences", {"theme": "dark"}).status_code == 303  # its form has the new token
    thief = Browser(desk.app)
    thief.client.set_cookie("cw_session", first)
    assert thief.get("/desk/").status_code == 303
    admin.get(path)
    admin.post(path, {**fields, "role": "supervisor", "active": "no"})
    assert agent.get("/desk/").status_code == 303
    assert Browser(desk.app).sign_in("agent").status_code == 422


def test_one_admin_is_left(desk: Desk) -> None:
    admin, who = desk.browser("admin"), desk.people["admin"]
    path = f"/desk/users/{who.id}"
    admin.get(path)
    admin.post(path, {"login": "admin", "name": who.name, "role": "agent", "active": "yes"})
    assert "one admin must be left" in admin.get(path).text
    with reading(desk.engine) as conn:
        assert users.get(conn, who.id).role == "admin"


def test_a_changed_password_ends_other_sessions(desk: Desk) -> None:
    here, there = desk.browser("agent"), desk.browser("agent")
    before, new = cookie(here), "seven purple elephants dancing"
    here.get("/desk/profile")
    here.post("/desk/profile/password", {"current": "wrong", "password": new, "again": new})
    assert there.get("/desk/").status_code == 200
    here.get("/desk/profile")
    here.post("/desk/profile/password", {"current": PASSWORD, "password": "password12", "again": "password12"})
    assert "easy to guess" in here.get("/desk/profile").text
    here.post("/desk/profile/password", {"current": PASSWORD, "password": new, "again": new})
    assert here.get("/desk/").status_code == 200
    assert cookie(here) != before
    assert there.get("/desk/").status_code == 303
    assert Browser(desk.app).sign_in("agent", new).status_code == 303


def test_codes(desk: Desk, with_codes: str) -> None:
    browser = Browser(desk.app)
    assert browser.sign_in("agent").location == "/desk/login/code"
    half = cookie(browser)
    wrong = browser.post("/desk/login/code", {"code": "000000"})
    assert wrong.status_code == 422
    code = pyotp.TOTP(with_codes).at(desk.clock())
    assert browser.post("/desk/login/code", {"code": f"{code[:3]} {code[3:]}"}).location == "/desk/"
    assert cookie(browser) != half
    other = Browser(desk.app)
    other.sign_in("agent")
    assert other.post("/desk/login/code", {"code": code}).status_code == 422  # each works once
    desk.clock.go_on(seconds=30)
    assert other.post("/desk/login/code", {"code": pyotp.TOTP(with_codes).at(desk.clock())}).status_code == 303


def test_a_code_that_comes_twice_at_once_works_once(any_desk: Desk) -> None:
    secret, user_id = second_factor.new_secret(), any_desk.people["agent"].id
    with any_desk.engine.begin() as conn:
        second_factor.switch_on(conn, user_id, secret, pyotp.TOTP(secret).at(NOW), any_desk.config.key, NOW)
    later = NOW + timedelta(seconds=60)
    code, results = pyotp.TOTP(secret).at(later), []

    def use() -> None:
        with any_desk.engine.begin() as conn:
            results.append(second_factor.check(conn, user_id, code, any_desk.config.key, later))

    tries = [threading.Thread(target=use) for _ in range(4)]
    for one in tries:
        one.start()
    for one in tries:
        one.join()
    assert sorted(results) == [False, False, False, True]


def test_codes_are_set_up_and_recovery_codes_work_once(desk: Desk) -> None:
    browser = desk.browser("agent")
    browser.get("/desk/profile")
    page = browser.post("/desk/profile/codes", {"current": PASSWORD})
    secret = page.text.split("<code>")[1].split("</code>")[0].replace(" ", "")
    setup = page.text.split('name="setup" value="')[1].split('"')[0]
    assert secret not in setup
    assert browser.post("/desk/profile/codes/on", {"setup": setup, "code": "123"}).status_code == 422
    shown = browser.post("/desk/profile/codes/on", {"setup": setup, "code": pyotp.TOTP(secret).at(desk.clock())})
    codes = [part.split("</code>")[0] for part in shown.text.split("<code>")[1:]]
    assert len(set(codes)) == 10
    with reading(desk.engine) as conn:
        stored = str(conn.execute(sa.select(recovery_codes)).all()) + str(conn.execute(sa.select(users_table)).all())
    assert secret not in stored
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    other = Browser(desk.app)
    other.sign_in("agent")
    assert other.post("/desk/login/code", {"code": codes[3].upper()}).status_code == 303
    again = Browser(desk.app)
    again.sign_in("agent")
    assert again.post("/desk/login/code", {"code": codes[3]}).status_code == 422
    other.get("/desk/profile")
    other.post("/desk/profile/codes/off", {"current": PASSWORD})
    assert Browser(desk.app).sign_in("agent").location == "/desk/"


def test_another_users_setup_is_refused(desk: Desk) -> None:
    browser = desk.browser("agent")
    browser.get("/desk/profile")
    page = browser.post("/desk/profile/codes", {"current": PASSWORD}).text
    secret = page.split("<code>")[1].split("</code>")[0].replace(" ", "")
    setup = page.split('name="setup" value="')[1].split('"')[0]
    other = desk.browser("supervisor")
    other.get("/desk/profile")
    answer = other.post("/desk/profile/codes/on", {"setup": setup, "code": pyotp.TOTP(secret).at(desk.clock())})
    assert answer.status_code == 303
    assert "Begin again" in other.get("/desk/profile").text
    for login in ("agent", "supervisor"):
        assert Browser(desk.app).sign_in(login).location == "/desk/", "no code is asked for"


def test_the_first_admin(any_desk: Desk) -> None:
    with any_desk.engine.begin() as conn:
        assert invitations.for_first_admin(conn, NOW) is None  # there is one
        conn.execute(sa.update(users_table).where(users_table.c.role == "admin").values(active=False))
        old = invitations.for_first_admin(conn, NOW)
        token = invitations.for_first_admin(conn, NOW)
        assert old
        assert token
        stored = str(conn.execute(sa.select(invitations_table)).all())
    assert token not in stored
    browser = Browser(any_desk.app)
    assert browser.get(invitations.path(old)).status_code == 410
    assert browser.get(invitations.path(token)).status_code == 200
    given = {"name": "Eva", "login": "eva", "password": PASSWORD, "again": PASSWORD}
    weak = browser.post(invitations.path(token), {**given, "password": "eva1234567", "again": "eva1234567"})
    assert weak.status_code == 422
    assert browser.post(invitations.path(token), given).location == "/desk/"
    assert "Eva" in browser.get("/desk/users").text
    assert Browser(any_desk.app).get(invitations.path(token)).status_code == 410


def test_links_end(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        token = invitations.for_user(conn, desk.people["agent"].id, NOW)
    desk.clock.go_on(days=3)
    browser = Browser(desk.app)
    assert browser.get(invitations.path(token)).status_code == 410
    assert browser.get("/desk/welcome/" + "x" * 22).status_code == 410


def test_a_link_for_who_has_codes_still_asks_for_one(desk: Desk, with_codes: str) -> None:
    with desk.engine.begin() as conn:
        token = invitations.for_user(conn, desk.people["agent"].id, NOW)
    browser = Browser(desk.app)
    browser.get(invitations.path(token))
    answer = browser.post(invitations.path(token), {"password": PASSWORD, "again": PASSWORD})
    assert answer.location == "/desk/login/code"


def test_what_happened_is_in_the_audit_log(desk: Desk) -> None:
    browser = Browser(desk.app, "198.51.100.7")
    browser.sign_in("agent", "guess")
    browser.sign_in("agent")
    with reading(desk.engine) as conn:
        good, bad = audit.listed(conn, limit=2)
    assert (good.action, good.login, good.address) == ("login", "agent", "198.51.100.7")
    assert (bad.action, bad.target) == ("login.failed", "login:agent")
    assert "guess" not in str(bad)


def test_old_rows_are_forgotten(desk: Desk) -> None:
    desk.browser("agent")
    with desk.engine.begin() as conn:
        assert sessions.forget(conn, NOW + timedelta(days=1)) == 1
        assert conn.execute(sa.select(desk_sessions)).first() is None
        throttle.attempt(conn, ["account:y"], NOW)
        assert throttle.forget(conn, NOW + timedelta(hours=2)) >= 1
