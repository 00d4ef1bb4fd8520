"""Which calls belong to an offer: what the processes that ring, answer and order know of each other, in Redis."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import redis

KEPT_SECONDS = 12 * 3600
"""Longer than any call may last: Twilio ends them after four hours (<Dial timeLimit>)."""
TALKING = "cw:twilio:talking"
BACK = "cw:twilio:back"


@dataclass(frozen=True, slots=True)
class Link:
    """`session` and `caller` (a CallSid) are the customer's; of a callback there is only `number` at first. `call` is
    the agent's, "" until there is one. `device` is what was rung, `shown` the number of ours that it shows. `waits` is
    "1" where who was called back has talked with an agent already, and waits on the line for another one."""

    offer: str
    contact: str
    queue: str
    agent: str
    session: str
    caller: str
    device: str
    shown: str
    language: str = ""
    call: str = ""
    number: str = ""
    waits: str = ""
    began: str = ""
    """When the agent accepted, in milliseconds on the clock of Redis: orders from before were not for this agent."""


class Links:
    """Blocks; raises `redis.RedisError`."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def claim(self, offer: str) -> bool:
        """Whether this process is the one that rings."""
        return bool(self._client.set(f"cw:twilio:claim:{offer}", "1", nx=True, ex=KEPT_SECONDS))

    def put(self, link: Link) -> None:
        key = _key(link.offer)
        self._client.hset(key, mapping=asdict(link))  # type: ignore[arg-type]
        self._client.expire(key, KEPT_SECONDS)

    def note(self, offer: str, **fields: str) -> None:
        self._client.hset(_key(offer), mapping=fields)  # type: ignore[arg-type]

    def get(self, offer: str) -> Link | None:
        found = {_text(name): _text(value) for name, value in self._client.hgetall(_key(offer)).items()}
        return Link(**{name: found.get(name, "") for name in Link.__slots__}) if found.get("contact") else None

    def once(self, offer: str, what: str) -> bool:
        """True the first time that it is asked."""
        return bool(self._client.hsetnx(_key(offer), f"once:{what}", "1"))

    def calls_back(self, link: Link) -> None:
        self._client.hset(BACK, link.contact, link.offer)

    def back(self, contact: str) -> Link | None:
        """The offer for which a contact was called back, or the last one since."""
        found = self._client.hget(BACK, contact)
        return self.get(_text(found)) if found else None

    def called_back(self, link: Link) -> None:
        if link.number:
            self._client.hdel(BACK, link.contact)

    def backs(self) -> list[str]:
        """The contacts that are being called back, or talked with since."""
        return [_text(name) for name in self._client.hkeys(BACK)]

    def begins(self, link: Link) -> None:
        self._client.hset(TALKING, link.contact, link.offer)

    def ends(self, link: Link) -> None:
        if link.offer == self.talking().get(link.contact):
            self._client.hdel(TALKING, link.contact)

    def talking_to(self, contact: str) -> str:
        """The offer of a contact's conversation, "" for none."""
        found = self._client.hget(TALKING, contact)
        return _text(found) if found else ""

    def pays(self, call: str, offer: str) -> None:
        """A customer's call leaves the conversation of this offer for a payment."""
        self._client.set(f"cw:twilio:payer:{call}", offer, ex=KEPT_SECONDS)

    def payer(self, call: str) -> str:
        """The offer of the conversation in which this call paid last, "" for none."""
        found = self._client.get(f"cw:twilio:payer:{call}")
        return _text(found) if found else ""

    def talking(self) -> dict[str, str]:
        """The offers of the conversations that go on, by contact."""
        return {_text(name): _text(value) for name, value in self._client.hgetall(TALKING).items()}


def _key(offer: str) -> str:
    return f"cw:twilio:offer:{offer}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
