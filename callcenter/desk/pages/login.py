"""Signing in and out."""

from __future__ import annotations

from flask import Response

from callcenter.desk import sessions
from callcenter.desk.permissions import PUBLIC, SECOND_FACTOR, SELF
from callcenter.desk.routing import page
from callcenter.desk.signing_in import open_session, with_code, with_password
from callcenter.desk.visit import Refused, Visit, local_path


@page("/login", needs=PUBLIC)
def login(visit: Visit) -> Response:
    if visit.session is not None and visit.session.stage == "open":
        return visit.go("home")
    return _form(visit)


@page("/login", needs=PUBLIC, method="POST", transaction="own")
def sign_in(visit: Visit) -> Response:
    try:
        user = with_password(visit, visit.form("login"), visit.form("password"))
    except Refused as error:
        return _form(visit, str(error), visit.form("login"))
    return open_session(visit, user, "password", visit.form("next"))


@page("/login/code", needs=SECOND_FACTOR)
def code(visit: Visit) -> Response:
    return visit.render("code.html", next=local_path(visit.arg("next")), fault="")


@page("/login/code", needs=SECOND_FACTOR, method="POST", transaction="own")
def sign_in_with_code(visit: Visit) -> Response:
    next_path = local_path(visit.form("next"))
    assert visit.session is not None
    try:
        fits = with_code(visit, visit.session.user, visit.form("code", 100))
    except Refused as error:
        return visit.render("code.html", 429, next=next_path, fault=str(error))
    if not fits:
        fault = visit.t("The code doesn't fit, or it was used already. Wait for the next one.")
        return visit.render("code.html", 422, next=next_path, fault=fault)
    return open_session(visit, visit.session.user, visit.session.method, next_path, code_given=True)


@page("/logout", needs=SELF, method="POST")
def sign_out(visit: Visit) -> Response:
    assert visit.session is not None
    sessions.end(visit.conn, visit.session.id, visit.user.id)
    visit.log("logout", f"user:{visit.user.id}")
    visit.set_cookie("session", "", max_age=0)
    return visit.go("login", said=visit.t("You are signed out."))


@page("/login/code/leave", needs=SECOND_FACTOR, method="POST")
def leave_code(visit: Visit) -> Response:
    assert visit.session is not None
    sessions.end(visit.conn, visit.session.id, visit.session.user.id)
    visit.set_cookie("session", "", max_age=0)
    return visit.go("login")


def _form(visit: Visit, fault: str = "", login: str = "") -> Response:
    return visit.render(
        "login.html",
        422 if fault else 200,
        fault=fault,
        login=login,
        next=local_path(visit.form("next") or visit.arg("next")),
        provider=visit.desk.config.oidc.name if visit.desk.config.oidc else "",
    )
