"""Guessing is slowed down, and nobody is locked out for ever."""

from __future__ import annotations

import threading

from callcenter.desk import throttle
from tests.desk.support import NOW, Browser, Desk


def test_guessing_is_slowed_down_and_never_stopped_for_ever(desk: Desk) -> None:
    attacker = Browser(desk.app, "198.51.100.7")
    for _ in range(6):
        assert "wrong" in attacker.sign_in("agent", "guess").text
    assert "Try again in 2 seconds" in attacker.sign_in("agent", "guess").text
    for _ in range(40):
        desk.clock.go_on(minutes=15)
        attacker.sign_in("agent", "guess")
    blocked = attacker.sign_in("agent")
    assert "Too many attempts" in blocked.text  # also with the right password: it isn't looked at
    desk.clock.go_on(minutes=15)
    assert attacker.sign_in("agent").status_code == 303


def test_who_knows_the_browser_is_not_locked_out_by_strangers(desk: Desk) -> None:
    owner = desk.browser("agent")
    owner.post("/desk/logout")
    attacker = Browser(desk.app, "198.51.100.7")
    for _ in range(8):
        attacker.sign_in("agent", "guess")
    assert "Too many attempts" in attacker.sign_in("agent").text
    assert owner.sign_in("agent").status_code == 303


def test_an_address_that_tries_many_logins_has_to_wait(desk: Desk) -> None:
    attacker = Browser(desk.app, "2001:db8::1")
    for number in range(throttle.FREE["address"] + 1):
        attacker.address = f"2001:db8::{number:x}"  # one subscriber's
        attacker.sign_in(f"user{number}", "guess")
    assert "Too many attempts" in attacker.sign_in("somebody", "guess").text
    assert Browser(desk.app, "203.0.113.9").sign_in("agent").status_code == 303


def test_an_office_that_signs_in_at_nine_does_not_wait(desk: Desk) -> None:
    for _ in range(throttle.FREE["address"] + 10):
        assert Browser(desk.app, "192.0.2.200").sign_in("agent").status_code == 303


def test_attempts_at_once_all_count(any_desk: Desk) -> None:
    def attempt() -> None:
        with any_desk.engine.begin() as conn:
            throttle.attempt(conn, ["account:x"], NOW)

    tries = [threading.Thread(target=attempt) for _ in range(throttle.FREE["account"])]
    for one in tries:
        one.start()
    for one in tries:
        one.join()
    with any_desk.engine.begin() as conn:
        assert throttle.attempt(conn, ["account:x"], NOW) is None
        assert throttle.attempt(conn, ["account:x"], NOW) == throttle.FIRST


def test_codes_can_not_be_guessed_either(desk: Desk, with_codes: str) -> None:
    attacker = Browser(desk.app)
    attacker.sign_in("agent")
    answers = [attacker.post("/desk/login/code", {"code": f"{number:06}"}).status_code for number in range(7)]
    assert answers[-1] == 429
