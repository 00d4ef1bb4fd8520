"""Tickets: signed leave to do one thing for a short while, given out by the web process to a page.

A page connects to the live process with one, or fetches a file. What a ticket says can be read by who has it, and
can't be changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

LONGEST = 4096
"""Characters; anything longer isn't ours."""


class BadTicket(ValueError):
    """It isn't ours, is for something else, was changed or is over."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """`subject` is whom it was given to, `topics` the live topics that it opens, `data` what else it says (JSON)."""

    subject: str
    topics: frozenset[str] = frozenset()
    data: Mapping[str, Any] = field(default_factory=dict)


class Tickets:
    """`key` is at least 32 random bytes, the same in every process."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("tickets need a key of 32 bytes")
        self._key = key

    def issue(
        self, purpose: str, subject: str, topics: Iterable[str] = (), data: Mapping[str, Any] | None = None
    ) -> str:
        """A ticket for `purpose`, in letters that fit into a URL."""
        return str(self._serializer(purpose).dumps([subject, sorted(topics), dict(data or {})]))

    def read(self, text: str, purpose: str, max_age: float) -> Ticket:
        """What a ticket for this purpose says, if it is no older than `max_age` seconds. Raises `BadTicket`."""
        if len(text) > LONGEST:
            raise BadTicket("it is too long")
        if not text.isascii():
            raise BadTicket("it isn't ours")
        try:
            subject, topics, data = self._serializer(purpose).loads(text, max_age=int(max_age))
        except SignatureExpired:
            raise BadTicket("it is over") from None
        except BadSignature:
            raise BadTicket("it isn't ours") from None
        return Ticket(subject, frozenset(topics), data)

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        # The salt is mixed into the key: a ticket for one purpose is none for another.
        signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        return URLSafeTimedSerializer(self._key, salt=f"callwright.{purpose}", signer_kwargs=signer)
