"""Every contact's life in the queues, recomputed from the event log: does it add up?

Pure: facts in the order of the log go in, what doesn't add up comes out. A contact joins, is offered, accepted,
connected and done, or leaves; each offer ends in one way; a callback is carried out, given up or cancelled, once; an
agent never has more than capacity allows. Where the store lost its data (`queue.store_lost`), whatever was open is
taken up again by joining anew. A store that came back without its last seconds contradicts what came before, from
`queue.store_behind` until its data is dropped: of that time only what was done twice to somebody is found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Fact(Protocol):
    """An event of the log: see `callcenter.queues.journal.Fact`."""

    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> float: ...
    @property
    def contact(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def offer(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What doesn't add up, and since when. `who` is a contact, an agent or an offer."""

    who: str
    at: float
    what: str


@dataclass(slots=True)
class _Life:
    state: str = ""  # waiting, connected, done, left
    at: float = 0.0
    offers: set[str] = field(default_factory=set)
    callback: str = ""
    served: int = 0
    visits: int = 0


@dataclass(slots=True)
class _Asked:
    contact: str
    agent: str
    state: str
    at: float
    medium: str = ""
    capacity: int | None = None  # the agent's for this medium, when they were asked


ENDINGS = {"offer.refused": "refused", "offer.expired": "expired", "offer.withdrawn": "withdrawn",
           "callback.tried": "tried"}  # fmt: skip


OPEN = ("offered", "accepted", "connected", "wrap_up")


