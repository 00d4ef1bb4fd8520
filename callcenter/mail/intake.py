"""What becomes of a mail that has come: a message in its contact, or a note about one that we sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import contacts, events, undeliverable
from callcenter.db import reading
from callcenter.mail import threads
from callcenter.mail.addresses import OurAddresses, plain
from callcenter.mail.bounces import Bounce
from callcenter.mail.classify import Verdict, classify
from callcenter.mail.model import Mail
from callcenter.mail.parse import parse
from callcenter.messages import inbound as inbox
from callcenter.messages.inbound import Inbound, InboundFile, Received
from callcenter.messages.masking import masked
from callcenter.messages.rules import KEYWORD
from callcenter.tables import contacts as contacts_table
from callcenter.tables import messages

HOUR = timedelta(hours=1)
_DELIVERED = ("delivered-to", "x-original-to", "envelope-to")
"""Where servers write down whom the envelope named."""
_UNDER_WAY = ("sending", "sent", "unknown")


class RefusedMail(Exception):
    """A mail that is never taken; the words say why."""


class Take(Protocol):
    """Stores a message and has it answered in the background (`ivr.conversations.Conversations.take`)."""

    def __call__(self, inbound: Inbound, *, wait: bool) -> Received: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a mail. `message_id` and `contact_id` are "" where it belongs to none; `answered` where the flow
    or an agent gets it."""

    verdict: Verdict
    message_id: str = ""
    contact_id: str = ""
    answered: bool = False
    duplicate: bool = False


class Intake:
    """Thread-safe. `per_hour` answers of flows go to one sender in an hour; what is beyond is a loop."""

    def __init__(
        self,
        engine: Engine,
        ours: OurAddresses,
        take: Take,
        *,
        files_dir: Path,
        clock: Callable[[], datetime],
        per_hour: int = 20,
        region: Callable[[], str] = lambda: "",
    ) -> None:
        self._engine = engine
        self.ours = ours
        self._take = take
        self._files_dir = files_dir
        self._clock = clock
        self._per_hour = per_hour
        self._region = region

    def __call__(
        self, data: bytes, recipients: Sequence[str] = (), envelope_sender: str | None = None, *, cut: bool = False
    ) -> Taken:
        """Take a mail in; it is stored when this returns. `recipients` are of the envelope, empty where there is none;
        `envelope_sender` is "" for the null sender, None where it isn't known. `cut`: these are only its first bytes,
        the rest is too much.

        Raises RefusedMail, `OSError` where a file can't be kept and SQLAlchemy's errors when the database is away:
        then nothing has been stored, and it may be given again.
        """
        mail = parse(data)
        recipients = recipients or tuple(value for name in _DELIVERED for value in mail.headers.get(name, ()))
        verdict = classify(mail, self.ours.__contains__, envelope_sender)
        if verdict.bounce is not None:
            return self._bounced(verdict, verdict.bounce)
        if mail.sender is None:
            raise RefusedMail("From doesn't hold one mailbox")
        try:
            inbox.address("email", mail.sender.address)
        except ValueError:
            raise RefusedMail("From can't be an address") from None
        with reading(self._engine) as conn:
            thread = threads.find(conn, mail, mail.sender.address, recipients)
            if verdict.answered and self._too_often(conn, mail.sender.address):
                verdict = Verdict("loop", f"more than {self._per_hour} answers in an hour")
        inbound = self._inbound(mail, verdict, thread, recipients, cut)
        received = self._take(inbound, wait=False) if verdict.answered else self._record(inbound, verdict)
        if thread.refused and not received.duplicate:
            with self._engine.begin() as conn:
                data_ = {"message": received.message_id, "answers": thread.refused, "why": "another_sender"}
                events.record(conn, received.contact_id, None, "thread_refused", data_, self._clock())
        return Taken(verdict, received.message_id, received.contact_id, verdict.answered, received.duplicate)

    def _inbound(
        self, mail: Mail, verdict: Verdict, thread: threads.Thread, recipients: Sequence[str], cut: bool
    ) -> Inbound:
        assert mail.sender is not None
        written = (*recipients, *(each.address for each in mail.recipients))
        to = next((plain(each) for each in written if each in self.ours), self.ours.first)
        # Pictures of signatures mustn't take the places of what was attached.
        files = sorted(mail.attachments, key=lambda each: each.inline)
        return Inbound(
            channel="email",
            sender=mail.sender.address,
            to=to.lower(),
            # Many put the whole question into the subject.
            text=mail.new or (mail.subject if not mail.text and not mail.in_reply_to else ""),
            provider_id=mail.digest,
            subject=mail.subject,
            thread=thread.contact_id,
            html=mail.html,
            files=() if cut else tuple(InboundFile(each.name, each.media_type, each.data) for each in files),
            refused=tuple((each.name, "too_large") for each in files) if cut else (),
            meta=_meta(mail, verdict, thread),
        )

    def _record(self, inbound: Inbound, verdict: Verdict) -> Received:
        """Store what is never answered. A contact that began with it is over."""
        now = self._clock()
        with self._engine.begin() as conn:
            received = inbox.receive(conn, inbound, now, region=self._region(), files_dir=self._files_dir)
            if received.duplicate:
                return received
            inbox.handle(conn, received.message_id, now)
            data = {"message": received.message_id, "kind": verdict.kind, "why": verdict.why}
            events.record(conn, received.contact_id, None, "mail_not_answered", data, now)
            if received.started:
                contacts.end(conn, received.contact_id, outcome=verdict.kind, at=now)
            return received

    def _too_often(self, conn: Connection, sender: str) -> bool:
        now = self._clock()
        theirs = sa.select(contacts_table.c.id).where(
            contacts_table.c.channel == "email", contacts_table.c.caller == inbox.address("email", sender)
        )
        recent = theirs.where(contacts_table.c.started_at > now - HOUR).union(
            theirs.where(contacts_table.c.ended_at.is_(None))
        )
        answers = sa.select(sa.func.count()).where(
            messages.c.contact_id.in_(sa.select(recent.subquery().c.id)),
            messages.c.direction == "out",
            messages.c.author == inbox.FLOW,
            messages.c.created_at > now - HOUR,
        )
        return int(conn.execute(answers).scalar_one()) >= self._per_hour

    # Bounces

    def _bounced(self, verdict: Verdict, bounce: Bounce) -> Taken:
        now = self._clock()
        with self._engine.begin() as conn:
            row = _about(conn, bounce)
            if row is None:
                return Taken(verdict)
            changed = _note(conn, row, bounce, now)
        return Taken(verdict, row.id, row.contact_id or "", duplicate=not changed)


