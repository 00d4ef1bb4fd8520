"""Customers: one person each. A merged customer is never deleted; it points to the one that stands for both.

`root_id` is that customer, the customer itself when it isn't merged. What a merged customer looks like is put together
on reading: each field from the root, else from the first merged customer that has it. So nothing is copied, and
undoing a merge has nothing to take back.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter import searching, webhooks
from callcenter.identifiers import Identifier, of_customers
from callcenter.tables import cases, contacts, customers

NAMES = ("name", "given_name", "family_name")
FIELDS = (*NAMES, "language", "preferred_channel")
_INSERT = sa.insert(customers).inline()


class UnknownCustomer(LookupError):
    """There is no customer with this id."""


@dataclass(frozen=True, slots=True)
class Customer:
    """`id` is the root's; `members` are all ids that it stands for, itself first."""

    id: str
    members: tuple[str, ...]
    name: str
    given_name: str
    family_name: str
    language: str
    preferred_channel: str
    attributes: Mapping[str, Any]
    provisional: bool
    identifiers: tuple[Identifier, ...]
    created_at: datetime
    updated_at: datetime


def create(
    conn: Connection,
    *,
    at: datetime,
    name: str = "",
    given_name: str = "",
    family_name: str = "",
    language: str = "",
    preferred_channel: str = "",
    attributes: Mapping[str, Any] | None = None,
    provisional: bool = False,
) -> str:
    """Store a new customer; returns the id. `attributes` must have passed the schema. A `provisional` one was made for
    a caller whom nobody knew."""
    customer_id = uuid.uuid4().hex
    row = {
        "id": customer_id,
        "root_id": customer_id,
        "name": name or f"{given_name} {family_name}".strip(),
        "given_name": given_name,
        "family_name": family_name,
        "language": language,
        "preferred_channel": preferred_channel,
        "attributes": _given(attributes or {}),
        "provisional": provisional,
        "created_at": at,
        "updated_at": at,
    }
    conn.execute(_INSERT, row)
    if not provisional:
        searching.put_name(conn, customer_id, (name, given_name, family_name))
    webhooks.emit(conn, "customer.created", {"customer_id": customer_id}, at)
    return customer_id


def update(
    conn: Connection, customer_id: str, *, at: datetime, attributes: Mapping[str, Any] | None = None, **fields: str
) -> None:
    """Change what is known of a person, on the root's own row; `attributes` are merged in, `None` takes one away.
    Raises `UnknownCustomer`, and TypeError for an unknown field."""
    if unknown := fields.keys() - set(FIELDS):
        raise TypeError(f"customers have no {', '.join(sorted(unknown))}")
    root_id = root(conn, customer_id)
    row = conn.execute(sa.select(customers).where(customers.c.id == root_id).with_for_update()).one()
    values: dict[str, Any] = dict(fields)
    if attributes is not None:
        values["attributes"] = _given({**row.attributes, **attributes})
    if not values:
        return
    conn.execute(
        sa.update(customers).where(customers.c.id == root_id).values(**values, provisional=False, updated_at=at)
    )
    if fields.keys() & set(NAMES):
        searching.put_name(conn, root_id, (fields.get(name, getattr(row, name)) for name in NAMES))
    webhooks.emit(conn, "customer.updated", {"customer_id": root_id, "changed": sorted(values)}, at)


def root(conn: Connection, customer_id: str) -> str:
    """The customer that stands for this one. Raises `UnknownCustomer`."""
    found = conn.execute(sa.select(customers.c.root_id).where(customers.c.id == customer_id)).scalar_one_or_none()
    if found is None:
        raise UnknownCustomer(customer_id)
    return str(found)


def keeper(conn: Connection, customer_id: str, *, contact_id: str | None = None, case_id: str | None = None) -> str:
    """The customer with whom something new of a person is kept: the one that its case or contact came to, so that it
    goes with that one when a merge is undone, else the root. Raises `UnknownCustomer`."""
    root_id = root(conn, customer_id)
    for table, id in ((cases, case_id), (contacts, contact_id)):
        own = sa.select(customers.c.id).join(table, table.c.customer_id == customers.c.id)
        same = own.where(table.c.id == id, customers.c.root_id == root_id)
        if id is not None and (found := conn.execute(same).scalar_one_or_none()) is not None:
            return str(found)
    return root_id


def members(customer_id: str | sa.BindParameter[str]) -> sa.Select[tuple[str]]:
    """A query for the ids of all customers who are the same person as this one."""
    own = sa.select(customers.c.root_id).where(customers.c.id == customer_id).scalar_subquery()
    return sa.select(customers.c.id).where(customers.c.root_id == own)


def get(conn: Connection, customer_id: str) -> Customer:
    """The person that a customer is part of. Raises `UnknownCustomer`."""
    rows = conn.execute(sa.select(customers).where(customers.c.id.in_(members(customer_id)))).all()
    if not rows:
        raise UnknownCustomer(customer_id)
    return _person(rows, of_customers(conn, [row.id for row in rows]))


def listed(conn: Connection, *, limit: int, before: tuple[datetime, str] | None = None) -> list[Customer]:
    """People, the newest first, without those merged into another; `before` is the last one's (created_at, id)."""
    query = sa.select(customers.c.id).where(customers.c.merged_into.is_(None))
    if before is not None:
        query = query.where(
            sa.tuple_(customers.c.created_at, customers.c.id) < before_bound(customers.c.created_at, before)
        )
    newest = query.order_by(customers.c.created_at.desc(), customers.c.id.desc()).limit(limit)
    return several(conn, list(conn.execute(newest).scalars()))


def several(conn: Connection, roots: Sequence[str]) -> list[Customer]:
    """The people of these roots, in that order; ids that are no roots are left out."""
    rows = conn.execute(sa.select(customers).where(customers.c.root_id.in_(roots))).all()
    known = of_customers(conn, [row.id for row in rows])
    people = []
    for root_id in roots:
        own = [row for row in rows if row.root_id == root_id]
        if not own:
            continue
        ids = {row.id for row in own}
        people.append(_person(own, [identifier for identifier in known if identifier.customer_id in ids]))
    return people


def before_bound(column: sa.ColumnElement[Any], before: tuple[datetime, str]) -> sa.Tuple:
    """The right side of `(moment, id) < bound`, with the moment in the column's type."""
    return sa.tuple_(sa.literal(before[0], column.type), sa.literal(before[1]))


def _given(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}


def _person(rows: Sequence[Row[Any]], known: Sequence[Identifier]) -> Customer:
    ordered = sorted(rows, key=lambda row: (row.id != row.root_id, row.created_at, row.id))
    first = ordered[0]
    fields = {field: next((value for row in ordered if (value := getattr(row, field))), "") for field in FIELDS}
    attributes: dict[str, Any] = {}
    for row in reversed(ordered):
        attributes.update(row.attributes)
    return Customer(
        id=first.id,
        members=tuple(row.id for row in ordered),
        **fields,
        attributes=attributes,
        provisional=all(row.provisional for row in rows),
        identifiers=tuple(known),
        created_at=first.created_at,
        updated_at=max(row.updated_at for row in rows),
    )
