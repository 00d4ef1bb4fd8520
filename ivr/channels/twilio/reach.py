"""How Twilio rings those who are not the customer: a number, a SIP address, an agent's device.

The browser, and telephones that are registered with us, it reaches at our own SIP endpoint, where TWILIO_SIP_HOST says
where that is (https://www.twilio.com/docs/voice/api/sip-making-calls): see `ivr.channels.voice.passing`.
"""

from __future__ import annotations

import re

from callcenter.acd.carriers import public
from callcenter.queues.store import Queues
from callcenter.softphones import Softphones
from ivr.bridge.state import Target
from ivr.channels.twilio.api import Api
from ivr.channels.twilio.links import Link
from ivr.channels.twilio.sip_host import sip_host
from ivr.channels.voice.extensions import Extension, Extensions
from ivr.settings import Settings

RING_SECONDS = 30
"""How long a party that an order calls may ring; Twilio adds up to five."""
_OWN = re.compile(r"desk|user:.+")


class Reach:
    """Blocks; raises `redis.RedisError`, and LookupError with the reason for whom Twilio can't ring."""

    def __init__(self, queues: Queues, settings: Settings) -> None:
        self._queues = queues
        self._host, self._credentials = sip_host(settings)
        self._extensions = Extensions(queues.client)
        self._softphones = Softphones(queues.client)

    def can_ring(self, device: str) -> bool:
        """Whether there is a way to this device at all."""
        return public(device) or bool(self._host and _OWN.fullmatch(device))

    def device(self, agent: str, device: str, caller: str) -> str:
        """What Twilio is to call for an agent's device, which shows `caller` where it is ours."""
        if public(device):
            return device
        if not self.can_ring(device):
            raise LookupError(
                f"{agent!r} has no telephone that Twilio can ring: give the agent a number or a sip: address in "
                f"agents.yaml, or set TWILIO_SIP_HOST"
            )
        if device == "desk" and self._softphones.address(agent) is None:
            raise LookupError(f"{agent!r} has no telephone now: the desk isn't open in a browser")
        name = self._extensions.give(Extension(agent, device, caller))
        return f"sip:{name}@{self._host}"

    def check(self, target: Target) -> None:
        """Raises LookupError for whom Twilio can't ring."""
        self._address(target, "", check=True)

    def _address(self, target: Target, caller: str, *, check: bool = False) -> str:
        if target.kind == "number":
            if not public(target.value):
                raise LookupError(f"{target.value!r} is neither a number (+12025550143) nor a sip: address")
            return target.value
        agent = self._queues.agent(target.value)
        if agent is None:
            raise LookupError(f"{target.value!r} has no telephone now: nobody of that name is signed in")
        if check and self._host and agent.device != "desk":
            return ""
        return self.device(agent.id, agent.device, caller)

    def ring(self, api: Api, target: Target, link: Link, *, url: str, status: str) -> str:
        """Call somebody for a conversation; gives the call's SID. Raises `ApiError` too."""
        caller = self._queues.entry(link.contact).get("caller", "") if target.kind == "agent" else ""
        return self.call(api, self._address(target, caller), link, url=url, status=status, seconds=RING_SECONDS)

    def call(self, api: Api, to: str, link: Link, *, url: str, status: str, seconds: int) -> str:
        """Call an address that `device` gave. Raises `ApiError`."""
        own = bool(self._host) and to.endswith(f"@{self._host}")
        credentials = self._credentials if own else None
        return api.ring(to, shown=link.shown, url=url, status=status, seconds=seconds, credentials=credentials)


def by_key(device: str) -> bool:
    """Whether who answers has to press a key: a number may be answered by a machine, a telephone of ours is not."""
    return device.startswith("+")
