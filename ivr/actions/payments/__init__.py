"""Payment gateways. One file per gateway.

A charge takes two steps, so that it can be settled after any crash: `open` makes an intent without the card, whose
reference is stored; `charge` puts the card to it. Whoever finds an unfinished payment later asks `settle`, which
tells what became of it or makes sure that nothing ever will.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sqlalchemy.engine import Engine

from ivr.flow.cards import brand
from ivr.flow.registry import import_all
from ivr.settings import Settings

ChargeStatus = Literal["approved", "declined", "pending"]
Reason = Literal["", "declined", "expired_card", "invalid_card", "insufficient_funds", "cancelled"]


class GatewayError(Exception):
    """The gateway certainly did not charge: it refused the request or could not be reached."""


class GatewayInDoubt(GatewayError):
    """Nobody knows whether the card was charged: no answer came in time, or the connection broke."""


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """A payment card. Lives in memory only; its repr shows nothing of it, and it can't be pickled into a job."""

    number: str
    expiry: str
    """Month and year, MMYY."""
    security_code: str

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def brand(self) -> str:
        return brand(self.number)

    def __repr__(self) -> str:
        return "Card(••••)"

    def __reduce__(self) -> Any:
        raise TypeError("a card never leaves memory")


@dataclass(frozen=True, slots=True)
class Charge:
    """What became of a charge. `reason` says why it was declined; `pending` means that it isn't decided yet."""

    status: ChargeStatus
    reference: str
    reason: Reason = ""
    brand: str = ""
    last4: str = ""


class Gateway(ABC):
    """`amount` is in minor units of `currency` (ISO 4217); `deadline` in `time.monotonic()` seconds. A repeated call
    with the same idempotency key never charges a second time."""

    name: ClassVar[str]

    @abstractmethod
    def open(self, amount: int, currency: str, idempotency_key: str, *, deadline: float) -> str:
        """Make an intent that can't charge anything yet; returns its reference. Raises GatewayError."""

    @abstractmethod
    def charge(self, reference: str, card: Card, idempotency_key: str, *, deadline: float) -> Charge:
        """Charge the card for the intent. Raises GatewayInDoubt when the outcome is unknown, GatewayError when it
        certainly did not happen."""

    @abstractmethod
    def settle(self, reference: str, *, deadline: float) -> Charge:
        """The final word on an intent: what was charged stays charged, anything else is cancelled for good and comes
        back as declined with reason `cancelled`. Raises GatewayError when it can't be reached."""


Factory = Callable[[Engine, Settings], Gateway]
_factories: dict[str, Factory] = {}


def gateway(name: str) -> Callable[[Factory], Factory]:
    """Register a gateway under the name that PAYMENT_GATEWAY chooses it by."""

    def register(factory: Factory) -> Factory:
        _factories[name] = factory
        return factory

    return register


def open_gateway(engine: Engine, settings: Settings, name: str = "") -> Gateway:
    """The gateway called `name`, by default the one that PAYMENT_GATEWAY names (sandbox). Raises ValueError for a
    name that isn't known or a gateway that isn't configured."""
    import_all(__name__)
    name = name or settings.payment_gateway
    if name not in _factories:
        raise ValueError(f"PAYMENT_GATEWAY: there is no {name!r}; there are {', '.join(sorted(_factories))}")
    return _factories[name](engine, settings)
