"""Headers of every answer: what a page may load and who may show it (https://owasp.org/www-project-secure-headers/)."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-src": "'self'",
    "frame-ancestors": "'self'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "desk",
}
"""Nothing inline, nothing of other hosts; HTML is put into a page through one policy, in `fragments.js`."""


def policy(live_url: str) -> str:
    """The Content-Security-Policy, with the host of the live events where that is another."""
    rules = dict(POLICY)
    if live_url:
        parts = urlsplit(live_url)
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        rules["connect-src"] += f" {scheme}://{parts.netloc}"
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def put(response: Response, *, csp: str, secure: bool) -> Response:
    """What a page set itself stays."""
    given = response.headers
    given.setdefault("Content-Security-Policy", csp)
    given.setdefault("Cache-Control", "no-store")
    given["X-Content-Type-Options"] = "nosniff"
    given["X-Frame-Options"] = "SAMEORIGIN"
    given["Referrer-Policy"] = "same-origin"
    given["Cross-Origin-Opener-Policy"] = "same-origin"
    given["Cross-Origin-Resource-Policy"] = "same-origin"
    given["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=(), payment=(), usb=()"
    if secure:
        given["Strict-Transport-Security"] = "max-age=31536000"
    return response
