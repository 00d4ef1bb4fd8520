"""Where bills come from: our own database, or a billing system behind HTTP. One file per source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy.engine import Connection, Engine

from ivr.flow.registry import import_all
from ivr.settings import Settings


class BillError(Exception):
    """The source of bills can't be reached, or answered with something that isn't what we agreed on."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of an account that is to be paid next. `balance` in minor units; 0 means that nothing is due.
    `open_bills` counts this one and the later ones."""

    id: str
    account: str
    name: str
    balance: int
    currency: str
    due_on: date | None
    open_bills: int = 0
    email: str = ""
    phone: str = ""


class BillSource(ABC):
    """`deadline` is in `time.monotonic()` seconds. Methods raise `BillError`."""

    @abstractmethod
    def find(self, account: str, *, deadline: float) -> Bill | None:
        """The account's open bill with the earliest due date; a `Bill` with balance 0 where nothing is due; None for
        an account that doesn't exist."""

    def settle(self, bill: str, account: str, amount: int, currency: str, payment: str, *, deadline: float) -> int:
        """Take note of a payment and return the bill's new balance. Idempotent by `payment`: the second time changes
        nothing and returns the balance too."""
        raise BillError("this source takes note of payments in the database's own transaction")

    def settle_within(self, conn: Connection, bill: str, amount: int) -> int | None:
        """Settle in the transaction that marks the payment as posted, where the bills live in the same database;
        returns the new balance. None: it can't, use `settle` after the commit."""
        return None


Factory = Callable[[Engine, Settings], BillSource]
_factories: dict[str, Factory] = {}


def bill_source(name: str) -> Callable[[Factory], Factory]:
    """Register a source under the name that BILL_SOURCE chooses it by."""

    def register(factory: Factory) -> Factory:
        _factories[name] = factory
        return factory

    return register


def open_bill_source(engine: Engine, settings: Settings) -> BillSource:
    """The source that the settings name: BILL_SOURCE, else `http` where BILLING_URL is set, else `database`.
    Raises ValueError for a name that isn't known."""
    import_all(__name__)
    name = settings.bill_source or ("http" if settings.billing_url else "database")
    if name not in _factories:
        raise ValueError(f"BILL_SOURCE: there is no {name!r}; there are {', '.join(sorted(_factories))}")
    return _factories[name](engine, settings)
