"""A visit: one request of somebody who may make it, with all that a page needs to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Response, redirect, request, url_for
from sqlalchemy.engine import Connection
from werkzeug.exceptions import BadRequest

from callcenter.desk import audit, csrf
from callcenter.desk.permissions import allows
from callcenter.desk.sessions import Session
from callcenter.desk.users import User
from callcenter.desk.words import Words

if TYPE_CHECKING:
    from callcenter.desk.core import Desk


class Refused(Exception):
    """What was asked for can't be done, for a reason to be told to whoever asked: nothing has changed."""


@dataclass(slots=True)
class Visit:
    """`conn` is the page's transaction; pages with their own open it themselves on `desk.engine`."""

    desk: Desk
    now: datetime
    session: Session | None
    address: str
    words: Words
    csrf: str
    browser_token: str
    notice: tuple[str, str] | None = None
    cookies: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    entries: list[audit.Entry] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)
    """What is done once the transaction is committed."""
    _conn: Connection | None = None

    @property
    def conn(self) -> Connection:
        assert self._conn is not None, "this page opens transactions itself"
        return self._conn

    @property
    def user(self) -> User:
        assert self.session is not None, "this page needs nobody"
        return self.session.user

    def may(self, permission: str) -> bool:
        """Whether whoever is signed in has a permission."""
        return self.session is not None and self.session.stage == "open" and allows(self.user.role, permission)

    def t(self, text: str, **values: Any) -> str:
        return self.words(text, **values)

    def form(self, name: str, longest: int = 2000) -> str:
        """A form's or a JSON body's field; "" where it wasn't sent. Raises BadRequest for one that is too long or
        isn't text."""
        value = _fields().get(name, "")
        if not isinstance(value, str) or len(value) > longest or not _storable(value):
            raise BadRequest(f"the field {name} is too long or no text")
        return value

    def has(self, name: str) -> bool:
        """Whether a form or a JSON body has a field."""
        return name in _fields()

    def arg(self, name: str, longest: int = 400) -> str:
        """A parameter of the address; what can't be one is taken for missing."""
        value = request.args.get(name, "")
        return "" if len(value) > longest or not _storable(value) else value

    def log(self, action: str, target: str, user: User | None = None, **data: Any) -> None:
        """Write to the audit log, with what the page does, or before its answer leaves."""
        who = user or (self.session.user if self.session else None)
        self.entries.append(
            audit.Entry(
                at=self.now,
                user_id=who.id if who else None,
                login=who.login if who else "",
                role=who.role if who else "",
                action=action,
                target=target,
                address=self.address,
                data=data,
            )
        )

    def write(self, conn: Connection) -> None:
        """Store what was logged so far, in a page's own transaction."""
        for entry in self.entries:
            audit.write(conn, entry)
        self.entries.clear()

    def look(self, action: str, target: str, **data: Any) -> None:
        """Write that somebody looked; one look that goes on is written once."""
        if not audit.just_seen(self.conn, self.user.id, action, target, self.now):
            self.log(action, target, **data)

    def url(self, page: str, **values: Any) -> str:
        return url_for(f"desk.{page}", **values)

    def render(self, template: str, status_code: int = 200, /, **context: Any) -> Response:
        return Response(
            self.desk.render(self, template, **context), status_code, content_type="text/html; charset=utf-8"
        )

    def go(self, page: str, *, said: str = "", fault: str = "", **values: Any) -> Response:
        """On to another page, which says what was done or what was wrong (in the visitor's language)."""
        return self.go_to(self.url(page, **values), said=said, fault=fault)

    def use(self, session: Session) -> None:
        """This browser's session has another token from now on, and so have its forms."""
        self.session = session
        self.csrf = csrf.token(self.desk.config.key, session.token)
        self.set_cookie("session", session.token)

    def go_to(self, path: str, *, said: str = "", fault: str = "") -> Response:
        if said or fault:
            self.tell("fault" if fault else "said", fault or said)
        return redirect(path, 303)  # type: ignore[return-value]

    def tell(self, kind: str, text: str) -> None:
        """The next page says it."""
        self.set_cookie("notice", self.desk.notices.dumps([kind, text]), max_age=60)

    def back(self) -> str:
        """The page that a form was on, home where we don't know."""
        try:
            path = urlsplit(request.referrer or "").path
        except ValueError:  # no browser sends such an address
            path = ""
        return local_path(path) or self.url("home")

    def set_cookie(self, name: str, value: str, *, max_age: int | None = None) -> None:
        """`max_age` in seconds; without it, until the browser is closed; 0 takes it away."""
        self.cookies.append((name, value, {"max_age": max_age, "samesite": "Lax"}))


def _fields() -> Mapping[str, Any]:
    """The form, or the JSON object that was sent instead. Raises BadRequest for other JSON."""
    if not request.is_json:
        return request.form
    try:
        data = request.get_json()
    except RecursionError:
        data = None
    if not isinstance(data, dict):
        raise BadRequest("the body is no JSON object")
    return data


def _storable(text: str) -> bool:
    """Whether every database takes it: no NUL, no half of a surrogate pair (JSON may hold both)."""
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def local_path(path: str) -> str:
    """`path` if it is one of the desk's pages, else "": nobody is sent to another site, however it is written."""
    ours = path.startswith("/desk/") and not any(sign in path for sign in ("\\", "//", "..")) and path.isprintable()
    return path if ours and len(path) < 1000 else ""
