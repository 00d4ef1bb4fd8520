"""Bills in our own database."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter.db import reading
from callcenter.tables import accounts, bills
from ivr.actions.bills import Bill, BillError, BillSource, bill_source
from ivr.settings import Settings


class DatabaseBills(BillSource):
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def find(self, account: str, *, deadline: float) -> Bill | None:
        try:
            with reading(self.engine) as conn:
                return self._find(conn, account)
        except sa.exc.SQLAlchemyError as error:
            raise BillError("the database of bills can't be read") from error

    def _find(self, conn: Connection, account: str) -> Bill | None:
        who = conn.execute(sa.select(accounts).where(accounts.c.number == account)).one_or_none()
        if who is None:
            return None
        due = conn.execute(
            sa.select(bills)
            .where(bills.c.account_number == account, bills.c.balance > 0)
            .order_by(bills.c.due_on, bills.c.id)
        ).all()
        first = due[0] if due else None
        return Bill(
            id=first.id if first else "",
            account=account,
            name=who.name,
            balance=first.balance if first else 0,
            currency=who.currency,
            due_on=first.due_on if first else None,
            open_bills=len(due),
            email=who.email,
            phone=who.phone,
        )

    def settle_within(self, conn: Connection, bill: str, amount: int) -> int:
        row = conn.execute(sa.select(bills.c.balance).where(bills.c.id == bill).with_for_update()).one_or_none()
        if row is None:
            raise BillError(f"there is no bill {bill!r}")
        # A bill that was lowered meanwhile: the money came in all the same, and is on the payment's record.
        balance = max(0, int(row.balance) - amount)
        status = "open" if balance else "paid"
        changed = {"balance": balance, "status": status, "updated_at": datetime.now(UTC)}
        conn.execute(sa.update(bills).where(bills.c.id == bill).values(changed))
        return balance


@bill_source("database")
def open_database_bills(engine: Engine, settings: Settings) -> BillSource:
    return DatabaseBills(engine)
