"""Cases: what a customer wants settled, over as many contacts as it takes.

open ──> pending ──> resolved ──> reopened ──> pending or resolved
  └──────────────────────┘
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter import customers, webhooks
from callcenter.customers import before_bound, members
from callcenter.tables import case_changes, case_contacts, cases, contacts

Status = Literal["open", "pending", "resolved", "reopened"]
NEXT: dict[Status, frozenset[Status]] = {
    "open": frozenset({"pending", "resolved"}),
    "pending": frozenset({"open", "resolved"}),
    "resolved": frozenset({"reopened"}),
    "reopened": frozenset({"pending", "resolved"}),
}
LONGEST = 200


class UnknownCase(LookupError):
    """There is no case with this id."""


class WrongStatus(ValueError):
    """A case can't go from its status to that one."""


@dataclass(frozen=True, slots=True)
class Case:
    """`customer_id` is whom it was opened for, also after a merge."""

    id: str
    customer_id: str
    subject: str
    status: Status
    opened_by: str
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None


def open_case(
    conn: Connection, customer_id: str, subject: str, *, by: str, at: datetime, contact_id: str | None = None
) -> Case:
    """Open a case; `by` is a flow, an agent or an API key. Raises `UnknownCustomer`, ValueError for an empty or too
    long subject, and LookupError for an unknown contact."""
    if not subject.strip() or len(subject) > LONGEST:
        raise ValueError(f"a case's subject has 1 to {LONGEST} characters")
    kept = customers.keeper(conn, customer_id, contact_id=contact_id)
    case = Case(uuid.uuid4().hex, kept, subject.strip(), "open", by, at, at, None)
    conn.execute(sa.insert(cases).values({name: getattr(case, name) for name in case.__slots__}))
    _changed(conn, case.id, "open", by, "", at)
    if contact_id is not None:
        attach(conn, case.id, contact_id, at=at)
    webhooks.emit(conn, "case.opened", {"case_id": case.id, "customer_id": kept}, at)
    return case


def change(conn: Connection, case_id: str, status: Status, *, by: str, at: datetime, reason: str = "") -> Case:
    """Bring a case to another status; the same one changes nothing. Raises `UnknownCase`, `WrongStatus`."""
    case = get(conn, case_id, lock=True)
    if case.status == status:
        return case
    if status not in NEXT[case.status]:
        raise WrongStatus(f"a case that is {case.status} can become {' or '.join(sorted(NEXT[case.status]))}")
    resolved_at = at if status == "resolved" else None
    values = {"status": status, "updated_at": at, "resolved_at": resolved_at}
    conn.execute(sa.update(cases).where(cases.c.id == case_id).values(values))
    _changed(conn, case_id, status, by, reason, at)
    data = {"case_id": case_id, "customer_id": case.customer_id, "status": status}
    webhooks.emit(conn, "case.changed", data, at)
    return get(conn, case_id)


def attach(conn: Connection, case_id: str, contact_id: str, *, at: datetime) -> bool:
    """Let a contact be part of a case; False when it is already. Raises `UnknownCase`, and LookupError for an unknown
    contact."""
    get(conn, case_id, lock=True)
    if conn.execute(sa.select(contacts.c.id).where(contacts.c.id == contact_id)).first() is None:
        raise LookupError(f"there is no contact {contact_id}")
    link = (case_contacts.c.case_id == case_id, case_contacts.c.contact_id == contact_id)
    if conn.execute(sa.select(case_contacts.c.at).where(*link)).first():
        return False
    conn.execute(sa.insert(case_contacts).values(case_id=case_id, contact_id=contact_id, at=at))
    conn.execute(sa.update(cases).where(cases.c.id == case_id).values(updated_at=at))
    return True


def get(conn: Connection, case_id: str, *, lock: bool = False) -> Case:
    """Raises `UnknownCase`."""
    query = sa.select(cases).where(cases.c.id == case_id)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise UnknownCase(case_id)
    return Case(**row._mapping)


def contacts_of(conn: Connection, case_id: str) -> list[str]:
    """The ids of a case's contacts in the order in which they were attached."""
    query = sa.select(case_contacts.c.contact_id).where(case_contacts.c.case_id == case_id)
    return list(conn.execute(query.order_by(case_contacts.c.at, case_contacts.c.contact_id)).scalars())


def open_of_contact(conn: Connection, contact_id: str) -> list[str]:
    """The ids of the cases that a contact is part of and that aren't resolved, the oldest first."""
    query = sa.select(cases.c.id).join(case_contacts, case_contacts.c.case_id == cases.c.id)
    query = query.where(case_contacts.c.contact_id == contact_id, cases.c.status != "resolved")
    return list(conn.execute(query.order_by(cases.c.opened_at, cases.c.id)).scalars())


def history(conn: Connection, case_id: str) -> Sequence[Row[Any]]:
    """The changes of a case's status, the oldest first."""
    return conn.execute(
        sa.select(case_changes).where(case_changes.c.case_id == case_id).order_by(case_changes.c.id)
    ).all()


def unresolved(conn: Connection, customer_id: str) -> list[Case]:
    """A person's cases that aren't resolved, the newest first."""
    query = sa.select(cases).where(cases.c.customer_id.in_(members(customer_id)), cases.c.status != "resolved")
    return [Case(**row._mapping) for row in conn.execute(query.order_by(cases.c.opened_at.desc(), cases.c.id))]


def listed(
    conn: Connection,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
    customer_id: str | None = None,
    status: Status | None = None,
    unresolved: bool = False,
) -> list[Case]:
    """Cases, the newest first; `before` is the last one's (opened_at, id). `unresolved`: whatever isn't resolved."""
    query = sa.select(cases)
    if customer_id is not None:
        query = query.where(cases.c.customer_id.in_(members(customer_id)))
    if status is not None:
        query = query.where(cases.c.status == status)
    if unresolved:
        query = query.where(cases.c.status != "resolved")
    if before is not None:
        query = query.where(sa.tuple_(cases.c.opened_at, cases.c.id) < before_bound(cases.c.opened_at, before))
    rows = conn.execute(query.order_by(cases.c.opened_at.desc(), cases.c.id.desc()).limit(limit))
    return [Case(**row._mapping) for row in rows]


def _changed(conn: Connection, case_id: str, status: str, by: str, reason: str, at: datetime) -> None:
    conn.execute(sa.insert(case_changes).values(case_id=case_id, at=at, status=status, by=by, reason=reason))
