"""Where Twilio reaches our own SIP endpoint (TWILIO_SIP_HOST, TWILIO_SIP_USER), and what follows where it can't."""

from __future__ import annotations

from ivr.channels.sip.values import BadValue, parse_uri
from ivr.settings import Settings

CHANNEL = "twilio"


def carried(settings: Settings) -> frozenset[str]:
    """The channels whose calls reach public telephones only (`callcenter.acd.carriers`). Raises ValueError as
    `sip_host`."""
    return frozenset() if sip_host(settings)[0] else frozenset({CHANNEL})


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
