"""A conversation's state, what happens to it, and what it wants done. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CUSTOMER = "customer"

Role = Literal["customer", "agent", "consulted", "supervisor"]
Mode = Literal["", "listen", "whisper", "join", "take_over"]
Sound = Literal["music", "ringing", "held", "consent"]
How = Literal["ended", "requeue", "flow"]
"""How it is over for the bridge: with the caller gone, back in a queue, or with the flow going on."""
Why = Literal["hung_up", "failed", "busy", "rejected", "no_answer"]
Paying = Literal["", "asking", "charging", "stopping"]
"""How far a payment is: the customer is asked, the card is at the gateway, the customer is told that it was stopped."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to reach: an agent, or a number or SIP URI."""

    kind: Literal["agent", "number"]
    value: str


@dataclass(frozen=True, slots=True)
class Party:
    """One leg: `up` or still ringing. `who` is an agent's id or a number; `mode` is a supervisor's."""

    role: Role
    who: str = ""
    up: bool = False
    muted: bool = False
    mode: Mode = ""


@dataclass(frozen=True, slots=True)
class State:
    """`parties` are the legs that are not over, by id. `agent` is who serves the customer: "" while a transfer rings.

    `private`: agent and consulted talk while the customer hears music. `leaving_for` is the party that a cold transfer
    rings; `referring`: the customer's side has been asked to call somebody else. `offer_open`: the queue's offer has
    been neither completed nor given back.
    """

    queue: str
    parties: Mapping[str, Party]
    agent: str
    started: bool = False
    announcing: bool = False
    held: bool = False
    private: bool = False
    secret: bool = False
    paying: Paying = ""
    leaving_for: str = ""
    referring: bool = False
    payments: bool = False
    """Whether the customer's line can be used for taking one."""
    recorded: bool = False
    """The queue's conversations are recorded."""
    paused: bool = False
    offer_open: bool = True
    over: bool = False
    made: int = 0
    """Parties that were dialled so far: each gets an id of its own."""

    @property
    def hushed(self) -> bool:
        """The customer keys a secret: his line goes nowhere, and nothing is recorded."""
        return self.secret or bool(self.paying)

    @property
    def consulted(self) -> str:
        """The id of the third party, or ""."""
        return next((id for id, party in self.parties.items() if party.role == "consulted"), "")


# What happens


@dataclass(frozen=True, slots=True)
class Started:
    """Customer and agent are both on the line, and the agent's acceptance stands."""


@dataclass(frozen=True, slots=True)
class Answered:
    party: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A leg is over: hung up by its party, or for a fault (a crash, a lost connection, no sound), or not answered."""

    party: str
    why: Why = "hung_up"


@dataclass(frozen=True, slots=True)
class Played:
    """The consent announcement was heard to its end."""

    party: str


@dataclass(frozen=True, slots=True)
class ReferEnded:
    """The customer's side called the other party, or could not. Also when it doesn't say for too long."""

    ok: bool


@dataclass(frozen=True, slots=True)
class OfferLost:
    """The offer lapsed or was withdrawn before both were connected: the entry waits for another agent."""


@dataclass(frozen=True, slots=True)
class Charging:
    """The card is put to the gateway: the payment can't be stopped until that has answered (`on` is False then)."""

    on: bool = True


@dataclass(frozen=True, slots=True)
class PaymentEnded:
    """The payment is over, and the customer has heard how. `result` is the flow's outcome; `data` has no secret."""

    result: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """A command of an agent or supervisor (`by`, an agent's id)."""

    id: str
    verb: str
    by: str
    args: Mapping[str, object] = field(default_factory=dict)


Event = Started | Answered | Gone | Played | ReferEnded | OfferLost | Charging | PaymentEnded | Order


# What is to be done


@dataclass(frozen=True, slots=True)
class Dial:
    """Call somebody; `Answered` or `Gone` follows, in at most half a minute."""

    party: str
    target: Target


@dataclass(frozen=True, slots=True)
class HangUp:
    party: str


@dataclass(frozen=True, slots=True)
class Hear:
    """Let a party hear these parties, instead of a sound or others. `digits`: their keys too."""

    party: str
    talkers: frozenset[str]
    digits: bool = True


@dataclass(frozen=True, slots=True)
class Play:
    """Play a sound again and again; the consent announcement once, after which `Played` follows."""

    party: str
    sound: Sound


@dataclass(frozen=True, slots=True)
class Record:
    what: Literal["start", "pause", "resume", "stop"]


@dataclass(frozen=True, slots=True)
class Connected:
    """Tell the queue that both are connected; `OfferLost` follows if it says no."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Tell the queue that its agent is done. `heir` serves the customer from now on: another agent, whom the queue
    takes note of, or a number that it doesn't know."""

    why: str
    heir: str = ""


@dataclass(frozen=True, slots=True)
class Requeue:
    """Put the customer back into a queue, with the original joining time. `fresh`: the offer is completed already."""

    queue: str
    why: str
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Refer:
    """Ask the customer's side to call a number instead; `ReferEnded` follows."""

    target: str


@dataclass(frozen=True, slots=True)
class SendDigits:
    party: str
    digits: str


@dataclass(frozen=True, slots=True)
class TakePayment:
    """Run the payment flow with the customer, the others hearing its prompts; `Charging` and `PaymentEnded` follow.
    `account` and `amount` (minor units, 0 for none) are what was agreed on; `order` began it, `by` an agent."""

    order: str
    by: str
    account: str = ""
    amount: int = 0


@dataclass(frozen=True, slots=True)
class StopPayment:
    """Ask no further. `told`: the customer hears that it was stopped, and `PaymentEnded` follows; otherwise his line is
    needed at once, and a card that is at the gateway is seen to without it."""

    told: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An order's answer: done, or why not."""

    order: str
    ok: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A fact for the contact's events, `call.` before its kind."""

    kind: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """It is over for the bridge; the last command. Every leg but the customer's has been hung up."""

    how: How
    why: str
    queue: str = ""


Command = (
    Dial
    | HangUp
    | Hear
    | Play
    | Record
    | Connected
    | Complete
    | Requeue
    | Refer
    | SendDigits
    | TakePayment
    | StopPayment
    | Answer
    | Note
    | End
)
