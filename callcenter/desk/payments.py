"""What an agent can offer to take a payment for: the bills that the customer on the line still has to pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import customers
from callcenter.tables import accounts, bills, contacts, events


@dataclass(frozen=True, slots=True)
class Open:
    """A bill that is due, or an account that another system keeps: `balance` (minor units) is None there."""

    account: str
    name: str = ""
    balance: int | None = None
    currency: str = ""
    due_on: date | None = None


def open_bills(conn: Connection, contact_id: str) -> list[Open]:
    """The next bill of each account that is the customer's, and of the one that was named in this contact."""
    numbers = [*_named(conn, contact_id), *_known(conn, contact_id)]
    found: list[Open] = []
    for number in dict.fromkeys(numbers):
        query = (
            sa.select(accounts.c.name, bills.c.balance, accounts.c.currency, bills.c.due_on)
            .outerjoin(bills, sa.and_(bills.c.account_number == accounts.c.number, bills.c.balance > 0))
            .where(accounts.c.number == number)
            .order_by(bills.c.due_on, bills.c.id)
            .limit(1)
        )
        rows = conn.execute(query).all()
        if not rows:
            found.append(Open(number))
        elif rows[0].balance:
            found.append(Open(number, *rows[0]))
    return found


def _known(conn: Connection, contact_id: str) -> list[str]:
    customer = conn.execute(sa.select(contacts.c.customer_id).where(contacts.c.id == contact_id)).scalar_one_or_none()
    if customer is None:
        return []
    return [one.value for one in customers.get(conn, customer).identifiers if one.kind == "account"]


def _named(conn: Connection, contact_id: str) -> list[str]:
    query = (
        sa.select(events.c.data)
        .where(events.c.contact_id == contact_id, events.c.kind == "slot_filled")
        .order_by(events.c.id.desc())
    )
    said = [data for data in conn.execute(query).scalars() if data.get("slot") in ("account", "account_said")]
    return [str(data["value"]) for data in said[:1]]
