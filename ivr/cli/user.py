"""callwright user"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, ClassVar

from ivr.cli.command import Command, Failure, command
from ivr.cli.database import database

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from callcenter.desk.users import User
    from ivr.settings import Settings


ROLES = ("agent", "supervisor", "admin", "auditor")


@command
class Users(Command):
    """Users of the desk: add, list, change, link, remove.

    `add` and `link` print a link, good for three days and one use, by which the user chooses a password. What is done
    here is in the audit log too.

      callwright user add maria "Maria Ortiz" --role agent --agent maria
      callwright user change maria --role supervisor
      callwright user change maria --off        (signed out at once; --on lets her in again)
      callwright user link maria                (the password is forgotten)
      callwright user reset maria               (the telephone with the codes is lost)
    """

    name: ClassVar[str] = "user"
    help: ClassVar[str] = "add and change users of the desk"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        add = actions.add_parser("add", help="add a user")
        change = actions.add_parser("change", help="change role, agent or email address; --off and --on")
        for given in (add, change):
            given.add_argument("login")
            given.add_argument("--email", help="for single sign-on")
            given.add_argument("--agent", help="the agent's id in flows/agents.yaml")
        add.add_argument("full_name", metavar="NAME")
        add.add_argument("--role", choices=ROLES, default="agent")
        change.add_argument("--role", choices=ROLES)
        change.add_argument("--full-name")
        state = change.add_mutually_exclusive_group()
        state.add_argument("--off", action="store_true", help="may no longer sign in")
        state.add_argument("--on", action="store_true", help="may sign in again")
        for name, help in (
            ("link", "a new link to choose a password by"),
            ("reset", "no longer ask for a code, and sign out everywhere"),
            ("remove", "delete a user for good"),
        ):
            actions.add_parser(name, help=help).add_argument("login")
        actions.add_parser("list", help="all users")

    def run(self, arguments: argparse.Namespace) -> int:
        from datetime import UTC, datetime

        from callcenter.desk.users import InvalidUser
        from ivr.running import as_running
        from ivr.settings import Settings

        settings = as_running(Settings())
        try:
            with database(settings) as engine, engine.begin() as conn:
                return self._do(conn, arguments, settings, datetime.now(UTC))
        except InvalidUser as error:
            raise Failure(str(error)) from None

    def _do(self, conn: Connection, arguments: argparse.Namespace, settings: Settings, now: datetime) -> int:
        from callcenter.desk import invitations, second_factor, sessions, users

        if arguments.action == "list":
            for user in users.listed(conn):
                more = [f"agent {user.agent_id}"] if user.agent_id else []
                more += [] if user.active else ["switched off"]
                print("  ".join((user.login, user.role, user.name, *more)))
            return 0
        if arguments.action == "add":
            user = users.add(
                conn, login=arguments.login, name=arguments.full_name, role=arguments.role, at=now,
                email=arguments.email or "", agent_id=arguments.agent,
            )  # fmt: skip
            self._log(conn, "user.added", user, now)
            print(settings.base_url + invitations.path(invitations.for_user(conn, user.id, now)))
            return 0
        found = users.find(conn, arguments.login)
        if found is None:
            raise Failure(f"there is no user {arguments.login}", "`callwright user list` shows them")
        match arguments.action:
            case "change":
                given = {"role": arguments.role, "name": arguments.full_name, "email": arguments.email,
                         "agent_id": arguments.agent}  # fmt: skip
                fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
                if arguments.off or arguments.on:
                    fields["active"] = arguments.on
                changed = users.change(conn, found.id, **fields)
                if not changed.active:
                    sessions.end_all(conn, found.id)
                elif changed.role != found.role:
                    sessions.privileges_changed(conn, found.id)
                self._log(conn, "user.changed", found, now, **fields)
            case "link":
                self._log(conn, "user.link_made", found, now)
                print(settings.base_url + invitations.path(invitations.for_user(conn, found.id, now)))
            case "reset":
                second_factor.switch_off(conn, found.id)
                sessions.end_all(conn, found.id)
                self._log(conn, "user.totp_off", found, now)
            case "remove":
                users.remove(conn, found.id)
                self._log(conn, "user.removed", found, now)
        return 0

    def _log(self, conn: Connection, action: str, user: User, now: datetime, **data: Any) -> None:
        from callcenter.desk import audit

        entry = audit.Entry(now, None, "command line", "", action, f"user:{user.id}", "", {"login": user.login, **data})
        audit.write(conn, entry)
