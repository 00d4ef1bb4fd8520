"""Tokens of the company's own login: a JWT (RFC 7519) that says who the visitor is.

`sub` is the company's name for the customer, kept as an account; `exp` is needed, and no token counts for longer than
a day. `name`, `email` and `phone_number` are OpenID Connect's standard claims; the latter two count where the login
says that it has verified them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

SHORTEST = 32
"""Characters of a shared secret: as many bits as its hash has (RFC 7518, 3.2)."""
LONGEST = 24 * 3600
LEEWAY = 30


class BadToken(ValueError):
    """It isn't the login's, or no longer."""


@dataclass(frozen=True, slots=True)
class Claims:
    """`identifiers` are (kind, value) pairs that the login vouches for, the account first."""

    name: str
    language: str
    identifiers: tuple[tuple[str, str], ...]


class Login:
    """`setting` is CHAT_TOKEN_KEY: a shared secret (HS256), or the path of a PEM file with a public key (Ed25519,
    ES256 or RS256). Raises ValueError."""

    def __init__(self, setting: str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._key: OctKey | OKPKey | ECKey | RSAKey
        if setting.endswith(".pem"):
            self._key, self._algorithms = _public(Path(setting))
            return
        if len(setting) < SHORTEST:
            raise ValueError(f"CHAT_TOKEN_KEY needs {SHORTEST} characters or more, or a file that ends in .pem")
        self._key, self._algorithms = OctKey.import_key(setting), ["HS256"]

    def read(self, token: str) -> Claims:
        """Raises `BadToken`."""
        if len(token) > 8192:
            raise BadToken("it is too long")
        try:
            # The algorithm is the key's, never the token's choice (RFC 8725, 3.1).
            claims = jwt.decode(token, self._key, algorithms=self._algorithms).claims
        except (JoseError, ValueError, TypeError) as error:
            raise BadToken(f"it can't be verified: {type(error).__name__}") from None
        self._in_time(claims)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject.strip() or len(subject) > 200:
            raise BadToken("it names nobody (sub)")
        known = [("account", subject)]
        for kind, claim in (("email", "email"), ("phone", "phone_number")):
            if isinstance(value := claims.get(claim), str) and claims.get(f"{claim}_verified") is True:
                known.append((kind, value))
        return Claims(_text(claims.get("name")), _text(claims.get("locale"))[:2].lower(), tuple(known))

    def _in_time(self, claims: dict[str, Any]) -> None:
        now = self._clock()
        ends = claims.get("exp")
        if not isinstance(ends, int | float) or isinstance(ends, bool):
            raise BadToken("it has no end (exp)")
        if ends + LEEWAY < now:
            raise BadToken("it is over")
        if ends > now + LONGEST:
            raise BadToken("it counts for more than a day")
        begins = claims.get("nbf", claims.get("iat", now))
        if not isinstance(begins, int | float) or begins - LEEWAY > now:
            raise BadToken("it doesn't count yet")


def _public(path: Path) -> tuple[OKPKey | ECKey | RSAKey, list[str]]:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise ValueError(f"CHAT_TOKEN_KEY: {path} can't be read ({error.strerror})") from None
    if b"PRIVATE" in pem:
        raise ValueError(f"CHAT_TOKEN_KEY: {path} is a private key; give the public one")
    # Ed25519 was called EdDSA before RFC 9864, and is by most.
    for kind, algorithms in ((OKPKey, ["Ed25519", "EdDSA"]), (ECKey, ["ES256"]), (RSAKey, ["RS256"])):
        try:
            key = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        return key, algorithms
    raise ValueError(f"CHAT_TOKEN_KEY: {path} holds no Ed25519, P-256 or RSA public key")


def _text(value: Any) -> str:
    return " ".join(value.split())[:200] if isinstance(value, str) else ""
