"""One attempt to send a claimed message: what the carrier makes of it, and what follows from that."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.engine import Row

from callcenter.messages import (
    NotConfiguredError,
    OptedOutError,
    Outgoing,
    RefusedError,
    Sender,
    SenderSettings,
    TemporaryError,
    UncertainError,
    UndeliverableError,
    open_sender,
)

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""How long a sender may take; longer than any carrier's timeout."""
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
"""The waits between attempts; after the last one the message is parked."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The message's `status` after an attempt, and in `error` why it isn't sent. `next_at` is when it is looked at
    again, where it is; `reference` is what the carrier calls it. `nobody` and `opted_out` are the codes with which the
    carrier says that nobody is at the address, or that they have told it to stop."""

    status: Literal["sent", "queued", "sending", "parked", "unknown"]
    error: str = ""
    next_at: datetime | None = None
    reference: str = ""
    nobody: str | None = None
    opted_out: str | None = None

    @property
    def settled(self) -> bool:
        """Nothing more is done about it without a person's word."""
        return self.status not in ("queued", "sending")

    def columns(self, now: datetime) -> dict[str, Any]:
        """What changes in its row of `messages`."""
        changed: dict[str, Any] = {"status": self.status, "error": self.error}
        if self.next_at is not None:
            changed["next_at"] = self.next_at
        if self.status == "sent":
            changed |= {"sent_at": now, "reference": self.reference}
        return changed


def attempt(settings: SenderSettings, row: Row[Any], message: Outgoing, known: Sequence[str], now: datetime) -> Outcome:
    """Send it. `row` is the message's before it was claimed: one that was `sending` then has been left by whoever sent
    it. `known` is what the carrier calls other messages that went to the same address since. Never raises."""
    attempts = row.attempts + 1
    try:
        carrier = open_sender(row.channel, settings)
        if row.status == "sending" and not carrier.keeps_ids:
            return _settled(carrier, row, message, known, now)
        return Outcome("sent", reference=carrier.send(message))
    except UndeliverableError as error:
        return Outcome("parked", str(error), nobody=error.code)
    except OptedOutError as error:
        return Outcome("parked", str(error), opted_out=error.code)
    except (NotConfiguredError, RefusedError) as error:
        return Outcome("parked", str(error))
    except TemporaryError as error:
        if attempts > len(BACK_OFF):
            return Outcome("parked", f"given up after {attempts} attempts: {error}")
        return Outcome("queued", str(error), now + BACK_OFF[attempts - 1])
    except UncertainError as error:
        return _uncertain(str(error), now)
    except Exception as error:
        logger.exception("the sender of %s broke on message %s", row.channel, row.id)
        return _uncertain(f"the sender broke: {type(error).__name__}", now)


def _settled(carrier: Sender, row: Row[Any], message: Outgoing, known: Sequence[str], now: datetime) -> Outcome:
    """A message whose sender died: what the carrier knows of it decides."""
    try:
        found = carrier.look_up(message, row.next_at - LEASE, known)
    except TemporaryError as error:
        return _uncertain(str(error), now) if row.attempts <= len(BACK_OFF) else _unknown(str(error))
    if found is None:
        return _unknown(row.error or "its sender died while it was being sent")
    return Outcome("sent", reference=found or carrier.send(message))


def _uncertain(error: str, now: datetime) -> Outcome:
    """It stays claimed; when the lease is over the carrier is asked."""
    return Outcome("sending", error, now + LEASE)


def _unknown(error: str) -> Outcome:
    return Outcome("unknown", f"{error}; it may have been sent")
