"""Signing in, step by step: a password or the provider's word, then a code where the user has an app for it."""

from __future__ import annotations

import math
from datetime import timedelta

from flask import Response, request
from sqlalchemy.engine import Connection

from callcenter.desk import passwords, second_factor, sessions, throttle, users
from callcenter.desk.users import User
from callcenter.desk.visit import Refused, Visit, local_path


def with_password(visit: Visit, login: str, password: str) -> User:
    """The user whose login and password these are. Raises `Refused`: the same words for a wrong login, a wrong
    password and a user who is switched off."""
    desk = visit.desk
    with desk.engine.begin() as conn:
        user = users.find(conn, login)
        keys, address = _keys(conn, visit, user, f"account:{users.normalised(login)[:64]}")
        _wait(visit, throttle.attempt(conn, [*keys, *address], visit.now))
        stored = users.password_hash(conn, user.id) if user and user.active else None
    if not passwords.fits(stored, password) or user is None or stored is None:
        visit.log("login.failed", f"login:{users.normalised(login)[:64]}", user)
        raise Refused(visit.t("The login or the password is wrong."))
    fresh = passwords.hashed(password) if passwords.outdated(stored) else None
    with desk.engine.begin() as conn:
        throttle.succeeded(conn, keys, address, visit.now)
        if fresh is not None:
            users.set_password(conn, user.id, fresh)
    return user


def with_code(visit: Visit, user: User, code: str) -> bool:
    """Whether it is the app's code or a recovery code. Raises `Refused` where one has to wait."""
    with visit.desk.engine.begin() as conn:
        _, address = _keys(conn, visit, user, "")
        keys = [f"code:{user.id}"]
        _wait(visit, throttle.attempt(conn, [*keys, *address], visit.now))
        fits = second_factor.check(conn, user.id, code, visit.desk.config.key, visit.now)
        if fits:
            throttle.succeeded(conn, keys, address, visit.now)
    if not fits:
        visit.log("login.code_failed", f"user:{user.id}", user)
    return fits


def confirm(visit: Visit, password: str) -> None:
    """Ask whoever is signed in for the password again, before something that a stranger at the screen mustn't do.
    Who has none (single sign-on) isn't asked. Raises `Refused`."""
    if visit.user.has_password:
        with_password(visit, visit.user.login, password)


def open_session(visit: Visit, user: User, method: str, next_path: str, *, code_given: bool = False) -> Response:
    """A session for a user who has shown who they are; on to the code where one is needed. Whatever session the
    browser had before is over."""
    desk = visit.desk
    half = user.has_totp and not code_given and method != "oidc"  # the provider has asked for its own second factor
    with desk.engine.begin() as conn:
        if visit.session is not None:
            sessions.end(conn, visit.session.id, visit.session.user.id)
        token = sessions.begin(
            conn,
            user,
            stage="second_factor" if half else "open",
            method=method,
            address=visit.address,
            browser=request.user_agent.string,
            life=desk.config.life,
            at=visit.now,
        )
        if not half:
            browser = sessions.remember_browser(conn, user, visit.browser_token, visit.now)
            visit.set_cookie("browser", browser, max_age=int(sessions.DEVICE.total_seconds()))
            visit.log("login", f"user:{user.id}", user, method=method, code=code_given)
            visit.write(conn)
    visit.set_cookie("session", token)
    visit.session = None
    next_path = local_path(next_path)
    if half:
        return visit.go("code", **({"next": next_path} if next_path else {}))
    return visit.go_to(next_path or visit.url("home"))


def _keys(conn: Connection, visit: Visit, user: User | None, account: str) -> tuple[list[str], list[str]]:
    """What an attempt counts for: (account or browser, address). A browser that the user knows counts for itself."""
    if user is not None and sessions.knows_browser(conn, user.id, visit.browser_token, visit.now):
        return [f"device:{user.id}:{visit.browser_token[:16]}"], []
    return [account], [f"address:{network(visit.address)}"]


def network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address, which is one subscriber's."""
    if ":" not in address:
        return address
    import ipaddress

    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
    except ValueError:
        return address


def _wait(visit: Visit, wait: timedelta | None) -> None:
    if wait is None:
        return
    seconds = math.ceil(wait.total_seconds())
    if seconds < 90:
        raise Refused(
            visit.words.counted(
                seconds,
                "Too many attempts. Try again in a second.",
                "Too many attempts. Try again in %(count)s seconds.",
            )
        )
    raise Refused(visit.t("Too many attempts. Try again in %(count)s minutes.", count=math.ceil(seconds / 60)))
