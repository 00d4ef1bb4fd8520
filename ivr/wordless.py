"""Messages that are files and no words: where a flow asks for something else they are acknowledged, kept for whoever
looks at the contact, and the question stands."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import outbox
from callcenter.messages import inbound as inbox
from callcenter.tables import messages
from ivr.runner import Runner
from ivr.store import Stored
from ivr.threads import answering, reply_to

PROMPT = "system.file_received"
WORDS = "Thank you, we have received {files}."


def stray(runner: Runner, message: Any, stored: Stored | None) -> bool:
    """Whether a message has no words while its flow waits for some. An open question takes files for an answer: their
    names stand for the words."""
    if stored is None or message.body.strip():
        return False
    flow, name = stored.session.stack[-1]
    step: Any = runner.published.get(stored.session.flow_hash).flows[flow].steps[name]
    return getattr(step, "as_", "") != "text"


def acknowledge(runner: Runner, contact: Any, message: Any, stored: Stored, names: str) -> list[str]:
    """Take the message and queue the answer to it; its id, or nothing where another process was first. What could be
    chosen can still be chosen."""
    session = stored.session
    text = runner.published.get(session.flow_hash).text(session.language, PROMPT) or WORDS
    now = runner.now()
    with runner.engine.begin() as conn:
        if not inbox.handle(conn, message.id, now):
            return []
        return [
            outbox.queue(
                conn,
                channel=contact.channel,
                to=contact.caller,
                sender=contact.called,
                body=text.replace("{files}", names),
                subject=answering(message.subject),
                meta={"reply_to": reply_to(message), **_choices(conn, contact.id)},
                contact_id=contact.id,
                author=inbox.FLOW,
                dedupe_key=f"files:{message.id}",
                at=now,
            )
        ]


def _choices(conn: Connection, contact_id: str) -> dict[str, Any]:
    query = sa.select(messages.c.meta).where(messages.c.contact_id == contact_id, messages.c.direction == "out")
    last = conn.execute(query.order_by(messages.c.created_at.desc(), messages.c.id.desc()).limit(1)).scalar()
    return {"choices": last["choices"]} if last and last.get("choices") else {}
