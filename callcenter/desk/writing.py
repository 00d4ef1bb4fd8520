"""What an agent writes: in the thread that is open, or on another channel of the same customer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from werkzeug.datastructures import FileStorage

from callcenter import consent, contacts, customers, files
from callcenter.desk.visit import Refused, Visit
from callcenter.files import LIMITS
from callcenter.messages.inbound import CHANNELS
from callcenter.tables import contacts as contacts_table

LONGEST = 20_000
BY_KIND = {"phone": ("sms", "whatsapp"), "email": ("email",)}


def ways(conn: Connection, contact: Any) -> list[tuple[str, str]]:
    """(channel, address) pairs by which this customer can be answered, the thread's own first."""
    found = [(contact.channel, contact.caller)] if contact.channel in CHANNELS else []
    if contact.customer_id:
        for known in customers.get(conn, contact.customer_id).identifiers:
            if known.kind == "social" and known.value.startswith("messenger:"):
                found.append(("messenger", known.value.partition(":")[2]))
            found += [(channel, known.value) for channel in BY_KIND.get(known.kind, ())]
    return list(dict.fromkeys(found))


def thread_for(visit: Visit, contact: Any, channel: str, address: str) -> str:
    """The contact in which a message on this channel goes out: the one at hand, another open one with that address,
    or a new one. Raises `Refused` where that is another agent's, or the customer doesn't want it."""
    conn, me = visit.conn, visit.user.by
    own = (channel, address) == (contact.channel, contact.caller)
    if own and contact.ended_at is None:
        return str(contact.id)
    if (channel, address) not in ways(conn, contact):
        raise Refused(visit.t("This customer has no such address."))
    if consent.refusal(conn, channel, address, customer_id=contact.customer_id):
        raise Refused(visit.t("The customer doesn't want to be contacted this way."))
    if channel == "chat":
        raise Refused(visit.t("The chat has ended; choose another channel."))
    known: Any = contacts.open_thread(conn, channel, address)
    if known is not None:
        if known.served_by.startswith("agent:") and known.served_by != me:
            raise Refused(visit.t("Another agent is writing with this customer there."))
        contacts.set_served_by(conn, known.id, me, visit.now)
        return str(known.id)
    started = contacts.start(
        conn, channel=channel, caller=address, called="", at=visit.now, direction="out", language=contact.language,
        served_by=me,
    )  # fmt: skip
    values = {"customer_id": contact.customer_id}
    conn.execute(sa.update(contacts_table).where(contacts_table.c.id == started).values(values))
    return started


def attached(visit: Visit, contact_id: str, uploads: list[FileStorage], now: datetime) -> list[str]:
    """Keep what was attached; gives the files' ids. Raises `Refused` for one that can't be sent."""
    if len(uploads) > LIMITS.count:
        raise Refused(visit.t("At most %(count)s files with a message.", count=LIMITS.count))
    kept = []
    for upload in uploads:
        with upload.stream as stream:
            data = stream.read(LIMITS.size + 1)
        name = files.shown_name(upload.filename or "")
        media_type = upload.mimetype or "application/octet-stream"
        if files.refusal(name, media_type, len(data)):
            raise Refused(visit.t("The file %(name)s can't be sent: its kind or size isn't allowed.", name=name))
        kept.append(
            files.store(visit.conn, visit.desk.config.files_dir, data, name=name, media_type=media_type,
                        contact_id=contact_id, at=now)
        )  # fmt: skip
    return kept
