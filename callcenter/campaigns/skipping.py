"""An agent looks at whom to call, and skips them with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from callcenter import contacts
from callcenter.campaigns import people
from callcenter.campaigns.config import BY_AGENTS


class NoReason(ValueError):
    """The campaign knows no such reason."""


def reasons(given: Mapping[str, Any]) -> dict[str, str]:
    """The reasons that an agent may have, with what follows, by what the queue's entry gives (`Queues.context`); none
    where its agents don't look first."""
    found: dict[str, str] = (given.get(BY_AGENTS) or {}).get("skips") or {}
    return found


def skip(conn: Connection, contact_id: str, given: Mapping[str, Any], agent: str, reason: str, now: datetime) -> bool:
    """The person isn't called: later, or never, as the campaign says for this reason. Then the callback is to be taken
    back. False where the person isn't to be called by this contact any more. Raises `NoReason`."""
    follows = reasons(given).get(reason)
    if follows is None:
        raise NoReason(reason)
    person = people.of_contacts(conn, [contact_id]).get(contact_id)
    if person is None:
        return False
    if follows == "later":
        at = now + timedelta(seconds=float(given[BY_AGENTS]["spacing"]["skipped"]))
        done = people.skipped(conn, person, agent, reason, at, now)
    elif follows == people.DO_NOT_CONTACT:
        done = people.finish(conn, person, people.DO_NOT_CONTACT, now, agent=agent, code=reason)
        if done:
            people.call_no_more(conn, person, source=f"agent:{agent}", now=now)
    else:
        done = people.finish(conn, person, people.SKIPPED, now, agent=agent, code=reason)
    if done:
        contacts.end(conn, contact_id, outcome=people.SKIPPED, at=now)
    return done
