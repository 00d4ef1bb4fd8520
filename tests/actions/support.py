"""What the tests of actions share."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.tables import payments, sandbox_charges
from ivr.actions import ActionContext, perform
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.flow.model import Company
from ivr.settings import Settings

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=ZoneInfo("America/Chicago"))
LATER = NOW + timedelta(minutes=5)
"""When nobody can be at a payment any more that was begun at `NOW`."""
CARD = "4242424242424242"
PAY = {"account": "10203040", "amount": 8450, "card": CARD, "expiry": "0429", "security_code": "123"}


def demo(engine: Engine) -> None:
    import_bills(engine, Path(DEMO), date(2026, 11, 22))


def context(engine: Engine, key: str = "call-1:1", seconds: float = 20.0, **changes: Any) -> ActionContext:
    values: dict[str, Any] = {
        "engine": engine,
        "now": NOW,
        "contact_id": "contact",
        "session_id": "session",
        "idempotency_key": key,
        "company": Company(name="Riverbend", timezone="America/Chicago"),
        "files": {},
        "deadline": time.monotonic() + seconds,
        "settings": Settings.defaults(),
    }
    return ActionContext(**(values | changes))


def balance(engine: Engine, account: str = "10203040") -> int:
    """What the account owes, in minor units."""
    result = perform("find_bill", context(engine), {"account": account})
    return int(result.data["balance"])


def charged(engine: Engine) -> list[int]:
    """The amounts that the sandbox gateway really charged."""
    with reading(engine) as conn:
        rows = sa.select(sandbox_charges.c.amount).where(sandbox_charges.c.status == "charged")
        return list(conn.execute(rows).scalars())


def statuses(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return list(conn.execute(sa.select(payments.c.status).order_by(payments.c.id)).scalars())
