"""Requests that change something must come from our own pages: a token of the session in the form or a header, and no
sign in the browser's own headers that another site sent it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Request

from callcenter.desk.secret import Key, same

FIELD, HEADER = "csrf", "X-CSRF-Token"


def token(key: Key, cookie: str) -> str:
    """The token that belongs to a cookie's value; it changes with it."""
    made = hmac.new(key.derived("csrf"), cookie.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def fault(request: Request, expected: str, base_url: str) -> str:
    """Why a request isn't taken for ours; "" if it is. Header names: https://www.w3.org/TR/fetch-metadata/"""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none"):
        return "it was sent from another site"
    origin = request.headers.get("Origin")
    if origin is not None and _host(origin) not in (request.host, urlsplit(base_url).netloc):
        return "it was sent from another site"
    given = request.headers.get(HEADER) or ("" if request.is_json else request.form.get(FIELD, ""))
    if not expected or not same(given, expected):
        return "the page is too old, or not ours"
    return ""


def _host(origin: str) -> str:
    """Host and port; "" for what is no origin."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
