"""What follows from the journal in other tables, written in the transaction of its events: the last visit of each
contact, agents' presence, notes from wrap-up, texts to those whom a callback didn't reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import customers, notes, outbox
from callcenter.campaigns import following, people
from callcenter.tables import agent_presence, contacts, queue_entries, skills_today

if TYPE_CHECKING:
    from callcenter.queues.journal import Fact

Messages = Callable[[str, str, str], str]
"""Called as messages(kind, queue, language) for the kinds `tried` and `failed`: the text to send, or "" for none."""

_FOLLOW: dict[str, Callable[[Connection, Any], None]] = {}
Follow = Callable[[Connection, Any], None]


def follow(conn: Connection, facts: Iterable[Fact], messages: Messages | None = None) -> None:
    """Bring the tables up to these facts, in order."""
    facts = list(facts)
    campaigns = people.of_contacts(conn, (fact.contact for fact in facts))
    for fact in facts:
        handler = _FOLLOW.get(fact.kind)
        if handler is not None:
            handler(conn, fact)
        person = campaigns.get(fact.contact)
        if person is not None:
            following.follow(conn, fact)
        asked_for = person is None or person.flow != ""  # whom a flow has called may have asked for a callback
        if asked_for and messages is not None and fact.kind in ("callback.tried", "callback.failed"):
            _send(conn, fact, messages)


def _on(*kinds: str) -> Callable[[Follow], Follow]:
    def register(handler: Follow) -> Follow:
        _FOLLOW.update(dict.fromkeys(kinds, handler))
        return handler

    return register


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _update(conn: Connection, fact: Fact, **values: Any) -> None:
    entry = sa.update(queue_entries).where(queue_entries.c.contact_id == fact.contact)
    conn.execute(entry.values(updated_at=_at(fact.at), **values))


@_on("queue.joined")
def _joined(conn: Connection, fact: Fact) -> None:
    data = fact.data
    absent = data["leg"] == "absent"
    values: dict[str, Any] = {
        "queue": fact.queue,
        "channel": data["channel"],
        "state": "waiting",
        "priority": int(data["priority"]),
        "joined_at": _at(data["joined_at"]),
        "updated_at": _at(fact.at),
        "customer_id": data["customer_id"],
        "holder": data["holder"],
        "agent": "",
        "offer": "",
        "why": "",
        "connected_at": None,
        "data": {
            "caller": data["caller"],
            "language": data["language"],
            "skills": json.loads(data["skills"]),
            "last_agent": data["last_agent"],
            "known_as": str(data.get("known_as") or "").split(),
            "data": json.loads(data["data"]),
        },
    }
    if not data.get("transferred"):  # what became of its callback stays known
        values |= {
            "number": data["number"] if absent else "",
            "callback": "requested" if absent else "",
            "requested_at": _at(float(data.get("requested_at") or fact.at)) if absent else None,
            "callback_at": _at(data["not_before"]) if absent and data["not_before"] else None,
            "attempts": int(data.get("attempts") or 0),
        }
    known = sa.update(queue_entries).where(queue_entries.c.contact_id == fact.contact)
    if conn.execute(known.values(**values)).rowcount == 0:
        conn.execute(sa.insert(queue_entries).values(contact_id=fact.contact, **values))


@_on("queue.left")
def _left(conn: Connection, fact: Fact) -> None:
    _update(conn, fact, state="left", why=str(fact.data.get("why", "")), agent="", offer="")


@_on("queue.moved")
def _moved(conn: Connection, fact: Fact) -> None:
    _update(conn, fact, queue=fact.queue)


@_on("queue.identified")
def _identified(conn: Connection, fact: Fact) -> None:
    known = sa.select(queue_entries.c.data).where(queue_entries.c.contact_id == fact.contact)
    data = conn.execute(known).scalar_one_or_none()
    if data is not None:
        known_as = str(fact.data["known_as"]).split()
        _update(conn, fact, customer_id=fact.data["customer_id"], data={**data, "known_as": known_as})


@_on("queue.priority")
def _priority(conn: Connection, fact: Fact) -> None:
    _update(conn, fact, priority=int(fact.data["priority"]))


@_on("offer.connected", "offer.restored")
def _connected(conn: Connection, fact: Fact) -> None:
    at = _at(float(fact.data.get("connected_at") or fact.at))
    _update(conn, fact, state="connected", agent=fact.agent, offer=fact.offer, connected_at=at)


@_on("offer.done")
def _done(conn: Connection, fact: Fact) -> None:
    # A transferred contact is in a queue again already, or was connected anew.
    over = sa.update(queue_entries).where(
        queue_entries.c.contact_id == fact.contact, queue_entries.c.offer == fact.offer
    )
    conn.execute(over.values(state="done", updated_at=_at(fact.at)))


@_on("estimate.promised")
def _promised(conn: Connection, fact: Fact) -> None:
    first = sa.update(queue_entries).where(
        queue_entries.c.contact_id == fact.contact, queue_entries.c.promised.is_(None)
    )
    conn.execute(first.values(promised=float(fact.data["seconds"])))


@_on("callback.requested", "callback.moved")
def _requested(conn: Connection, fact: Fact) -> None:
    at = _at(fact.data["at"]) if fact.data.get("at") else None
    values: dict[str, Any] = {"number": fact.data["number"], "callback": "requested", "callback_at": at, "holder": ""}
    if fact.kind == "callback.requested":
        values["requested_at"] = _at(fact.at)
    _update(conn, fact, **values)


@_on("callback.tried")
def _tried(conn: Connection, fact: Fact) -> None:
    _update(conn, fact, attempts=int(fact.data["attempts"]), callback_at=_at(fact.data["at"]))


@_on("callback.done", "callback.failed", "callback.cancelled")
def _closed(conn: Connection, fact: Fact) -> None:
    _update(conn, fact, callback=fact.kind.removeprefix("callback."))


@_on("agent.presence")
def _presence(conn: Connection, fact: Fact) -> None:
    values: dict[str, Any] = {
        "presence": fact.data["presence"],
        "reason": str(fact.data.get("reason", "")),
        "since": _at(fact.at),
    }
    if fact.data.get("device"):
        values["device"] = fact.data["device"]
    known = sa.update(agent_presence).where(agent_presence.c.agent == fact.agent)
    if conn.execute(known.values(**values)).rowcount == 0:
        conn.execute(sa.insert(agent_presence).values(agent=fact.agent, **values))


@_on("agent.skills")
def _skilled(conn: Connection, fact: Fact) -> None:
    changed = json.loads(str(fact.data["skills"]))
    conn.execute(sa.delete(skills_today).where(skills_today.c.agent == fact.agent))
    if changed:
        until = _at(float(fact.data["until"]))
        conn.execute(sa.insert(skills_today).values(agent=fact.agent, skills=changed, until=until))


@_on("wrap_up.done")
def _noted(conn: Connection, fact: Fact) -> None:
    text = str(fact.data.get("note") or "")
    if not text.strip():
        return
    found = conn.execute(sa.select(contacts.c.customer_id).where(contacts.c.id == fact.contact)).scalar_one_or_none()
    if found:
        try:
            notes.add(conn, found, text[: notes.LONGEST], author=f"agent:{fact.agent}", at=_at(fact.at),
                      contact_id=fact.contact)  # fmt: skip
        except customers.UnknownCustomer:
            return


def _send(conn: Connection, fact: Fact, messages: Messages) -> None:
    number = str(fact.data.get("number", ""))
    kind = fact.kind.removeprefix("callback.")
    body = messages(kind, fact.queue, str(fact.data.get("language", "")))
    # The last attempt is told by one text, not two.
    if not body or not number.startswith("+") or (kind == "tried" and fact.data.get("last")):
        return
    key = f"callback:{fact.contact}:{fact.data['attempts']}"
    outbox.queue(conn, channel="sms", to=number, body=body, at=_at(fact.at), contact_id=fact.contact,
                 author="system", dedupe_key=f"{key}:{kind}")  # fmt: skip


def open_entries(conn: Connection) -> list[dict[str, Any]]:
    """The rows of `queue_entries` that are in a queue or a conversation, the longest waiting first."""
    query = sa.select(queue_entries).where(queue_entries.c.state.in_(("waiting", "connected")))
    return [dict(row._mapping) for row in conn.execute(query.order_by(queue_entries.c.joined_at))]


def served_since(conn: Connection, wanted: Sequence[Mapping[str, Any]]) -> set[str]:
    """Those of these callbacks (rows of `queue_entries`) whose person has been in a conversation since asking, in
    another contact; the contact ids. Of two who share a telephone, and of whom it is known who they are, one isn't the
    other."""
    keys: dict[str, set[str]] = {
        row["contact_id"]: {
            f"customer:{row['customer_id']}", f"number:{row['number']}", *row["data"].get("known_as", ()),
        } - {"customer:", "number:"}
        for row in wanted if row["requested_at"] is not None
    }  # fmt: skip
    if not keys:
        return set()
    asked = {row["contact_id"]: row["requested_at"] for row in wanted}
    persons = {contact: _persons(some) for contact, some in keys.items()}
    known = {key for some in keys.values() for key in some}
    since = min(asked[contact] for contact in keys)
    talks: dict[str, list[tuple[datetime, str, set[str]]]] = {}
    query = (
        sa.select(
            queue_entries.c.contact_id, queue_entries.c.connected_at, queue_entries.c.customer_id,
            queue_entries.c.data, contacts.c.customer_id.label("settled"), contacts.c.caller,
        )
        .outerjoin(contacts, contacts.c.id == queue_entries.c.contact_id)
        .where(queue_entries.c.connected_at > since)
    )  # fmt: skip
    for talk in conn.execute(query):
        for key in {f"customer:{talk.customer_id}", f"customer:{talk.settled}", f"number:{talk.caller}"} & known:
            who = _persons(talk.data.get("known_as", ()))
            talks.setdefault(key, []).append((talk.connected_at, talk.contact_id, who))
    return {
        contact
        for contact, some in keys.items()
        if any(
            at > asked[contact]
            and other != contact
            and not (who and persons[contact] and who.isdisjoint(persons[contact]))
            for key in some
            for at, other, who in talks.get(key, ())
        )
    }


def _persons(known_as: Iterable[str]) -> set[str]:
    return {key for key in known_as if key.startswith("person:")}


def presences(conn: Connection) -> list[dict[str, Any]]:
    """The rows of `agent_presence` of agents who aren't signed out."""
    query = sa.select(agent_presence).where(agent_presence.c.presence != "offline")
    return [dict(row._mapping) for row in conn.execute(query.order_by(agent_presence.c.agent))]


def changed_skills(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """The rows of `skills_today` that still count."""
    query = sa.select(skills_today).where(skills_today.c.until > now).order_by(skills_today.c.agent)
    return [dict(row._mapping) for row in conn.execute(query)]
