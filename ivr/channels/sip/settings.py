"""What an endpoint is told: addresses, who may call, where to register, limits."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.channels.sip.encryption import Srtp
from ivr.channels.sip.transaction import Timers

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

    from ivr.channels.sip.bindings import Bindings
    from ivr.channels.sip.registrar import Accounts

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Registration:
    """Register `user` with `registrar` (a SIP URI such as `sip:pbx.example.com` or `sip:10.0.0.5:5060;transport=tcp`).

    `auth_user` is the digest name where it differs from `user`. `expires` is asked for, in seconds; the registrar may
    shorten it.
    """

    registrar: str
    user: str
    password: str = field(default="", repr=False)
    expires: int = 600
    auth_user: str = ""


@dataclass(frozen=True, slots=True)
class SipSettings:
    """Settings of one `SipEndpoint`.

    Who may call: a request from a network of `allow` is served; any other is challenged where `users` names anyone,
    and dropped without an answer where not. With neither, loopback alone is allowed. Registrars that we registered
    with, and dialogs of calls that we placed, are let in besides.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a telephone server is there to be reached; who may call is decided below
    port: int = 5060
    tcp: bool = True
    tls_port: int = 5061
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_verify: bool = True
    """Check the certificates of servers that we connect to."""
    public_host: str = ""
    """The address in Contact, Via and SDP; by default that of the interface a message leaves through."""
    user_agent: str = "Callwright"
    allow: tuple[Network, ...] = ()
    srtp: Srtp = field(default_factory=Srtp)
    """Whose sound is encrypted; off where nothing is said."""
    resolver: Resolver | None = None
    """Who is asked for host names; None: the system's name servers."""
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    realm: str = "callwright"
    digests: tuple[str, ...] = ("SHA-256", "MD5")
    """The hashes that callers may use, in the order they are offered. RFC 8760 wants the strongest first; a telephone
    that reads only the first challenge and knows only MD5 needs ("MD5",)."""
    registrations: tuple[Registration, ...] = ()
    accounts: Accounts | None = field(default=None, repr=False)
    """Telephones that may register with us; None: REGISTER is not served."""
    telephone_digests: tuple[str, ...] = ("MD5",)
    """The hashes that telephones are asked to register with. Many know MD5 alone and give up where anything else stands
    beside it (baresip 1.0 does); ("SHA-256", "MD5") is better where all of them know RFC 8760."""
    bindings: Bindings | None = field(default=None, repr=False)
    """Where it is kept who is registered; None: in memory alone."""
    max_calls: int = 1000
    calls_per_second: float = 0.0
    """New calls a second that are begun, 0 for any number; see `Rate`."""
    spared: Callable[[str], bool] = lambda called: False
    """Which called names are served whatever the rate: a telephone that is to join a call which has begun."""
    retry_after: int = 10
    session_expires: int = 1800
    min_session_expires: int = 90
    drain_seconds: float = 60.0
    timers: Timers = field(default_factory=Timers)

    def server_tls(self) -> ssl.SSLContext | None:
        """None where no certificate is set. Raises OSError or ssl.SSLError where it can't be used."""
        if self.tls_certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls_certificate, self.tls_key)
        return context

    def client_tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self.tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