class Audit:
    """Feed it with `take`, then ask for `findings`. `lives` counts contacts, `counts` facts by kind."""

    def __init__(self) -> None:
        self._lives: dict[str, _Life] = defaultdict(_Life)
        self._offers: dict[str, _Asked] = {}
        self._agents: dict[str, set[str]] = defaultdict(set)  # their offers that aren't over
        self._found: list[Finding] = []
        self._behind = False
        self.counts: dict[str, int] = defaultdict(int)

    @property
    def lives(self) -> int:
        return len(self._lives)

    def take(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self.counts[fact.kind] += 1
            handler = _HANDLERS.get(fact.kind)
            if handler is not None:
                handler(self, fact)

    def findings(self, now: float, patience: float = 86_400) -> list[Finding]:
        """What doesn't add up, up to `now`. What is open is in order until nothing has happened for `patience`."""
        found = list(self._found)
        for contact, life in self._lives.items():
            if life.state in ("waiting", "connected") and now - life.at > patience:
                found.append(Finding(contact, life.at, f"has been {life.state} since, and nothing happened"))
            if life.state in ("left", "done") and life.callback == "requested":
                found.append(Finding(contact, life.at, "is over, but its callback was never closed"))
        for id, asked in self._offers.items():
            over = self._lives[asked.contact].state in ("left", "done")
            if asked.state in ("offered", "accepted") and (over or now - asked.at > patience):
                found.append(Finding(id, asked.at, f"{asked.agent} was {asked.state} {asked.contact}, without an end"))
            if asked.state == "wrap_up" and now - asked.at > patience:
                found.append(Finding(id, asked.at, f"{asked.agent} has been wrapping up since"))
        return sorted(found)

    def _wrong(self, who: str, fact: Fact, what: str, *, always: bool = False) -> None:
        if always or not self._behind:
            self._found.append(Finding(who, fact.at, what))

    def _move(self, fact: Fact, allowed: tuple[str, ...], to: str) -> bool:
        life = self._lives[fact.contact]
        well = life.state in allowed
        if not well:
            self._wrong(fact.contact, fact, f"{fact.kind} while {life.state or 'unknown'}")
        life.state, life.at = to, fact.at
        return well

    def _joined(self, fact: Fact) -> None:
        life = self._lives[fact.contact]
        if fact.data.get("transferred"):
            if life.state != "done":
                self._wrong(fact.contact, fact, f"was transferred while {life.state}")
        elif life.state in ("waiting", "connected"):
            self._wrong(fact.contact, fact, f"joined while {life.state}")
        life.state, life.at, life.served = "waiting", fact.at, 0
        life.visits += 1
        if fact.data.get("leg") == "absent" and life.callback == "":
            life.callback = "requested"

    def _offered(self, fact: Fact) -> None:
        life = self._lives[fact.contact]
        life.at = fact.at
        if life.state != "waiting":
            self._wrong(fact.contact, fact, f"was offered while {life.state or 'unknown'}")
        if fact.offer in self._offers:
            self._wrong(fact.offer, fact, "was made twice")
        for id in self._busy(fact.agent):
            self._wrong(fact.agent, fact, f"was asked for {fact.contact} while asked for {self._offers[id].contact}")
        if fact.kind == "callback.due" and life.callback != "requested":
            self._wrong(fact.contact, fact, f"was to be called back while its callback was {life.callback or 'none'}")
        medium = str(fact.data.get("medium", ""))
        capacity = fact.data.get("capacity")
        self._offers[fact.offer] = _Asked(fact.contact, fact.agent, "offered", fact.at, medium, capacity)
        life.offers.add(fact.offer)
        self._agents[fact.agent].add(fact.offer)

    def _busy(self, agent: str) -> list[str]:
        return [id for id in self._agents[agent] if self._offers[id].state in ("offered", "accepted")]

    def _offer(self, fact: Fact, allowed: tuple[str, ...], to: str) -> None:
        asked = self._offers.get(fact.offer)
        if asked is None:
            self._wrong(fact.offer, fact, f"{fact.kind} of an offer that was never made")
            return
        if asked.state not in allowed:
            self._wrong(fact.offer, fact, f"{fact.kind} while {asked.state}")
        asked.state, asked.at = to, fact.at
        if to in OPEN:
            self._agents[asked.agent].add(fact.offer)
        else:
            self._agents[asked.agent].discard(fact.offer)

    def _accepted(self, fact: Fact) -> None:
        self._offer(fact, ("offered",), "accepted")
        others = [id for id in self._lives[fact.contact].offers
                  if id != fact.offer and self._offers[id].state in ("accepted", "connected")]  # fmt: skip
        if others:
            self._wrong(fact.contact, fact, "was accepted twice")

    def _connected(self, fact: Fact) -> None:
        self._offer(fact, ("offered", "accepted"), "connected")
        life = self._lives[fact.contact]
        self._move(fact, ("waiting",), "connected")
        life.served += 1
        if life.served > 1:
            self._wrong(fact.contact, fact, "was served twice", always=True)
        asked = self._offers.get(fact.offer)
        if asked is not None and (most := asked.capacity) is not None:
            own = [self._offers[id] for id in self._agents[fact.agent]]
            held = sum(one.medium == asked.medium and one.state in ("connected", "wrap_up") for one in own)
            if held > most:
                self._wrong(fact.agent, fact, f"has {held} contacts by {asked.medium}, and {most} is the most")

    def _restored(self, fact: Fact) -> None:
        life = self._lives[fact.contact]
        life.state, life.at, life.served = "connected", fact.at, 1
        known = self._offers.get(fact.offer)
        medium = known.medium if known else ""
        self._offers[fact.offer] = _Asked(fact.contact, fact.agent, "connected", fact.at, medium)
        self._agents[fact.agent].add(fact.offer)

    def _dials(self, fact: Fact) -> None:
        """Somebody was dialling when the store lost it, and is. The store may have come back with what it knew before:
        then this comes before the loss is noticed."""
        life = self._lives[fact.contact]
        life.at = fact.at
        if life.callback != "requested":
            self._wrong(fact.contact, fact, f"is dialled while its callback was {life.callback or 'none'}")
        for id in set(self._busy(fact.agent)) - {fact.offer}:
            self._wrong(fact.agent, fact, f"waits for {fact.contact} while asked for {self._offers[id].contact}")
        self._offers[fact.offer] = _Asked(fact.contact, fact.agent, str(fact.data["state"]), fact.at, "voice")
        life.offers.add(fact.offer)
        self._agents[fact.agent].add(fact.offer)

    def _done(self, fact: Fact) -> None:
        self._offer(fact, ("connected",), "done")
        self._move(fact, ("connected",), "done")

    def _wraps(self, fact: Fact) -> None:
        self._offer(fact, ("done",), "wrap_up")

    def _wraps_again(self, fact: Fact) -> None:
        self._offer(fact, ("lost", "wrap_up"), "wrap_up")

    def _wrapped(self, fact: Fact) -> None:
        self._offer(fact, ("wrap_up", "done"), "done")

    def _ended(self, fact: Fact) -> None:
        self._offer(fact, ("offered", "accepted"), ENDINGS[fact.kind])

    def _left(self, fact: Fact) -> None:
        self._move(fact, ("waiting",), "left")

    def _requested(self, fact: Fact) -> None:
        life = self._lives[fact.contact]
        if life.state != "waiting":
            self._wrong(fact.contact, fact, f"asked for a callback while {life.state or 'unknown'}")
        life.callback = "requested"

    def _closed(self, fact: Fact) -> None:
        life = self._lives[fact.contact]
        if life.callback != "requested":
            self._wrong(fact.contact, fact, f"{fact.kind} while its callback was {life.callback or 'none'}")
        life.callback = fact.kind.removeprefix("callback.")

    def _contradicts(self, fact: Fact) -> None:
        self._behind = True

    def _lost(self, fact: Fact) -> None:
        """What the store forgot: entries and conversations come back by joining or being restored, offers never."""
        self._behind = False
        for asked in self._offers.values():
            if asked.state in OPEN:
                asked.state = "lost"
        self._agents.clear()
        for life in self._lives.values():
            if life.state in ("waiting", "connected"):
                life.state = "lost" if life.state == "connected" else ""
                life.at = fact.at


_HANDLERS = {
    "queue.joined": Audit._joined,
    "queue.left": Audit._left,
    "queue.store_behind": Audit._contradicts,
    "queue.store_lost": Audit._lost,
    "offer.made": Audit._offered,
    "callback.due": Audit._offered,
    "callback.restored": Audit._dials,
    "offer.accepted": Audit._accepted,
    "offer.connected": Audit._connected,
    "offer.restored": Audit._restored,
    "offer.refused": Audit._ended,
    "offer.expired": Audit._ended,
    "offer.withdrawn": Audit._ended,
    "callback.tried": Audit._ended,
    "offer.done": Audit._done,
    "wrap_up.started": Audit._wraps,
    "wrap_up.restored": Audit._wraps_again,
    "wrap_up.done": Audit._wrapped,
    "callback.requested": Audit._requested,
    "callback.done": Audit._closed,
    "callback.failed": Audit._closed,
    "callback.cancelled": Audit._closed,
}
