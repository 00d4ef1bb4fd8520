"""A desk to test on: fakes of what the voice engine gives it, users of each role, a browser without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Connection, Engine
from werkzeug.test import TestResponse

from callcenter import outbox
from callcenter.attributes import Schema
from callcenter.desk import passwords, users
from callcenter.desk.app import blueprint
from callcenter.desk.calling import Switchboard
from callcenter.desk.hours_port import Hours
from callcenter.desk.permissions import ROLES
from callcenter.desk.ports import (
    Announcements,
    Company,
    Config,
    FileProblem,
    FlowCounts,
    FlowsRefused,
    FlowSummary,
    Version,
)
from callcenter.desk.prompts_port import Prompts
from callcenter.desk.secret import Key
from callcenter.knowledge import NONE as NO_KNOWLEDGE
from callcenter.knowledge import Knowledge
from callcenter.tables import contacts as contacts_table

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
REAL_HASHER = passwords._hasher
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""What makes the hash dear is argon2's own matter; hundreds of tests sign in."""
HASHED = QUICK_HASHER.hash(PASSWORD)
SCHEMA = Schema.from_data(
    {"attributes": {"postcode": {"type": "text", "label": "Postcode"}, "limit": {"type": "money", "label": "Limit"}}}
)
CANNED = {
    "answers": {
        "delay": {"title": {"en": "We are late"}, "text": {"en": "Dear {customer}, sorry. {agent}, {company}"}},
        "mail_only": {"title": "Mail", "text": "By mail", "channels": ["email"]},
        "broken": "no mapping",
    }
}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class FakeFlows:
    mistakes: list[FileProblem] = field(default_factory=list)
    published: list[str] = field(default_factory=lambda: ["abc123def4567890", "0123456789abcdef"])
    timezone: str = "Europe/Madrid"
    opened: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    files: dict[str, object] = field(
        default_factory=lambda: {
            "canned": CANNED,
            "agents": {"agents": {"maria": {}, "tom": {}}},
            "queues": {"queues": {"sales": {"label": "Sales"}, "billing": None}},
        }
    )

    def company(self) -> Company:
        return Company("Riverbend Water and Power", self.timezone, "US")

    def announcements(self) -> Announcements:
        return Announcements(
            ("en", "es"), {"emergency.outage": {"en": "No power.", "es": "No hay luz."}}, voicemail=True
        )

    def flows(self) -> list[FlowSummary]:
        return [FlowSummary("main", 4), FlowSummary("pay_bill", 12)]

    def versions(self) -> list[Version]:
        return [Version(hash, NOW) for hash in self.published]

    def picture(self, name: str) -> str:
        return {"main": '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"></svg>'}[name]

    def picture_with(self, name: str, counts: FlowCounts) -> str:
        return self.picture(name).replace("</svg>", f"<title>{counts.entered.get('choose', 0)} came</title></svg>")

    def problems(self) -> list[FileProblem]:
        return self.mistakes

    def changed(self) -> bool:
        return True

    def publish(self) -> str:
        if self.mistakes:
            raise FlowsRefused(self.mistakes)
        self.published.insert(0, "feedfacefeedface")
        return self.published[0]

    def roll_back(self, hash: str) -> None:
        if hash not in self.published:
            raise KeyError(hash)
        self.published.remove(hash)
        self.published.insert(0, hash)

    def data(self, name: str) -> object:
        return self.files.get(name)

    def openings(self, name: str, first: date, days: int) -> Sequence[tuple[datetime, datetime]] | None:
        return self.opened.get(name)


@dataclass
class FakeMessaging:
    """Queues like the real one; keeps what would have been told and sent."""

    told: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)

    def write(
        self, conn: Connection, contact_id: str, body: str, *, author: str, at: datetime, files: Sequence[str] = (),
        dedupe_key: str | None = None,
    ) -> str:  # fmt: skip
        row = conn.execute(contacts_table.select().where(contacts_table.c.id == contact_id)).one()
        return outbox.queue(conn, channel=row.channel, to=row.caller, body=body, contact_id=contact_id, author=author,
                            at=at, files=files, dedupe_key=dedupe_key)  # fmt: skip

    def deliver(self, contact_id: str, message_id: str) -> None:
        self.delivered.append(message_id)

    def publish(self, topic: str, kind: str, data: Mapping[str, Any]) -> None:
        self.told.append((topic, kind, dict(data)))

    def ticket(self, subject: str, topics: Sequence[str]) -> str:
        return f"{subject} {' '.join(topics)}"


