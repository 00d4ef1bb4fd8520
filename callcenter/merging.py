"""Merging two customers into one person, and undoing it exactly.

A merge is one pointer, `merged_into`, from one root to another, and a line in the journal. No row of either history
moves: contacts, identifiers, notes and cases keep the customer that they belong to, and are read for all who share a
root. What comes in later goes to the customer whose identifier it came by. So undoing a merge takes one pointer back,
in any order, and each person has all of their own again, with what has come since. What was changed on the person
while it was merged was changed on the root's row, and stays there.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import locks, webhooks
from callcenter.customers import UnknownCustomer, root
from callcenter.identifiers import STRONG, normalise
from callcenter.queues import identifying
from callcenter.tables import customers, identifiers, merges

LOCK = "merging"
"""Of all merging: it is rare, and pointers must never form a ring."""


class NotMergeable(ValueError):
    """These two can't be merged, or the merge can't be undone; the words say why."""


class WeakIdentifier(NotMergeable):
    """A shared identifier is no reason to merge unless both have proven it."""


@dataclass(frozen=True, slots=True)
class Merge:
    """`survivor_id` and `absorbed_id` are the roots of then."""

    id: str
    survivor_id: str
    absorbed_id: str
    by: str
    because: Any
    at: datetime
    undone_at: datetime | None
    undone_by: str | None


def merge(
    conn: Connection,
    survivor_id: str,
    absorbed_id: str,
    *,
    by: str,
    at: datetime,
    identifier: tuple[str, str] | None = None,
) -> str:
    """These two are one person, whom `survivor_id` stands for from now on; returns the merge's id.

    `by` is the person or program that says so. A program that goes by a shared `identifier` (kind, value) names it:
    both must have proven it by more than caller id. Raises `UnknownCustomer`, `WeakIdentifier`, and `NotMergeable`
    where they are one person already.
    """
    if not by.strip():
        raise NotMergeable("a merge needs somebody who decided it")
    locks.hold(conn, LOCK)
    survivor, absorbed = root(conn, survivor_id), root(conn, absorbed_id)
    if survivor == absorbed:
        raise NotMergeable("they are one person already")
    because: dict[str, str] = {}
    if identifier is not None:
        kind, value = identifier[0], normalise(*identifier)
        for person in (survivor, absorbed):
            _strong(conn, person, kind, value)
        because = {"kind": kind, "value": value}
    merge_id = uuid.uuid4().hex
    conn.execute(
        sa.insert(merges).values(id=merge_id, survivor_id=survivor, absorbed_id=absorbed, by=by, because=because, at=at)
    )
    conn.execute(sa.update(customers).where(customers.c.id == absorbed).values(merged_into=survivor))
    conn.execute(sa.update(customers).where(customers.c.root_id == absorbed).values(root_id=survivor))
    members = sa.select(customers.c.id).where(customers.c.root_id == survivor)
    identifying.merged(conn, conn.execute(members).scalars(), at)
    data = {"merge_id": merge_id, "customer_id": survivor, "absorbed_id": absorbed}
    webhooks.emit(conn, "customer.merged", data, at)
    return merge_id


def undo(conn: Connection, merge_id: str, *, by: str, at: datetime) -> Merge:
    """They are two persons after all. Merges before and after this one stand. Raises LookupError for an unknown
    merge, `NotMergeable` for one that was undone."""
    locks.hold(conn, LOCK)
    found = get(conn, merge_id)
    if found.undone_at is not None:
        raise NotMergeable("this merge was undone already")
    was_root = root(conn, found.absorbed_id)
    pointers = conn.execute(sa.select(customers.c.id, customers.c.merged_into).where(customers.c.root_id == was_root))
    merged: dict[str, list[str]] = {}
    for row in pointers:
        merged.setdefault(row.merged_into, []).append(row.id)
    leaving, todo = [], [found.absorbed_id]
    while todo:
        leaving.append(todo.pop())
        todo += merged.get(leaving[-1], [])
    conn.execute(sa.update(customers).where(customers.c.id == found.absorbed_id).values(merged_into=None))
    conn.execute(sa.update(customers).where(customers.c.id.in_(leaving)).values(root_id=found.absorbed_id))
    conn.execute(sa.update(merges).where(merges.c.id == merge_id).values(undone_at=at, undone_by=by))
    data = {"merge_id": merge_id, "customer_id": was_root, "absorbed_id": found.absorbed_id}
    webhooks.emit(conn, "customer.unmerged", data, at)
    return get(conn, merge_id)


def get(conn: Connection, merge_id: str) -> Merge:
    """Raises LookupError."""
    row = conn.execute(sa.select(merges).where(merges.c.id == merge_id)).one_or_none()
    if row is None:
        raise LookupError(f"there is no merge {merge_id}")
    return Merge(**row._mapping)


def history(conn: Connection, customer_id: str) -> list[Merge]:
    """All merges that a person's customers were ever part of, the newest first. Raises `UnknownCustomer`."""
    ids = list(conn.execute(sa.select(customers.c.id).where(customers.c.root_id == root(conn, customer_id))).scalars())
    query = sa.select(merges).where(sa.or_(merges.c.survivor_id.in_(ids), merges.c.absorbed_id.in_(ids)))
    return [Merge(**row._mapping) for row in conn.execute(query.order_by(merges.c.at.desc(), merges.c.id))]


def _strong(conn: Connection, root_id: str, kind: str, value: str) -> None:
    query = (
        sa.select(identifiers.c.proof)
        .join(customers, customers.c.id == identifiers.c.customer_id)
        .where(identifiers.c.kind == kind, identifiers.c.value == value, customers.c.root_id == root_id)
    )
    if not STRONG & set(conn.execute(query).scalars()):
        raise WeakIdentifier(f"{root_id} has not proven this {kind}: ask, or let a person decide")


__all__ = ["Merge", "NotMergeable", "UnknownCustomer", "WeakIdentifier", "get", "history", "merge", "undo"]
