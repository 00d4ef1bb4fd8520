"""One-time links: the first admin, and a new user's (or a forgotten) password."""

from __future__ import annotations

from flask import Response

from callcenter.db import reading
from callcenter.desk import invitations, passwords, sessions, users
from callcenter.desk.permissions import PUBLIC
from callcenter.desk.routing import page
from callcenter.desk.signing_in import open_session
from callcenter.desk.users import InvalidUser, User
from callcenter.desk.visit import Refused, Visit

WEAK = {
    "short": "Choose a password of at least 10 characters.",
    "long": "Choose a password of at most 200 characters.",
    "guessable": "This password is easy to guess. Several words that don't belong together are a good one.",
}


@page("/welcome/<token>", needs=PUBLIC)
def welcome(visit: Visit, token: str) -> Response:
    found = invitations.look(visit.conn, token, visit.now)
    if found is None:
        return visit.render("error.html", 410, title=visit.t("This link works no longer"), text=_how_on(visit))
    user = users.get(visit.conn, found.user_id) if found.user_id else None
    return visit.render("welcome.html", invited=user, fault="", given={})


@page("/welcome/<token>", needs=PUBLIC, method="POST", transaction="own")
def accept_welcome(visit: Visit, token: str) -> Response:
    engine = visit.desk.engine
    password = visit.form("password", passwords.LONGEST + 1)
    given = {"login": visit.form("login"), "name": visit.form("name")}
    with reading(engine) as conn:
        found = invitations.look(conn, token, visit.now)
        invited = users.get(conn, found.user_id) if found and found.user_id else None
    if found is None:
        return visit.render("error.html", 410, title=visit.t("This link works no longer"), text=_how_on(visit))
    words = [visit.desk.company.name, *(given.values() if invited is None else (invited.login, invited.name))]
    weak = passwords.weakness(password, *words)
    fault = visit.t(WEAK[weak]) if weak else ""
    if not fault and password != visit.form("again", passwords.LONGEST + 1):
        fault = visit.t("The two passwords differ.")
    if fault:
        return visit.render("welcome.html", 422, invited=invited, fault=fault, given=given)
    hashed = passwords.hashed(password)
    try:
        with engine.begin() as conn:
            if invitations.use(conn, token, visit.now) is None:
                raise Refused(visit.t("This link works no longer"))
            user: User = invited or users.add(
                conn, login=given["login"], name=given["name"], role="admin", at=visit.now
            )
            users.set_password(conn, user.id, hashed)
            sessions.end_all(conn, user.id)
            visit.log("user.password_set" if invited else "user.first_admin", f"user:{user.id}", user)
            visit.write(conn)
    except InvalidUser as error:
        return visit.render("welcome.html", 422, invited=invited, fault=visit.t(str(error)), given=given)
    return open_session(visit, user, "invitation", "")


def _how_on(visit: Visit) -> str:
    return visit.t("It was used, or it is too old. An admin can make another one.")
