"""A small OpenID Connect provider on a free port, made of Authlib's server: strict about PKCE, able to misbehave."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

CLIENT, SECRET = "callwright", "between us"


class Client(ClientMixin):  # type: ignore[misc]
    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, secret: str) -> bool:
        return secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code:
    code: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Provider:
    """`claims` go into the next id_token over what is right; `sign_with` (a key, or bytes for `forged`) and `header`
    likewise."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    subject: str = "u-1"
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    sign_with: Any = None
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    codes: dict[str, Code] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    now: int = 0


def forged(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """A token as libraries refuse to make it: HMAC with any bytes, or no signature at all."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    text = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{text}.{part(hmac.digest(key, text.encode(), 'sha256')) if key else ''}"


@contextmanager
def running(redirect_uri: str, now: int) -> Iterator[Provider]:
    """The provider, which vouches for whoever comes; stopped afterwards."""
    provider = Provider(now=now)
    app = Flask("provider")
    server = AuthorizationServer(
        app, query_client=lambda id: Client(redirect_uri) if id == CLIENT else None, save_token=lambda *_: None
    )

    class Grant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = ["client_secret_basic"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            given = request.payload.data
            rest = [given.get(name, "") for name in ("nonce", "code_challenge", "code_challenge_method")]
            provider.codes[code] = Code(code, redirect_uri, request.payload.scope, *rest)

        def query_authorization_code(self, code: str, client: Any) -> Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del provider.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> str:
            return provider.subject

    class IdToken:
        def __call__(self, grant: Any) -> None:
            grant.register_hook("after_create_token_response", self.add)

        def add(self, grant: Any, answer: Any) -> None:
            _, token, _ = answer
            code = grant.request.authorization_code
            claims = {"iss": provider.issuer, "sub": provider.subject, "aud": CLIENT, "iat": provider.now,
                      "exp": provider.now + 300, "nonce": code.nonce, "email": "agent@example.com",
                      "email_verified": True, **provider.claims}  # fmt: skip
            claims = {name: value for name, value in claims.items() if value is not None}
            if isinstance(provider.sign_with, bytes):
                token["id_token"] = forged(provider.header, claims, provider.sign_with)
            else:
                token["id_token"] = jwt.encode(provider.header, claims, provider.sign_with or provider.key)

    server.register_grant(Grant, [CodeChallenge(required=True), IdToken()])

    @app.get("/.well-known/openid-configuration")
    def metadata() -> Response:
        return jsonify(
            issuer=provider.issuer,
            authorization_endpoint=f"{provider.issuer}/authorize",
            token_endpoint=f"{provider.issuer}/token",
            jwks_uri=f"{provider.issuer}/jwks",
        )

    @app.get("/jwks")
    def jwks() -> Response:
        return jsonify(KeySet([provider.key]).as_dict(private=False))

    @app.get("/authorize")
    def authorize() -> Any:
        provider.asked.append(dict(request.args))
        grant = server.get_consent_grant(end_user=provider.subject)
        return server.create_authorization_response(grant_user=provider.subject, grant=grant)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    listening = make_server("127.0.0.1", 0, app, threaded=True)
    provider.issuer = f"http://127.0.0.1:{listening.port}"
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
