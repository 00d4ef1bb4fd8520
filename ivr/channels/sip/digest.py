"""Digest of callers (RFC 3261 section 22, RFC 8760): SHA-256 and MD5, qop=auth, nonces that expire, no replay."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from aiosipua.headers import AuthCredentials, parse_auth

from ivr.channels.sip.clock import Clock
from ivr.channels.sip.message import Request

NONCE_SECONDS = 60.0
"""After this a nonce is stale: the client is told to try again with a new one, without asking its user."""
_HASHES = {"SHA-256": "sha256", "MD5": "md5"}
_MAX_USED = 20_000

Secrets = Callable[[str, str], str | None]
"""H(A1), the hex digest of `user:realm:password` (RFC 7616 section 3.4.2), of a user by a hash's name; None for a user
who is unknown or has no such hash."""
Verdict = Literal["ok", "stale", "wrong", "no"]
"""`wrong` is a guess: a nonce that we gave to this very address, and a name or password that is not right. `no` is
anything that could not have been right, so that a forged source address can't lock its owner out."""


class DigestServer:
    """Challenges and checks. A nonce carries its time and our seal, so that unanswered challenges cost no memory."""

    def __init__(
        self, users: Mapping[str, str] | Secrets, realm: str, clock: Clock, digests: Sequence[str] = tuple(_HASHES)
    ) -> None:
        """`users` are passwords by name, or a look-up. Raises ValueError for a hash that is neither SHA-256 nor MD5."""
        self._realm, self._clock = realm, clock
        self._secret = users if callable(users) else self._of_passwords(users)
        if not digests or set(digests) - set(_HASHES):
            raise ValueError(f"digests are {', '.join(_HASHES)}, not {', '.join(digests) or 'none'}")
        self._hashes = {name: _HASHES[name] for name in digests}
        self._key = secrets.token_bytes(32)
        self._used: dict[str, tuple[float, int]] = {}

    def _of_passwords(self, users: Mapping[str, str]) -> Secrets:
        return lambda name, algorithm: self.hash_of(name, users[name], algorithm) if name in users else None

    def hash_of(self, name: str, password: str, algorithm: str) -> str:
        """H(A1) by this hash."""
        text = f"{name}:{self._realm}:{password}".encode("utf-8", "replace")
        return hashlib.new(_HASHES[algorithm], text, usedforsecurity=False).hexdigest()

    def name_of(self, request: Request) -> str:
        """Whose credentials for this realm the request carries, or ""; whether they are right, `check` says."""
        for value in request.headers("authorization"):
            credentials = parse_auth(value, credentials=True)
            if credentials.scheme.lower() == "digest" and credentials.params.get("realm") == self._realm:
                return str(credentials.params.get("username", ""))
        return ""

    def challenges(self, source: str, *, stale: bool = False, only: Sequence[str] | None = None) -> list[str]:
        """WWW-Authenticate values for a client at `source`, the best hash first (RFC 8760 section 2.4); of `only`
        these hashes, where any of them is in use."""
        nonce = self._nonce(source)
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm="{self._realm}", nonce="{nonce}", algorithm={name}, qop="auth"{tail}'
            for name in ([name for name in self._hashes if name in only] if only else []) or self._hashes
        ]

    def check(self, request: Request) -> Verdict:
        """Whether the request carries credentials of a user for this realm, this method and this URI."""
        for value in request.headers("authorization"):
            credentials = parse_auth(value, credentials=True)
            if credentials.scheme.lower() == "digest" and credentials.params.get("realm") == self._realm:
                return self._check(credentials, request)
        return "no"

    def _check(self, credentials: AuthCredentials, request: Request) -> Verdict:
        get = credentials.params.get
        name, nonce, count = get("username", ""), get("nonce", ""), get("nc", "")
        named = get("algorithm", "MD5").upper()
        algorithm = self._hashes.get(named)
        # The digest covers the `uri` parameter, so that must be the URI that is asked for.
        if algorithm is None or get("qop", "").lower() != "auth" or get("uri", "") != request.uri:
            return "no"
        if len(count) != 8 or not set(count.lower()) <= set("0123456789abcdef") or not get("cnonce"):
            return "no"
        issued = self._issued(nonce, request.flow.remote[0])
        if issued is None:
            return "no"

        def digest(text: str) -> str:
            return hashlib.new(algorithm, text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()

        # An unknown name costs the same time as a wrong password.
        known = self._secret(name, named)
        secret = known or self.hash_of(name, secrets.token_hex(8), named)
        what = digest(f"{request.method}:{request.uri}")
        right = digest(f"{secret}:{nonce}:{count}:{get('cnonce', '')}:auth:{what}")
        if not hmac.compare_digest(right.encode(), get("response", "").lower().encode("utf-8", "replace")):
            return "wrong"
        if known is None:
            return "wrong"
        now = self._clock.time()
        if now - issued > NONCE_SECONDS:
            return "stale"
        last = self._used.get(nonce, (0.0, 0))[1]
        if int(count, 16) <= last:
            return "stale"
        self._remember(nonce, issued, int(count, 16), now)
        return "ok"

    def _remember(self, nonce: str, issued: float, count: int, now: float) -> None:
        if len(self._used) >= _MAX_USED:
            self._used = {key: used for key, used in self._used.items() if now - used[0] <= NONCE_SECONDS}
        self._used[nonce] = (issued, count)

    def _nonce(self, source: str) -> str:
        text = f"{int(self._clock.time() * 1000):x}.{secrets.token_hex(6)}"
        return f"{text}.{self._seal(text, source)}"

    def _issued(self, nonce: str, source: str) -> float | None:
        """When we made this nonce for this address, or None where we did not."""
        text, _, seal = nonce.rpartition(".")
        if not nonce.isascii() or not hmac.compare_digest(seal, self._seal(text, source)):
            return None
        return int(text.split(".")[0], 16) / 1000

    def _seal(self, text: str, source: str) -> str:
        return hmac.new(self._key, f"{text}.{source}".encode(), "sha256").hexdigest()[:24]
