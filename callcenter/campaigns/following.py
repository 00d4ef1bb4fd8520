"""What becomes of a campaign's calls, noted in the transaction that writes the journal into the events: once, whichever
process died in between."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import contacts, outbox
from callcenter.campaigns import people
from callcenter.campaigns.config import BY_AGENTS, BY_FLOW
from callcenter.campaigns.deciding import UNSURE
from callcenter.campaigns.people import Person
from callcenter.tables import queue_entries

if TYPE_CHECKING:
    from callcenter.queues.journal import Fact

KINDS: Final = frozenset(
    {"offer.connected", "offer.done", "callback.failed", "callback.cancelled", "queue.left", "wrap_up.done"}
)
WITH_AGENTS: Final = frozenset({"offer.connected", "wrap_up.done"})
"""What counts of somebody whom a flow called, and who asked for a person."""
REFUSED: Final = frozenset({people.DO_NOT_CONTACT, people.NO_CONSENT, people.SERVED, people.CANCELLED})
"""Why a callback was taken back for good; after anything else the person is looked at again."""
GOES_ON: Final = frozenset({"transferred", "taken_over", "agent_gone", "agent_lost"})
"""Why an agent's part of a conversation is over that goes on with another's."""
SOON: Final = timedelta(seconds=30)


def follow(conn: Connection, fact: Fact) -> None:
    """Note a fact of a campaign's contact."""
    if fact.kind not in KINDS:
        return
    found = people.of_contacts(conn, [fact.contact]).get(fact.contact)
    if found is None:  # a later call of the same person has begun meanwhile
        return
    if found.flow and fact.kind not in WITH_AGENTS:  # of those the flow's session tells (`placing`)
        return
    now = datetime.fromtimestamp(fact.at, UTC)
    match fact.kind, found.state:
        case "offer.connected", people.QUEUED:
            people.finish(conn, found, people.REACHED, now, agent=fact.agent, attempts=found.attempts + 1)
        case "callback.failed", people.QUEUED:
            outcome = str(fact.data.get("result") or "failed")
            tried(conn, found, outcome, now, settings=_settings(conn, fact.contact))
            contacts.end(conn, fact.contact, outcome=outcome, at=now)
        case "callback.cancelled", people.QUEUED:
            _cancelled(conn, found, str(fact.data.get("why") or ""), fact, now)
        case "queue.left", people.QUEUED:  # hung up while waiting for the next agent, after the first was lost
            tried(conn, found, "failed", now, settings=_settings(conn, fact.contact))
            contacts.end(conn, fact.contact, outcome="hung_up", at=now)
        case "queue.left", people.DONE:  # ... or after a transfer
            contacts.end(conn, fact.contact, outcome="hung_up", at=now)
        case "offer.done", _ if fact.data.get("why") not in GOES_ON:
            contacts.end(conn, fact.contact, outcome="completed", at=now)
        case "wrap_up.done", people.DONE if found.result == people.REACHED:
            _coded(conn, found, str(fact.data.get("code") or ""), fact, now)


def _cancelled(conn: Connection, person: Person, why: str, fact: Fact, now: datetime) -> None:
    if why == "on_the_line" and fact.data.get("by") == fact.contact:
        return  # already on the line, and waiting for the next agent
    if why == people.DECLINED:
        people.call_no_more(conn, person, source="campaign", now=now)
        people.finish(conn, person, people.DECLINED, now, attempts=person.attempts + 1)
    elif why in REFUSED and not (why == people.SERVED and fact.data.get("by")):
        people.finish(conn, person, why, now)
    else:  # paused, out of hours, or served in another contact: `deciding` says what that means
        people.again(conn, person, now + SOON if why == UNSURE else now, now)
    contacts.end(conn, fact.contact, outcome=why if why == people.DECLINED else "not_called", at=now)


def _coded(conn: Connection, person: Person, code: str, fact: Fact, now: datetime) -> None:
    """The agent's wrap-up code, and what follows from it."""
    if not code:
        return
    settings = _settings(conn, fact.contact)
    means = dict(settings.get("codes") or {}).get(code, "")
    if means == people.DO_NOT_CONTACT:
        people.call_no_more(conn, person, source=f"agent:{fact.agent}", now=now)
        people.finish(conn, person, people.DO_NOT_CONTACT, now, before=people.DONE, code=code)
    elif means:
        # The connection was counted as an attempt already.
        tried(conn, person, means, now, settings=settings, before=people.DONE, counted=1)
    else:
        people.finish(conn, person, people.REACHED, now, before=people.DONE, code=code)


def tried(
    conn: Connection,
    person: Person,
    outcome: str,
    now: datetime,
    *,
    settings: Mapping[str, Any],
    before: str = people.QUEUED,
    counted: int = 0,
) -> None:
    """A call that came to nothing, or the last one. `settings` are the campaign's, as its calls carry them (`calls`);
    `counted` as in `people.tried`."""
    spacing = dict(settings.get("spacing") or {}).get(outcome, 3600.0)
    last = people.tried(
        conn, person, outcome, now, most=int(settings.get("attempts") or 1), spacing=float(spacing), before=before,
        counted=counted,
    )  # fmt: skip
    text = str(settings.get("text") or "")
    if last and text and person.number.startswith("+"):
        outbox.queue(conn, channel="sms", to=person.number, body=text, author="system", purpose="reminder", at=now,
                     dedupe_key=f"campaign:{person.id}:missed", contact_id=person.contact_id)  # fmt: skip


def _settings(conn: Connection, contact_id: str) -> Mapping[str, Any]:
    """What the campaign said when the call was begun (`calls`)."""
    query = sa.select(queue_entries.c.data).where(queue_entries.c.contact_id == contact_id)
    data = conn.execute(query).scalar_one_or_none() or {}
    given = data.get("data") or {}
    found: Mapping[str, Any] = given.get(BY_AGENTS) or given.get(BY_FLOW) or {}
    return found
