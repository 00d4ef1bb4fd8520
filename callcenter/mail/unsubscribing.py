"""The link by which whoever gets notices and reminders by mail stops them, in one click (RFC 8058).

It names the message, not the address, and counts for more than a year: old mails are found, too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import consent, opt_outs
from callcenter.desk.secret import key_from
from callcenter.messages.keywords import obey
from callcenter.tables import messages
from callcenter.tickets import Tickets

PURPOSE = "unsubscribe"
SECONDS = 400 * 24 * 3600.0
CHANNEL = "email"


class LinkSettings(Protocol):
    """`public_base_url` is "" where there is none; `session_key` is "" where the key is in `data_dir`."""

    public_base_url: str
    session_key: str
    data_dir: Path


def links(settings: LinkSettings) -> Callable[[str], str] | None:
    """What makes the link of a message from its id; `None` where there can be none: mail programs only follow https."""
    public = settings.public_base_url.rstrip("/")
    if not public.startswith("https://"):
        return None
    try:
        tickets = Tickets(key_from(settings.session_key, settings.data_dir / "session.key").derived("tickets"))
    except (ValueError, OSError):
        return None  # the web process says what is wrong with it, and couldn't read our links either
    return lambda message_id: f"{public}/unsubscribe/{tickets.issue(PURPOSE, message_id)}"


def find(conn: Connection, message_id: str) -> Any:
    """The mail of ours that a link is in; `None` if there is none any more."""
    query = sa.select(messages).where(messages.c.id == message_id, messages.c.channel == CHANNEL)
    return conn.execute(query.where(messages.c.direction == "out")).one_or_none()


def stopped(conn: Connection, message: Any) -> bool:
    """Whether its address gets no more already."""
    return consent.refusal(conn, CHANNEL, message.to) == "stopped"


def stop(conn: Connection, message: Any, at: datetime) -> None:
    """Its address gets no more of what isn't an answer; once more changes nothing."""
    if not stopped(conn, message):
        obey(conn, "stop", channel=CHANNEL, address=message.to, contact_id=message.contact_id or "", at=at,
             source=opt_outs.LINK)  # fmt: skip