class Browser:
    """Flask's client with a form's ways: it sends the token of the page that it last saw."""

    def __init__(self, app: Flask, address: str = "192.0.2.1") -> None:
        self.client: FlaskClient = app.test_client()
        self.address = address
        self.csrf = ""

    def get(self, path: str, **options: Any) -> TestResponse:
        headers = {"Accept": "text/html", **options.pop("headers", {})}
        return self._seen(self.client.get(path, headers=headers, environ_base={"REMOTE_ADDR": self.address}, **options))

    def post(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> TestResponse:
        headers = {"Accept": "text/html", **options.pop("headers", {})}
        sent = {"csrf": self.csrf, **(data or {})}
        return self._seen(
            self.client.post(path, data=sent, headers=headers, environ_base={"REMOTE_ADDR": self.address}, **options)
        )

    def sign_in(self, login: str, password: str = PASSWORD) -> TestResponse:
        self.get("/desk/login")
        answer = self.post("/desk/login", {"login": login, "password": password})
        if answer.status_code == 303 and self.get(answer.location).status_code == 303:
            self.get("/desk/profile")  # for its token
        return answer

    def _seen(self, answer: TestResponse) -> TestResponse:
        answer.get_data()
        answer.close()  # a file that was sent
        token = (
            re.search(r'name="csrf" (?:content|value)="([^"]+)"', answer.text)
            if "html" in (answer.mimetype or "")
            else None
        )
        if token:
            self.csrf = token[1]
        return answer


@dataclass
class Desk:
    app: Flask
    engine: Engine
    clock: Clock
    flows: FakeFlows
    messaging: FakeMessaging
    config: Config
    folder: Path
    people: dict[str, users.User]

    def browser(self, role: str = "", address: str = "192.0.2.1") -> Browser:
        """One that is signed in with this role, or nobody's."""
        made = Browser(self.app, address)
        if role:
            assert made.sign_in(role).status_code == 303
        return made


def make_desk(
    engine: Engine,
    folder: Path,
    clock: Callable[[], datetime] | None = None,
    switchboard: Switchboard | None = None,
    hours: Hours | None = None,
    prompts: Prompts | None = None,
    knowledge: Knowledge = NO_KNOWLEDGE,
    **options: Any,
) -> Desk:
    """A desk with one user of each role, whose login is the role."""
    flows, messaging = FakeFlows(), FakeMessaging()
    (folder / "recordings").mkdir(exist_ok=True)
    (folder / "files").mkdir(exist_ok=True)
    given = {
        "base_url": "http://localhost",
        "key": Key(b"k" * 32),
        "folders": (folder / "recordings", folder / "files"),
        "files_dir": folder / "files",
        **options,
    }
    config = Config(**given)
    watch = Clock()
    app = Flask("tests.desk")
    app.register_blueprint(blueprint(
        engine, config, flows, messaging, schema=SCHEMA, clock=clock or watch, switchboard=switchboard,
        hours=hours, prompts=prompts, knowledge=knowledge,
    ))  # fmt: skip
    people: dict[str, users.User] = {}
    with engine.begin() as conn:
        for role in ROLES:
            agent = {"agent": "maria", "supervisor": "sam"}.get(role)
            name = {"agent": "Maria Ortiz", "supervisor": "Sam Lee", "admin": "Ada Adams", "auditor": "Otto Orr"}[role]
            people[role] = users.add(conn, login=role, name=name, role=role, at=NOW, agent_id=agent,
                                     email=f"{role}@example.com")  # fmt: skip
            users.set_password(conn, people[role].id, HASHED)
    return Desk(app, engine, watch, flows, messaging, config, folder, people)
