"""What tests of mail share: an office that takes mails in, and a mailbox that gets what it sends."""

from __future__ import annotations

import datetime as dt
import queue
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import events, outbox
from callcenter.contacts import start as started
from callcenter.db import reading
from callcenter.events import Event
from callcenter.mail.intake import Intake, Taken
from callcenter.tables import messages
from ivr.channels.mail.service import make_intake
from tests.carriers import Carrier
from tests.conversations.support import Desk, _desk, carrier
from tests.mail import made
from tests.smtp import FreePort
from tests.twilio.support import NOON, prepare, settings

__all__ = [
    "EVERY_DATABASE",
    "Carrier",
    "Mailbox",
    "Office",
    "carrier",
    "desk",
    "mailbox",
    "office",
    "office_url",
    "wire",
]

DANA, US = "dana.reyes@gmail.example", "support@example.com"


def wire(text: str) -> bytes:
    """A mail as it comes over the wire; @ID@ is our message's id."""
    return text.replace("@ID@", made.OUR_MESSAGE).lstrip("\n").replace("\n", "\r\n").encode()


def choice(body: str, words: str) -> str:
    """The number of a choice in a numbered list."""
    return next(line.partition(".")[0] for line in body.splitlines() if words in line and line[:1].isdigit())


EVERY_DATABASE = pytest.mark.parametrize("office_url", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def office_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    url: str = request.getfixturevalue("postgres").url()
    return url


@pytest.fixture
def desk(office_url: str, tmp_path: Path) -> Iterator[Desk]:
    given = {"mail_from": f"Acme Utilities <{US}>", "mail_addresses": US, "smtp_url": "smtp://127.0.0.1:9"}
    chosen = settings(tmp_path, database_url=office_url, **given)
    engine = prepare(chosen)
    found = _desk(chosen, engine, [NOON])
    yield found
    found.runner.close()
    found.runner.engine.dispose()
    engine.dispose()


@dataclass
class Office:
    """Mails go in by `take`; `carrier` has what was sent."""

    desk: Desk
    carrier: Carrier
    intake: Intake

    @property
    def clock(self) -> list[dt.datetime]:
        return self.desk.clock

    def take(self, mail: bytes | str, **more: Any) -> Taken:
        return self.intake(wire(mail) if isinstance(mail, str) else mail, **more)

    def wrote(self, to: str) -> str:
        """Send a message of ours, of the id that the mails of the table answer, in a new contact; gives its id."""
        with self.desk.engine.begin() as conn:
            contact = started(conn, channel="email", caller=to, called=US, at=NOON, direction="out", served_by="flow")
            queued = outbox.queue(conn, channel="email", to=to, body="Your bill", at=NOON, contact_id=contact)
            conn.execute(sa.delete(messages).where(messages.c.id == made.OUR_MESSAGE))
            changed = {"id": made.OUR_MESSAGE, "status": "sent"}
            conn.execute(sa.update(messages).where(messages.c.id == queued).values(changed))
        return contact

    def message(self, message_id: str) -> Any:
        return next(row for row in self.desk.rows(messages) if row.id == message_id)

    def events(self, contact_id: str, kind: str) -> list[Event]:
        with reading(self.desk.engine) as conn:
            return [event for event in events.of_contact(conn, contact_id) if event.kind == kind]


@pytest.fixture
def office(desk: Desk, carrier: Carrier) -> Office:
    return Office(desk, carrier, make_intake(desk.chosen, desk.conversations))


@dataclass
class Mailbox:
    """The customer's mail server."""

    port: int = 0
    mails: queue.Queue[EmailMessage] = field(default_factory=queue.Queue)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.mails.put(found)
        return "250 OK"

    def next(self) -> EmailMessage:
        return self.mails.get(timeout=60)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    found = Mailbox()
    controller = FreePort(found)
    controller.start()
    found.port = controller.port
    yield found
    controller.stop()
