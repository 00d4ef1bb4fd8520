"""Our own mail addresses, and the plus-addresses that answers come back to (RFC 5233, subaddressing)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class OurAddresses:
    """Addresses and whole domains, lower case."""

    addresses: frozenset[str]
    domains: frozenset[str]

    @classmethod
    def read(cls, setting: str) -> OurAddresses:
        """From support@example.com,@example.org: addresses, and domains behind an @, with commas. Raises ValueError."""
        addresses: set[str] = set()
        domains: set[str] = set()
        for each in filter(None, (part.strip().lower() for part in setting.split(","))):
            local, at, domain = each.rpartition("@")
            if not at or not re.fullmatch(r"[a-z0-9.-]+", domain) or not re.fullmatch(r"[^@\s+]*", local):
                raise ValueError(f"MAIL_ADDRESSES: {each!r} is neither support@example.com nor @example.com")
            (addresses if local else domains).add(each if local else domain)
        return cls(frozenset(addresses), frozenset(domains))

    @property
    def first(self) -> str:
        """One of the addresses; "" where only domains are known."""
        return min(self.addresses, default="")

    def __contains__(self, address: object) -> bool:
        """Whether a mail to this address is for us, with or without a tag behind a plus."""
        return isinstance(address, str) and self._is_ours(plain(address).lower())

    def _is_ours(self, address: str) -> bool:
        return address in self.addresses or address.rpartition("@")[2] in self.domains


def plain(address: str) -> str:
    """The address without the tag behind the plus: support+tag@example.com is support@example.com."""
    local, at, domain = address.strip().rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def token(address: str) -> str:
    """The id of the message of ours that a plus-address continues; "" where there is none. The id is unguessable (56
    random bits): who knows it has had our mail."""
    tag = address.rpartition("@")[0].partition("+")[2].lower()
    return tag if _TOKEN.fullmatch(tag) else ""


def plus(address: str, message_id: str) -> str:
    """The address that answers to a message come back to, or the plain one where it would be too long (RFC 5321,
    4.5.3.1.1: 64 octets of local part)."""
    local, at, domain = plain(address).rpartition("@")
    tagged = f"{local}+{message_id}"
    return f"{tagged}{at}{domain}" if len(tagged) <= 64 and _TOKEN.fullmatch(message_id) else address


def is_address(value: str) -> bool:
    """Whether mail can be sent there, as far as the words tell."""
    try:
        validate_email(value, check_deliverability=False, test_environment=True, allow_quoted_local=True)
    except EmailNotValidError:
        return "@localhost" in value  # machines by themselves, and tests
    return True
