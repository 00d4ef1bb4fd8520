"""PURE: a conversation on Twilio as it is kept in the store, and what is to be done next about it.

The bridge's machine (`ivr.bridge.machine`) says what follows from what; its state is kept here, with what Twilio has
been told. What has to be done is read off the difference, so that whatever process comes next goes on where another
one died.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, get_args

from pydantic import TypeAdapter

from ivr.bridge.machine import AGENT, begin, step
from ivr.bridge.state import (
    CUSTOMER,
    Command,
    Connected,
    Dial,
    End,
    Event,
    HangUp,
    Hear,
    PaymentEnded,
    Play,
    State,
    TakePayment,
)
from ivr.channels.twilio.participants import Wish, wishes

COMMANDS: Mapping[str, type] = {kind.__name__: kind for kind in get_args(Command)}
_BY_STATE = (Hear, Play, HangUp)
"""Commands that need not be kept: the state says the same."""


PLAIN = Wish()


@dataclass(frozen=True, slots=True)
class Leg:
    """A party's call: its CallSid, "" until Twilio has named it. `inside` the conference, where it is as `told`."""

    call: str = ""
    inside: bool = False
    told: Wish = PLAIN
    dialled_at: float = 0.0
    out_at: float = 0.0
    """When it was seen to have left the conference, 0 for never."""
    event: int = 0
    """The number of the last event of the conference that was about it."""
    sent: tuple[str, ...] = ()
    """Where the call was redirected to and has not asked for the document yet: it leaves the conference for that."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment, from its order until its session is over. While the customer's call is `out` of the conference for it,
    it has been told to go there at `asked_at`; `session` is "" until it has asked for the first document. `stopped`:
    nothing more is to be asked. `call` is the customer's."""

    order: str
    by: str
    call: str
    account: str = ""
    amount: int = 0
    session: str = ""
    out: bool = True
    asked_at: float = 0.0
    stopped: bool = False

    @property
    def external_id(self) -> str:
        """Of its session; a call's own sessions have the CallSid alone."""
        return f"{self.call}:{self.order}"


@dataclass(frozen=True, slots=True)
class Todo:
    """A command of the machine's that has not been carried out: its kind and fields."""

    kind: str
    fields: dict[str, Any]

    @classmethod
    def of(cls, command: Command) -> Todo:
        return cls(type(command).__name__, asdict(command))

    def command(self) -> Command:
        found: Command = TypeAdapter(COMMANDS[self.kind]).validate_python(self.fields)
        return found


