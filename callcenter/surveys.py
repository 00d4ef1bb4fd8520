"""What customers think of the service: scores in the event log, one answer to each question for a contact."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from callcenter import events, locks

SCALES = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}
"""The least and the highest score: customer satisfaction, net promoter score, customer effort score."""
LONGEST_COMMENT = 2000


class OutOfScale(ValueError):
    """The question has no such score."""


def answered(conn: Connection, contact_id: str, kind: str) -> bool:
    """Whether this contact's customer has answered the question."""
    known = (event for event in events.of_contact(conn, contact_id) if event.kind == "survey")
    return any(event.data.get("kind") == kind for event in known)


def keep(
    conn: Connection, contact_id: str, session_id: str | None, kind: str, score: int, at: datetime, comment: str = ""
) -> bool:
    """Keep an answer; False where there is one already: the first counts. Raises `OutOfScale`, and KeyError for a kind
    that there isn't."""
    least, most = SCALES[kind]
    if not least <= score <= most:
        raise OutOfScale(f"{kind} is {least} to {most}")
    locks.hold(conn, f"survey:{contact_id}")
    if answered(conn, contact_id, kind):
        return False
    data = {"kind": kind, "score": score, **({"comment": comment} if comment else {})}
    events.record(conn, contact_id, session_id, "survey", data, at)
    return True
