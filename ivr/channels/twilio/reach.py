"""How Twilio rings those who are not the customer: a number, a SIP address, an agent's device."""

from __future__ import annotations

import re

from callcenter.queues.store import Queues
from ivr.bridge.state import Target
from ivr.channels.twilio.api import Api
from ivr.channels.twilio.links import Link

RING_SECONDS = 30
"""How long a party that an order calls may ring; Twilio adds up to five."""
_ADDRESS = re.compile(r"\+\d{6,15}|sips?:[^\s@]+@[^\s@]+")


class Reach:
    """Blocks; raises `redis.RedisError`, and LookupError with the reason for whom Twilio can't ring."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def address(self, target: Target) -> str:
        """What Twilio is to call."""
        if target.kind == "number":
            if not reachable(target.value):
                raise LookupError(f"{target.value!r} is neither a number (+12025550143) nor a sip: address")
            return target.value
        agent = self._queues.agent(target.value)
        if agent is None:
            raise LookupError(f"{target.value!r} has no telephone now: nobody of that name is signed in")
        if not reachable(agent.device):
            raise LookupError(f"{target.value!r} has no telephone that Twilio can ring: a number or a sip: address")
        return agent.device

    def ring(self, api: Api, target: Target, link: Link, *, url: str, status: str) -> str:
        """Call somebody for a conversation; gives the call's SID. Raises `ApiError` too."""
        return api.ring(self.address(target), shown=link.shown, url=url, status=status, seconds=RING_SECONDS)


def reachable(device: str) -> bool:
    """Whether Twilio can call it: a number in E.164 or a SIP address. A browser, or a telephone that is registered
    with us, is ours alone."""
    return _ADDRESS.fullmatch(device) is not None
