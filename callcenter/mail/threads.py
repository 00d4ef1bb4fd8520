"""Which contact a mail continues: by the Message-ID of ours that it answers, by the plus-address that it came to, never
by its subject."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.customers import members
from callcenter.mail.addresses import token
from callcenter.mail.model import Mail
from callcenter.messages.inbound import address
from callcenter.tables import contacts, identifiers, messages

_OURS = re.compile(r"([0-9a-f]{32})@[^@\s]+")
_SAFE_ID = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,250}")
MOST_REFERENCES = 20
"""That are kept and sent on; the first one, which names the thread, and the last ones."""


@dataclass(frozen=True, slots=True)
class Thread:
    """`contact_id` is the contact that the mail continues; "" if none. `refused` is the message of ours that it claims
    to answer, where its sender isn't the one we wrote to."""

    contact_id: str = ""
    refused: str = ""


def ours(ids: Sequence[str]) -> list[str]:
    """The messages of ours among Message-IDs, whose local part is the message's id."""
    return [found[1] for found in map(_OURS.fullmatch, ids) if found]


def find(conn: Connection, mail: Mail, sender: str, recipients: Sequence[str]) -> Thread:
    """The thread of a mail from `sender`.

    A reference is only as good as its sender: the mail joins the contact if it comes from the address that we wrote to,
    from whom the contact is with, or from an address that is proven to be the same customer's. Anybody else who
    answers, because our mail was forwarded to them or because they forge references, gets a contact of their own.
    """
    named = [*ours(mail.in_reply_to), *ours(tuple(reversed(mail.references)))]
    tagged = [token(each) for each in (*recipients, *(each.address for each in mail.recipients))]
    refused = ""
    for message_id in dict.fromkeys([*named, *filter(None, tagged)]):
        query = sa.select(messages.c.contact_id, messages.c.to).where(
            messages.c.id == message_id, messages.c.direction == "out", messages.c.channel == "email"
        )
        row = conn.execute(query).one_or_none()
        if row is None or row.contact_id is None:
            continue
        if _may_join(conn, row.contact_id, row.to, sender):
            return Thread(row.contact_id)
        refused = refused or message_id
    return Thread(refused=refused)


def _may_join(conn: Connection, contact_id: str, to: str, sender: str) -> bool:
    who = address("email", sender)
    if who == _normal(to):
        return True
    query = sa.select(contacts.c.caller, contacts.c.channel, contacts.c.customer_id).where(contacts.c.id == contact_id)
    contact = conn.execute(query).one_or_none()
    if contact is None:
        return False
    if contact.channel == "email" and who == _normal(contact.caller):
        return True
    proven = sa.select(identifiers.c.id).where(
        identifiers.c.kind == "email",
        identifiers.c.value == who,
        identifiers.c.proven_at.is_not(None),
        identifiers.c.customer_id.in_(members(contact.customer_id)),
    )
    return contact.customer_id is not None and conn.execute(proven).first() is not None


def _normal(value: str) -> str:
    try:
        return address("email", value)
    except ValueError:
        return value


def of_answer(reply_to: Mapping[str, Any]) -> dict[str, str]:
    """The headers of an answer to a mail that was taken in with this `meta` (RFC 5322, 3.6.4)."""
    answered = _ids([reply_to.get("message_id")])
    if not answered:
        return {}
    before = [each for each in _ids(reply_to.get("references") or ()) if each != answered[0]]
    chain = [*before, answered[0]]
    if len(chain) > MOST_REFERENCES:
        chain = [chain[0], *chain[-MOST_REFERENCES + 1 :]]
    return {"In-Reply-To": f"<{answered[0]}>", "References": " ".join(f"<{each}>" for each in chain)}


def _ids(values: Any) -> list[str]:
    """Those that can stand in a header."""
    return [
        each
        for each in values
        if isinstance(each, str) and re.fullmatch(r"[\x21-\x7e]{1,250}", each) and "<" not in each
    ]
