"""Users, for admins: who they are, what they may do, one-time links to a password."""

from __future__ import annotations

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter.desk import invitations, second_factor, sessions, users
from callcenter.desk.permissions import MATRIX, ROLES
from callcenter.desk.routing import link, one, page
from callcenter.desk.users import InvalidUser, UnknownUser, User
from callcenter.desk.visit import Refused, Visit

link(80, "people", "Users", icon="users", needs="users.read", key="u")


@page("/users", needs="users.read")
def people(visit: Visit) -> Response:
    matrix = {permission: [role in allowed for role in ROLES] for permission, allowed in MATRIX.items()}
    return visit.render("users.html", people=users.listed(visit.conn), agents=_agents(visit), matrix=matrix)


@page("/users", needs="users.write", method="POST")
def add_person(visit: Visit) -> Response:
    try:
        user = users.add(
            visit.conn,
            login=visit.form("login"),
            name=one(visit.form("name")),
            role=visit.form("role"),
            email=visit.form("email"),
            agent_id=visit.form("agent_id") or None,
            at=visit.now,
        )
    except InvalidUser as error:
        raise Refused(visit.t(str(error))) from None
    visit.log("user.added", f"user:{user.id}", login=user.login, role=user.role, agent=user.agent_id)
    return _with_link(visit, user)


@page("/users/<user_id>", needs="users.read")
def person(visit: Visit, user_id: str) -> Response:
    user = _found(visit, user_id)
    open_sessions = sessions.of_user(visit.conn, user.id, visit.desk.config.life, visit.now)
    return visit.render("user.html", person=user, agents=_agents(visit), sessions=open_sessions)


@page("/users/<user_id>", needs="users.write", method="POST")
def change_person(visit: Visit, user_id: str) -> Response:
    before = _found(visit, user_id)
    try:
        after = users.change(
            visit.conn,
            user_id,
            login=visit.form("login"),
            name=one(visit.form("name")),
            role=visit.form("role"),
            email=visit.form("email"),
            agent_id=visit.form("agent_id") or None,
            active=visit.form("active", 5) == "yes",
        )
    except InvalidUser as error:
        raise Refused(visit.t(str(error))) from None
    fields = ("login", "name", "role", "email", "agent_id", "active")
    changed = {name: getattr(after, name) for name in fields if getattr(after, name) != getattr(before, name)}
    if not after.active:
        sessions.end_all(visit.conn, user_id)
    elif "role" in changed:
        sessions.privileges_changed(visit.conn, user_id)
    if changed:
        visit.log("user.changed", f"user:{user_id}", **changed)
    return visit.go("person", user_id=user_id, said=visit.t("Saved."))


@page("/users/<user_id>/link", needs="users.write", method="POST")
def link_for_person(visit: Visit, user_id: str) -> Response:
    return _with_link(visit, _found(visit, user_id))


@page("/users/<user_id>/sessions/end", needs="users.write", method="POST")
def end_persons_sessions(visit: Visit, user_id: str) -> Response:
    user = _found(visit, user_id)
    ended = sessions.end_all(visit.conn, user.id)
    visit.log("user.signed_out_everywhere", f"user:{user.id}", sessions_ended=ended)
    return visit.go("person", user_id=user_id, said=visit.t("All sessions of this user have ended."))


@page("/users/<user_id>/codes/off", needs="users.write", method="POST")
def switch_persons_codes_off(visit: Visit, user_id: str) -> Response:
    user = _found(visit, user_id)
    second_factor.switch_off(visit.conn, user.id)
    sessions.end_all(visit.conn, user.id)
    visit.log("user.totp_off", f"user:{user.id}")
    return visit.go("person", user_id=user_id, said=visit.t("This user is no longer asked for a code."))


def _with_link(visit: Visit, user: User) -> Response:
    token = invitations.for_user(visit.conn, user.id, visit.now)
    visit.log("user.link_made", f"user:{user.id}")
    address = visit.desk.config.base_url + invitations.path(token)
    return visit.render("user_link.html", person=user, address=address)


def _found(visit: Visit, user_id: str) -> User:
    try:
        return users.get(visit.conn, user_id)
    except UnknownUser:
        raise NotFound from None


def _agents(visit: Visit) -> list[str]:
    """The ids of flows/agents.yaml, for choosing one."""
    data = visit.desk.flows.data("agents")
    agents = data.get("agents") if isinstance(data, dict) else None
    return sorted(map(str, agents)) if isinstance(agents, dict) else []
