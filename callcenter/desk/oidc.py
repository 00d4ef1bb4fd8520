"""Single sign-on by OpenID Connect Core 1.0: the authorization code flow with PKCE (RFC 7636), through Authlib.

Strict: the state belongs to the browser that began, is used once and ends after ten minutes; the nonce and the code's
verifier never leave the server; the id_token's signature, issuer, audience and times are checked, and only asymmetric
algorithms are taken. A user is never made here: an admin has made them, and the provider's verified mail address says
which one it is the first time; from then on the subject does.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
import sqlalchemy as sa
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.engine import Connection

from callcenter.desk.ports import Provider
from callcenter.desk.secret import digest, new_token, same
from callcenter.desk.users import User, user_of
from callcenter.desk_tables import oidc_logins, users

logger = logging.getLogger(__name__)

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
SCOPE = "openid email profile"
LIFE = timedelta(minutes=10)
LEEWAY = 60
"""Seconds that two clocks may differ."""
TIMEOUT = 10
METADATA_SECONDS = 3600


class SignOnFailed(Exception):
    """It can't be said who this is; the words are for the log."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send the browser."""

    url: str


class Client:
    """One provider; thread-safe. Its metadata and keys are asked for when they are needed, and kept for an hour."""

    def __init__(self, provider: Provider, redirect_uri: str) -> None:
        self.provider = provider
        self.redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._known: tuple[float, dict[str, Any], KeySet] | None = None

    def begin(self, conn: Connection, *, browser: str, next_path: str, now: datetime) -> Begun:
        """Remember a sign-on that begins in this browser (its cookie). Raises `SignOnFailed`. Call `metadata` before
        the transaction: it may take a while."""
        state, nonce, verifier = new_token(), new_token(), new_token()
        conn.execute(sa.delete(oidc_logins).where(oidc_logins.c.expires_at < now))
        conn.execute(
            sa.insert(oidc_logins).values(
                state=digest(state),
                browser=digest(browser),
                nonce=nonce,
                verifier=verifier,
                next=next_path,
                expires_at=now + LIFE,
            )
        )
        endpoint = self.metadata()["authorization_endpoint"]
        with self._session() as session:
            url, _ = session.create_authorization_url(endpoint, state=state, nonce=nonce, code_verifier=verifier)
        return Begun(url)

    def claims(self, code: str, nonce: str, verifier: str, now: datetime) -> dict[str, Any]:
        """Who the provider says it is: the checked claims of the id_token. Raises `SignOnFailed`."""
        try:
            with self._session() as session:
                token = session.fetch_token(
                    self.metadata()["token_endpoint"], code=code, code_verifier=verifier, timeout=TIMEOUT
                )
            return self._checked(str(token.get("id_token", "")), str(token.get("access_token", "")), nonce, now)
        except (AuthlibBaseError, JoseError, requests.RequestException, ValueError, KeyError) as error:
            raise SignOnFailed(f"{type(error).__name__}: {error}") from None

    def metadata(self) -> dict[str, Any]:
        """The provider's, from its discovery document. Raises `SignOnFailed`."""
        return self._discovered()[0]

    def _checked(self, id_token: str, access_token: str, nonce: str, now: datetime) -> dict[str, Any]:
        metadata, keys = self._discovered()
        try:
            token = jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # The provider may have changed its keys since.
            metadata, keys = self._discovered(anew=True)
            token = jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        claims = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": metadata["issuer"]},
             "aud": {"essential": True, "value": self.provider.client_id}},
            {"nonce": nonce, "client_id": self.provider.client_id, "access_token": access_token},
        )  # fmt: skip
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise ValueError("the subject is missing")
        return dict(claims)

    def _discovered(self, *, anew: bool = False) -> tuple[dict[str, Any], KeySet]:
        with self._lock:
            if self._known is not None and not anew and time.monotonic() - self._known[0] < METADATA_SECONDS:
                return self._known[1:]
            issuer = self.provider.issuer.rstrip("/")
            try:
                metadata = _json(f"{issuer}/.well-known/openid-configuration")
                if str(metadata.get("issuer", "")).rstrip("/") != issuer:
                    raise SignOnFailed(f"the discovery document is another issuer's: {metadata.get('issuer')}")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    if not str(metadata.get(name, "")).startswith(("https://", "http://")):
                        raise SignOnFailed(f"the discovery document has no {name}")
                keys = KeySet.import_key_set(_json(metadata["jwks_uri"]))  # type: ignore[arg-type]
            except (requests.RequestException, JoseError, ValueError, KeyError) as error:
                raise SignOnFailed(f"the provider's metadata can't be read: {type(error).__name__}: {error}") from None
            self._known = (time.monotonic(), metadata, keys)
            return metadata, keys

    def _session(self) -> Any:
        return OAuth2Session(
            self.provider.client_id,
            self.provider.client_secret,
            scope=SCOPE,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
        )


def take(conn: Connection, state: str, browser: str, now: datetime) -> Any:
    """The sign-on that comes back, which is used up: a row with nonce, verifier and next. Raises `SignOnFailed` where
    this browser began none with that state."""
    row = conn.execute(sa.select(oidc_logins).where(oidc_logins.c.state == digest(state))).one_or_none()
    if row is None or conn.execute(sa.delete(oidc_logins).where(oidc_logins.c.state == row.state)).rowcount != 1:
        raise SignOnFailed("the state is unknown, or was used")
    if row.expires_at <= now:
        raise SignOnFailed("the sign-on took too long")
    if not same(row.browser, digest(browser)):
        raise SignOnFailed("another browser began this sign-on")
    return row


def user_for(conn: Connection, claims: dict[str, Any]) -> User:
    """The user whom the claims name; the first time, by a verified mail address. Raises `SignOnFailed`."""
    subject = f"{claims['iss']} {claims['sub']}"
    row = conn.execute(sa.select(users).where(users.c.oidc_subject == subject)).one_or_none()
    if row is None:
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise SignOnFailed("unknown subject, and no verified mail address")
        found = conn.execute(sa.select(users).where(users.c.email == email.strip().lower())).all()
        if len(found) != 1 or found[0].oidc_subject is not None:
            raise SignOnFailed("no user, or several, or one of another subject, has this mail address")
        row = found[0]
        conn.execute(sa.update(users).where(users.c.id == row.id).values(oidc_subject=subject))
        row = conn.execute(sa.select(users).where(users.c.id == row.id)).one()
    if not row.active:
        raise SignOnFailed("the user is switched off")
    return user_of(row)


def _json(url: str) -> dict[str, Any]:
    response = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
    response.raise_for_status()
    found = response.json()
    if not isinstance(found, dict):
        raise ValueError(f"{url} gives no object")
    return found
