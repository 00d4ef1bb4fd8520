"""Our small registrar (RFC 3261 section 10.3): agents' telephones register, always with a password.

`Path` (RFC 3327) and `Service-Route` are not supported: telephones register directly. A binding is called where its
REGISTER came from, never at the host that its Contact names, so that whoever knows one agent's password can't have us
call the world.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING

from ivr.channels.sip.bindings import Binding, Bindings
from ivr.channels.sip.digest import DigestServer
from ivr.channels.sip.message import make_response
from ivr.channels.sip.values import BadValue, NameAddr, parse_name_addr, parse_uri

if TYPE_CHECKING:
    from ivr.channels.sip.agent import Agent
    from ivr.channels.sip.message import Request
    from ivr.channels.sip.running import ServerTransaction

LOCAL = "local"
"""The host of `sip:USER@local`: a telephone that is registered with us."""
DEFAULT_EXPIRES, LEAST_EXPIRES, MOST_EXPIRES = 600, 60, 3600
MAX_CONTACTS = 4
"""Telephones of one user; a further one takes the place of that which registered longest ago."""
_CONTACT = re.compile(r'(?:[^,"<>]|"(?:[^"\\]|\\.)*+"|<[^<>]*+>)++')
_CONTACTS = re.compile(rf"{_CONTACT.pattern}(?:,(?:{_CONTACT.pattern})?)*+")
_USER = re.compile(r"[A-Za-z0-9_.+-]{1,64}")


@dataclass(frozen=True, slots=True)
class Account:
    """Who may register: a password, or hex digests of `user:realm:password` by the name of the hash (MD5, SHA-256)."""

    user: str
    password: str = field(default="", repr=False)
    hashes: Mapping[str, str] = field(default_factory=dict, repr=False)


Accounts = Callable[[str], Account | None]
"""Finds an account by its user name; called on the event loop, so it looks into memory."""


class TelephoneRegistrar:
    """Who is registered where. `digest` challenges and checks; `serve` answers a REGISTER that passed it."""

    def __init__(self, agent: Agent, accounts: Accounts, bindings: Bindings) -> None:
        self._agent, self._accounts = agent, accounts
        self.bindings = bindings
        settings = agent.settings
        self.digest = DigestServer(self._secret, settings.realm, agent.clock)

    def _secret(self, user: str, algorithm: str) -> str | None:
        """H(A1) of a user (RFC 7616 section 3.4.2), or None."""
        account = self._accounts(user)
        if account is None:
            return None
        if account.password:
            return self.digest.hash_of(user, account.password, algorithm)
        stored = account.hashes.get(algorithm)
        return stored.lower() if stored else None

    def algorithms(self, request: Request) -> Sequence[str]:
        """The hashes to challenge with: those that the user's account has, or those that telephones are to use."""
        account = self._accounts(_user_of(request.to.uri))
        stored = account is not None and account.hashes and not account.password
        return list(account.hashes) if account is not None and stored else self._agent.settings.telephone_digests

    def serve(self, transaction: ServerTransaction, request: Request) -> None:
        user = _user_of(request.to.uri)
        if not user:
            transaction.reply(404)
        elif self.digest.name_of(request) != user:
            transaction.reply(403)  # an agent's password is for his own telephones
        else:
            self._register(user, transaction, request)

    def _register(self, user: str, transaction: ServerTransaction, request: Request) -> None:
        try:
            contacts = [parse_name_addr(value) for value in _split(request.headers("contact"))]
            wanted = [(contact, _expires(contact, request)) for contact in contacts]
        except BadValue as error:
            transaction.reply(400, str(error))
            return
        known = self.bindings.of(user)
        if any(one.call_id == request.call_id and one.cseq >= request.cseq for one in known) and contacts:
            transaction.reply(500, "CSeq out of order")  # section 10.3, step 7
            return
        if any(contact.uri == "*" for contact in contacts):
            if len(contacts) > 1 or _expires(contacts[0], request) != 0:
                transaction.reply(400, "* stands alone, with Expires: 0")
                return
            for binding in known:
                self.bindings.remove(user, binding.key)
        elif any(0 < expires < LEAST_EXPIRES for _, expires in wanted):
            transaction.reply(423, "Interval Too Brief", Min_Expires=str(LEAST_EXPIRES))
            return
        else:
            for contact, expires in wanted:
                self._bind(user, contact, expires, request)
        self._answer(user, transaction, request)

    def _bind(self, user: str, contact: NameAddr, expires: int, request: Request) -> None:
        # RFC 5626 section 4.1: a telephone that was started anew, with a new address, is still the same instance
        key = contact.params.get("+sip.instance", "").strip('"') or contact.uri
        if not expires:
            self.bindings.remove(user, key)
            return
        now = self.bindings.now()
        flow = request.flow
        binding = Binding(
            key=key,
            contact=contact.uri,
            protocol=flow.protocol,
            source=(flow.remote[0], flow.remote[1]),
            expires_at=now + min(expires, MOST_EXPIRES),
            call_id=request.call_id,
            cseq=request.cseq,
            agent=request.header("user-agent")[:80],
            at=now,
        )
        others = [one for one in self.bindings.of(user) if one.key != key]
        for oldest in others[MAX_CONTACTS - 1 :]:
            self.bindings.remove(user, oldest.key)
        self.bindings.put(user, binding)

    def _answer(self, user: str, transaction: ServerTransaction, request: Request) -> None:
        """Section 10.3, step 8: all bindings, whatever was asked."""
        response = make_response(request, 200, "", self._agent.tag_of(request))
        for binding in self.bindings.of(user):
            left = max(1, round(binding.expires_at - self.bindings.now()))
            response.headers.append("Contact", f"<{binding.contact}>;expires={left}")
        response.headers.set_single("Date", formatdate(usegmt=True))
        transaction.respond(response)


def _user_of(uri: str) -> str:
    try:
        user = parse_uri(uri).user
    except BadValue:
        return ""
    return user if _USER.fullmatch(user) else ""


def _split(values: list[str]) -> list[str]:
    """Contact values; several may stand in one header, with commas between. Raises BadValue for open brackets."""
    found: list[str] = []
    for value in values:
        if not _CONTACTS.fullmatch(value):
            raise BadValue(f"not a Contact: {value[:80]!r}")
        found += (match[0].strip() for match in _CONTACT.finditer(value))
    return [value for value in found if value]


def _expires(contact: NameAddr, request: Request) -> int:
    """Seconds asked for: the parameter, the header, or ours (section 10.2.1.1). Raises BadValue for a Contact that
    can't be called."""
    if contact.uri != "*":
        parse_uri(contact.uri)
    asked = contact.params.get("expires", "") or request.header("expires").strip()
    return int(asked[:9]) if asked.isascii() and asked.isdigit() else DEFAULT_EXPIRES
