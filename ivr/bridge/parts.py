"""What the bridge takes and gives: an offer, a queue's manner of connecting, an accepted agent, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from ivr.bridge.state import How
from ivr.channels.leg import CallLeg, Clip

RefuseReason = Literal["rejected", "no_answer", "busy", "failed", "expired"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A contact proposed to one agent (the data of `offer.made`).

    `device` is where the agent is rung: `sip:USER@local` or a bare user name (a telephone registered with us), a
    `sip:` URI, or a number. `lease_until` is Unix time in seconds; the telephone does not ring longer.
    """

    id: str
    contact_id: str
    queue: str
    agent_id: str
    device: str
    lease_until: float
    caller: str = ""
    """The customer's number or name, shown on the agent's telephone."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Record the conversation into `folder`: a stereo WAV file, what the customer says left, what he hears right."""

    folder: Path
    max_seconds: float = 4 * 3600.0
    consent: Sequence[Clip] = ()
    """Said to both, before recording begins; nothing where no consent has to be asked for."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a queue connects: everything that is played, rendered ahead.

    `accept_key` is the key by which an agent takes the call ("" for taking it by answering); the whisper repeats until
    it comes. Numbers as devices need a key, or an answering machine takes the call.
    """

    music: Sequence[Clip]
    whisper: Sequence[Clip] = ()
    accept_key: str = ""
    recording: Recording | None = None
    language: str = ""
    """The customer's."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An agent who took the offer and waits on the line."""

    offer: Offer
    leg: CallLeg = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a conversation ended for the customer; see the package's docstring."""

    how: How
    queue: str = ""
    why: str = ""
    """`customer_hung_up`, `agent_hung_up`, `agent_lost`, `transferred`, `lost_offer`, ..."""
    recordings: Sequence[str] = ()
    """Ids of the recordings that were made and registered."""


class Dialler(Protocol):
    """Calls somebody; `SipEndpoint.dial` is one. Gives a leg at once, whose `Answered` or `HungUp` follows.

    Raises ValueError for a target that can't be dialled.
    """

    async def __call__(
        self,
        target: str,
        *,
        caller: str = "",
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - how long it may ring
    ) -> CallLeg: ...


Address = Callable[[str], str]
"""What to dial for an agent's id, "" where there is nothing; blocks."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A payment that an agent wants to take: `order` is the order's id, `account` and `amount` (minor units, 0 for
    none) are what was agreed on."""

    contact_id: str
    order: str
    agent_id: str
    language: str
    caller: str = ""
    """The customer's number, for the receipt."""
    account: str = ""
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Paid:
    """What became of it: the flow's outcome, or `to_agent`, `stopped`, `unavailable`, `failed`. `data` for the record,
    without secrets."""

    result: str
    data: Mapping[str, object] = field(default_factory=dict)


class Payments(Protocol):
    """Runs the flow of a payment on a leg, until it is over; `ivr.channels.voice.assisted.Assistance` is one. Tells
    `charging` when a card is put to the gateway and when that has answered. A `HungUp` of the leg says that nothing
    more is to be asked; what is at the gateway by then is waited for all the same."""

    async def __call__(self, leg: PaymentLeg, wanted: Wanted, charging: Callable[[bool], None]) -> Paid: ...


class PaymentLeg(CallLeg, Protocol):
    """`detached`: the customer can't be told anything more."""

    detached: bool