@dataclass(frozen=True, slots=True)
class Talk:
    """`id` is the first offer's, and names the conference; `offer` and `agent` are those who serve now. `room` is the
    conference's SID; `closing`: who has left it ended it. `connected` and `given_away` are what the queue was told."""

    id: str
    state: State
    offer: str
    agent: str
    legs: Mapping[str, Leg] = field(default_factory=dict)
    todo: tuple[Todo, ...] = ()
    room: str = ""
    closing: bool = False
    connected: bool = False
    given_away: bool = False
    asked: tuple[str, ...] = ()
    """Agents who were called into it, and are busy with it as long as they are there."""
    after: str = ""
    """Where the customer's call goes on with the flow, once the conversation is over."""
    end: End | None = None
    ended_at: float = 0.0
    payment: Payment | None = None

    def to_json(self) -> bytes:
        return _ADAPTER.dump_json(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Talk:
        return _ADAPTER.validate_json(data)

    def leg(self, party: str) -> Leg:
        return self.legs.get(party, Leg())

    def with_leg(self, party: str, **changes: Any) -> Talk:
        return replace(self, legs={**self.legs, party: replace(self.leg(party), **changes)})

    def sends(self, path: str) -> Talk:
        """The customer's call is redirected there."""
        sent = self.leg(CUSTOMER).sent
        return self if path in sent else self.with_leg(CUSTOMER, sent=(*sent, path))

    def arrived(self, path: str) -> Talk:
        """It asks what to do there: it has left the conference, whenever that is told."""
        return self if path not in self.leg(CUSTOMER).sent else self.stays(path).with_leg(CUSTOMER, inside=False)

    def stays(self, path: str) -> Talk:
        """It was not redirected there after all."""
        sent = tuple(other for other in self.leg(CUSTOMER).sent if other != path)
        return self if sent == self.leg(CUSTOMER).sent else self.with_leg(CUSTOMER, sent=sent)

    def without(self, party: str) -> Talk:
        return replace(self, legs={id: leg for id, leg in self.legs.items() if id != party})

    def party_of(self, call: str) -> str:
        """Whose call it is, "" for nobody's."""
        return next((party for party, leg in self.legs.items() if call and leg.call == call), "")

    def stepped(self, event: Event, now: float) -> Talk:
        """After an event."""
        state, commands = step(self.state, event)
        end = next((command for command in commands if isinstance(command, End)), None)
        kept = tuple(Todo.of(command) for command in commands if not isinstance(command, (*_BY_STATE, End)))
        return replace(
            self, state=state, todo=(*self.todo, *kept), end=end or self.end, ended_at=now if end else self.ended_at
        )

    @property
    def away(self) -> bool:
        """The customer's call is out of the conference, for a payment."""
        return self.payment is not None and self.payment.out

    def with_payment(self, **changes: Any) -> Talk:
        return self if self.payment is None else replace(self, payment=replace(self.payment, **changes))

    def unpaid(self, now: float) -> Talk:
        """None is taken now, whatever has been begun of it; the customer is in the conference."""
        kept = tuple(todo for todo in self.todo if todo.kind != TakePayment.__name__)
        return replace(self, todo=kept, payment=None).stepped(PaymentEnded("failed"), now)

    @property
    def done(self) -> bool:
        """Nothing is left to be done, and nobody is there."""
        return self.state.over and due(self) is None and not self.leg(CUSTOMER).inside


_ADAPTER = TypeAdapter(Talk)


def opened(offer: str, queue: str, agent: str, *, caller: str, call: str, recorded: bool = False,
           payments: bool = False) -> Talk:  # fmt: skip
    """An agent has accepted and comes into the conference; the customer is being fetched. `caller` and `call` are their
    CallSids, "" for a customer who is still to be called. `recorded`: both are told of it before they come in;
    `payments`: the company takes them."""
    legs = {CUSTOMER: Leg(caller, told=Wish(ends=True)), AGENT: Leg(call, told=Wish(ends=True))}
    return Talk(offer, begin(queue=queue, agent=agent, recorded=recorded, payments=payments), offer, agent, legs)


# What is to be done next


@dataclass(frozen=True, slots=True)
class Carry:
    """The first command of `todo`."""

    command: Command


@dataclass(frozen=True, slots=True)
class Change:
    """Make a participant so."""

    party: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class Drop:
    """End a call that is in the conversation no longer."""

    party: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Take the customer out of the conference: the conversation is over."""


@dataclass(frozen=True, slots=True)
class Release:
    """An agent who was called in is there no longer."""

    agent: str


@dataclass(frozen=True, slots=True)
class Conclude:
    """Bring the session of a payment that the conversation has done with to its end."""


Deed = Carry | Change | Drop | Fetch | Release | Conclude


def due(talk: Talk) -> Deed | None:
    """The next thing to do; one after the other, none is done before those that it depends on:

    a customer is connected only where the queue agrees; who leaves (for a payment, too) must not end the conference for
    those who stay, nor be whispered to; everybody hears what they should before anybody else is called and before
    anybody is told.
    """
    state = talk.state
    first = talk.todo[0].command() if talk.todo else None
    if isinstance(first, Connected):
        return Carry(first)
    if not state.over:
        if (change := _change(talk)) is not None:
            return change
        if (drop := _drop(talk)) is not None:
            return drop
    if first is not None:
        return Carry(first)
    if state.over and (deed := _parting(talk)) is not None:
        return deed
    there = {party.who for party in state.parties.values()}
    if (release := next((Release(agent) for agent in talk.asked if agent not in there), None)) is not None:
        return release
    left = not talk.away or CUSTOMER not in state.parties
    return Conclude() if talk.payment is not None and not state.paying and left else None


def _change(talk: Talk) -> Change | None:
    state = talk.state
    leaving = [id for id in talk.legs if id not in state.parties]
    for id in leaving:
        leg = talk.legs[id]
        if leg.inside and leg.told.ends:
            return Change(id, replace(leg.told, ends=False))
    changes = []
    for id, wish in wishes(state).items():
        leg = talk.leg(id)
        wanted = replace(wish, ends=not (state.paying or leg.sent)) if id == CUSTOMER else wish
        wanted = wanted.after(leg.told)
        if leg.inside and wanted != leg.told:
            changes.append((leg.told.coaches not in leaving, not wanted.hold, id, wanted))
    if not changes:
        return None
    _, _, id, wanted = min(changes, key=lambda change: change[:3])
    if leaving and talk.legs[id].told.coaches not in leaving and _drop(talk) is not None:
        return None  # who leaves goes before those who stay hear each other
    return Change(id, wanted)


def _drop(talk: Talk) -> Drop | None:
    for id, leg in talk.legs.items():
        if id not in talk.state.parties and id != CUSTOMER and leg.call:
            return Drop(id)
    return None


def _parting(talk: Talk) -> Deed | None:
    """Over: the customer goes on elsewhere, and all others are hung up."""
    customer, end = talk.leg(CUSTOMER), talk.end
    agents = [leg for id, leg in talk.legs.items() if id != CUSTOMER and leg.inside and leg.told.ends and leg.call]
    there = talk.away or (customer.inside and not talk.closing)
    stays = end is not None and end.how != "ended" and there
    if stays and end is not None and (end.how == "requeue" or not agents):
        return Fetch()
    return _drop(talk)


__all__ = [
    "Carry", "Change", "Conclude", "Deed", "Dial", "Drop", "Fetch", "Leg", "Payment", "Release", "Talk", "Todo", "due",
    "opened",
]  # fmt: skip
