"""How Twilio rings those who are not the customer: a number, a SIP address, an agent's device.

The browser, and telephones that are registered with us, it reaches at our own SIP endpoint, where TWILIO_SIP_HOST says
where that is (https://www.twilio.com/docs/voice/api/sip-making-calls): see `ivr.channels.voice.passing`.
"""

from __future__ import annotations

import re

from callcenter.queues.store import Queues
from callcenter.softphones import Softphones
from ivr.bridge.state import Target
from ivr.channels.sip.values import BadValue, parse_uri
from ivr.channels.twilio.api import Api
from ivr.channels.twilio.links import Link
from ivr.channels.voice.extensions import Extension, Extensions
from ivr.settings import Settings

RING_SECONDS = 30
"""How long a party that an order calls may ring; Twilio adds up to five."""
_PUBLIC = re.compile(r"\+\d{6,15}|sips?:[^\s@]+@[^\s@]+")
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


def public(device: str) -> bool:
    """Whether anybody can call it: a number in E.164 or a SIP address. A browser, or a telephone that is registered
    with us, is ours alone."""
    return _PUBLIC.fullmatch(device) is not None


def by_key(device: str) -> bool:
    """Whether who answers has to press a key: a number may be answered by a machine, a telephone of ours is not."""
    return device.startswith("+")


def sip_host(settings: Settings) -> tuple[str, tuple[str, str] | None]:
    """Where Twilio reaches our SIP endpoint, "" where it can't, and the user and password that it shows there. Raises
    ValueError that names the setting that is wrong."""
    host, user = settings.twilio_sip_host.strip(), settings.twilio_sip_user.strip()
    if not host:
        return "", None
    try:
        uri = parse_uri(f"sip:agent@{host}")
    except BadValue:
        uri = None
    if uri is None or uri.user != "agent" or not uri.host or "@" in host:
        raise ValueError("TWILIO_SIP_HOST: write sip.example.com, sip.example.com:5070 or HOST:5061;transport=tls")
    if not user:
        return host, None
    accounts = dict(part.strip().partition(":")[::2] for part in settings.sip_users.split(",") if part.strip())
    if user not in accounts:
        raise ValueError(f"TWILIO_SIP_USER: {user!r} is none of SIP_USERS")
    return host, (user, accounts[user])