def _about(conn: Connection, bounce: Bounce) -> Any:
    for message_id in threads.ours(bounce.about):
        query = sa.select(messages).where(messages.c.id == message_id, messages.c.direction == "out")
        row = conn.execute(query).one_or_none()
        if row is not None:
            return row
    return None


def _note(conn: Connection, row: Any, bounce: Bounce, now: datetime) -> bool:
    """Write down what became of a message; False when that was known."""
    data = {"message": row.id, "channel": "email", "status": bounce.status, "error": masked(bounce.reason)}
    if bounce.action == "delayed":
        events.record(conn, row.contact_id, None, "message_delayed", data, now)
        return True
    values: dict[str, Any]
    before: tuple[str, ...]
    if bounce.action == "delivered":
        before, values = _UNDER_WAY, {"status": "delivered", "delivered_at": now, "error": ""}
    else:
        # "failed" is final whatever the class of its status: the other server has given up (RFC 3464, 2.3.3).
        reason = " ".join(filter(None, (bounce.status, data["error"]))) or "returned by the other mail server"
        before, values = (*_UNDER_WAY, "delivered"), {"status": "failed", "error": reason}
    change = sa.update(messages).where(messages.c.id == row.id, messages.c.status.in_(before))
    if conn.execute(change.values(values)).rowcount != 1:
        return False
    events.record(conn, row.contact_id, None, f"message_{values['status']}", data, now)
    if bounce.nobody:
        undeliverable.mark(conn, "email", row.to, code=bounce.status, reason=data["error"] or values["error"], at=now,
                           contact_id=row.contact_id, message_id=row.id)  # fmt: skip
    return True


def _keyword(mail: Mail) -> str:
    """The subject that our List-Unsubscribe asks for (`callcenter.mail.compose`), and the word that undoes it."""
    if mail.subject.strip().casefold() == "unsubscribe":
        return "stop"
    return "start" if mail.new.strip().casefold() == "start" else ""


def _meta(mail: Mail, verdict: Verdict, thread: threads.Thread) -> dict[str, Any]:
    """What answers and agents need, without what is empty."""
    sender = mail.sender
    found = {
        "message_id": mail.message_id,
        "references": list(mail.references[-threads.MOST_REFERENCES :]),
        "from_name": masked(sender.name)[:200] if sender else "",
        "signature": masked(mail.signature)[:1000],
        "copies": [masked(each.address)[:320] for each in mail.recipients][:20],
        "date": mail.date.isoformat() if mail.date else "",
        "calendar": mail.calendar,
        KEYWORD: _keyword(mail) if verdict.answered else "",
        "not_answered": "" if verdict.answered else verdict.kind,
        "thread_refused": thread.refused,
        "oddities": list(mail.oddities),
    }
    return {name: value for name, value in found.items() if value}
