"""What everybody decides for themselves: password, codes, language, theme, shortcuts, sessions."""

from __future__ import annotations

import segno
from flask import Response
from itsdangerous import BadData
from sqlalchemy.engine import Connection

from callcenter.desk import passwords, second_factor, sessions, users
from callcenter.desk.pages.welcome import WEAK
from callcenter.desk.permissions import SELF
from callcenter.desk.routing import page
from callcenter.desk.signing_in import confirm
from callcenter.desk.users import PREFERENCES, InvalidUser
from callcenter.desk.visit import Refused, Visit

SETUP = 15 * 60
"""Seconds in which the app must have read the secret."""
# Others call themselves Chrome and Safari too: the first that fits counts.
BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
           ("Linux", "Linux"))  # fmt: skip


@page("/profile", needs=SELF)
def profile(visit: Visit) -> Response:
    assert visit.session is not None
    return visit.render(
        "profile.html",
        sessions=sessions.of_user(visit.conn, visit.user.id, visit.desk.config.life, visit.now),
        current=visit.session.id,
        browser_name=browser_name,
        codes_left=second_factor.recovery_codes_left(visit.conn, visit.user.id),
    )


@page("/profile/preferences", needs=SELF, method="POST")
def prefer(visit: Visit) -> Response:
    chosen = {name: visit.form(name, 20) for name in PREFERENCES if visit.has(name)}
    try:
        users.prefer(visit.conn, visit.user.id, **chosen)
    except InvalidUser as error:
        raise Refused(visit.t(str(error))) from None
    return visit.go_to(visit.back())


@page("/profile/password", needs=SELF, method="POST", transaction="own")
def change_password(visit: Visit) -> Response:
    assert visit.session is not None
    confirm(visit, visit.form("current"))
    password = visit.form("password", passwords.LONGEST + 1)
    if weak := users.weakness(visit.user, password, visit.desk.company.name):
        raise Refused(visit.t(WEAK[weak]))
    if password != visit.form("again", passwords.LONGEST + 1):
        raise Refused(visit.t("The two passwords differ."))
    hashed = passwords.hashed(password)
    with visit.desk.engine.begin() as conn:
        users.set_password(conn, visit.user.id, hashed)
        ended = sessions.end_all(conn, visit.user.id, besides=visit.session.id)
        _renewed(visit, conn)
        visit.log("user.password_changed", f"user:{visit.user.id}", sessions_ended=ended)
        visit.write(conn)
    return visit.go("profile", said=visit.t("The password is changed; everywhere else you are signed out."))


@page("/profile/codes", needs=SELF, method="POST", transaction="own")
def set_up_codes(visit: Visit) -> Response:
    confirm(visit, visit.form("current"))
    return _setup(visit, second_factor.new_secret())


@page("/profile/codes/on", needs=SELF, method="POST", transaction="own")
def switch_codes_on(visit: Visit) -> Response:
    try:
        owner, sealed = visit.desk.setups.loads(visit.form("setup", 1000), max_age=SETUP)
    except BadData:
        owner = ""
    if owner != visit.user.id:
        raise Refused(visit.t("That took too long. Begin again."))
    plain = visit.desk.config.key.unseal(sealed)
    try:
        with visit.desk.engine.begin() as conn:
            codes = second_factor.switch_on(
                conn, visit.user.id, plain, visit.form("code", 20), visit.desk.config.key, visit.now
            )
            _renewed(visit, conn)
            visit.log("user.totp_on", f"user:{visit.user.id}")
            visit.write(conn)
    except ValueError:
        return _setup(visit, plain, visit.t("The code doesn't fit. Is the clock of your telephone right?"))
    return visit.render("recovery_codes.html", codes=codes)


@page("/profile/codes/off", needs=SELF, method="POST", transaction="own")
def switch_codes_off(visit: Visit) -> Response:
    confirm(visit, visit.form("current"))
    with visit.desk.engine.begin() as conn:
        second_factor.switch_off(conn, visit.user.id)
        _renewed(visit, conn)
        visit.log("user.totp_off", f"user:{visit.user.id}")
        visit.write(conn)
    return visit.go("profile", said=visit.t("You are no longer asked for a code."))


@page("/profile/codes/recovery", needs=SELF, method="POST", transaction="own")
def new_recovery_codes(visit: Visit) -> Response:
    confirm(visit, visit.form("current"))
    if not visit.user.has_totp:
        return visit.go("profile")
    with visit.desk.engine.begin() as conn:
        codes = second_factor.new_recovery_codes(conn, visit.user.id)
        visit.log("user.recovery_codes", f"user:{visit.user.id}")
        visit.write(conn)
    return visit.render("recovery_codes.html", codes=codes)


@page("/profile/sessions/end", needs=SELF, method="POST")
def end_sessions(visit: Visit) -> Response:
    assert visit.session is not None
    ended = sessions.end_all(visit.conn, visit.user.id, besides=visit.session.id)
    visit.log("user.signed_out_everywhere", f"user:{visit.user.id}", sessions_ended=ended)
    return visit.go("profile", said=visit.t("Everywhere else you are signed out."))


def _setup(visit: Visit, secret: str, fault: str = "") -> Response:
    address = second_factor.address(secret, visit.user.login, visit.desk.company.name)
    return visit.render(
        "codes_setup.html",
        422 if fault else 200,
        picture=segno.make(address, error="m").svg_data_uri(scale=5, border=2, light="#fff"),
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        setup=visit.desk.setups.dumps([visit.user.id, visit.desk.config.key.seal(secret)]),
        fault=fault,
    )


def _renewed(visit: Visit, conn: Connection) -> None:
    """Rights have changed: this session goes on under another token, the others with their next page."""
    assert visit.session is not None
    sessions.privileges_changed(conn, visit.user.id)
    if (renewed := sessions.renew(conn, visit.session, visit.now)) is not None:
        visit.use(renewed)


def browser_name(agent: str) -> str:
    """A browser's User-Agent as people call it: Firefox, Linux."""
    program = next((name for sign, name in BROWSERS if sign in agent), "")
    system = next((name for sign, name in SYSTEMS if sign in agent), "")
    return ", ".join(part for part in (program, system) if part) or agent[:40]
